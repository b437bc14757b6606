// The interval test of a memory plan: walks through the run and looks that no two values that are
// both needed lie in the same bytes.
#include <algorithm>
#include <map>

#include "graph/passes/rewrite.h"
#include "graph/program.h"

namespace chainrule::graph {

namespace {

class Walk {
 public:
  explicit Walk(const Program& p) : p_(p), last_(p.values.size(), 0) {
    for (size_t i = 0; i < p.forward_end; ++i) {
      for (ValueId id : p.code[i].inputs) use(id, i);
      for (ValueId id : p.code[i].outputs) use(id, i);
    }
    for (const WriteBack& w : p.writes) use(w.value, p.forward_end);
  }

  void run() {
    size_t head = 0;
    for (size_t i = 0; i < p_.forward_end; ++i) {
      if (!p_.code[i].tail) head = i;
      step(i, head);
      const bool last = i + 1 == p_.forward_end || !p_.code[i + 1].tail;
      for (size_t j = head; last && j <= i; ++j) {
        end(p_.code[j], i);
        forget(p_.memory.scratch[j], kNone);
      }
    }
  }

 private:
  struct Stretch {
    int64_t end;
    ValueId root;  // kNone: scratch memory
  };

  void use(ValueId id, size_t at) {
    if (id != kNone) last_[root_of(p_, id)] = at;
  }
  bool in_arena(ValueId root) const { return p_.memory.places[root].home == Home::kArena; }
  int64_t bytes(ValueId root) const {
    return p_.values[root].sizes.product() * static_cast<int64_t>(itemsize(p_.values[root].dtype));
  }

  // Together with an instruction run its tails, part by part.
  void step(size_t i, size_t head) {
    const Instruction& in = p_.code[i];
    if (in.tail && p_.memory.constant[head]) fail(i, "is a tail of what runs once");
    if (p_.memory.constant[i]) return;  // ran before all others, on memory of its own
    const int64_t scratch = p_.memory.scratch[i];
    check(i, head, scratch, in.scratch_bytes, kNone);
    if (in.scratch_bytes > 0) live_[scratch] = {scratch + in.scratch_bytes, kNone};
    if (i >= p_.commit_begin) return;
    for (ValueId id : in.outputs) {
      if (p_.values[id].view || !in_arena(id) || bytes(id) == 0) continue;
      const int64_t offset = p_.memory.places[id].offset;
      check(i, head, offset, bytes(id), id);
      live_.insert_or_assign(offset, Stretch{offset + bytes(id), id});
    }
  }

  bool reads(const Instruction& in, ValueId root) const {
    return std::any_of(in.inputs.begin(), in.inputs.end(),
                       [&](ValueId id) { return id != kNone && root_of(p_, id) == root; });
  }

  // What nobody reads after instruction i.
  void end(const Instruction& in, size_t i) {
    for (const auto* list : {&in.inputs, &in.outputs}) {
      for (ValueId id : *list) {
        if (id == kNone || last_[root_of(p_, id)] > i) continue;
        const ValueId root = root_of(p_, id);
        forget(p_.memory.places[root].offset, root);
      }
    }
  }

  void forget(int64_t offset, ValueId root) {
    const auto at = live_.find(offset);
    if (at != live_.end() && at->second.root == root) live_.erase(at);
  }

  // Of instruction i: `id` (its scratch memory: kNone) lies there.
  void check(size_t i, size_t head, int64_t offset, int64_t size, ValueId id) {
    const bool inside = offset >= 0 && offset + size <= p_.memory.arena_bytes;
    if (size > 0 && (!inside || offset % static_cast<int64_t>(kAlignment) != 0))
      fail(i, "lies outside");
    auto at = live_.upper_bound(offset);
    if (at != live_.begin()) --at;  // of those before, none reaches further than the last
    for (; at != live_.end() && at->first < offset + size; ++at) {
      const auto& [begin, stretch] = *at;
      if (stretch.end <= offset) continue;
      const bool values = id != kNone && stretch.root != kNone;
      const bool taken_over = values && p_.code[i].op->is(kElementwise) && begin == offset &&
                              last_[stretch.root] == i && reads(p_.code[i], stretch.root) &&
                              (i == head || !reads(p_.code[head], stretch.root));
      if (!taken_over) fail(i, "overwrites what is needed");
    }
  }

  [[noreturn]] void fail(size_t i, const char* what) const {
    throw InternalError(str("[verify] the memory of ", p_.code[i].op->name, " ", what, "."));
  }

  const Program& p_;
  std::vector<size_t> last_;
  std::map<int64_t, Stretch> live_;
};

}  // namespace

void verify_memory(const Program& program) { Walk(program).run(); }

}  // namespace chainrule::graph
