#include "graph/memory_plan.h"

#include <algorithm>
#include <map>
#include <set>

#include "graph/passes/rewrite.h"

namespace chainrule::graph {

namespace {

constexpr int64_t kUnit = kAlignment;

int64_t bytes_of(const Value& v) {
  const int64_t bytes = v.sizes.product() * static_cast<int64_t>(itemsize(v.dtype));
  return (bytes + kUnit - 1) / kUnit * kUnit;
}
int64_t padded(int64_t bytes) { return (bytes + kUnit - 1) / kUnit * kUnit; }

// Free stretches of the arena. The smallest that fits is taken, of equal ones the first: memory
// that was in use a moment ago is in the cache.
class Arena {
 public:
  int64_t take(int64_t bytes) {
    if (bytes == 0) return 0;
    auto best = free_.end();
    for (auto f = free_.begin(); f != free_.end(); ++f) {
      if (f->second >= bytes && (best == free_.end() || f->second < best->second)) best = f;
    }
    if (best == free_.end()) return grow(bytes);
    const auto [offset, room] = *best;
    free_.erase(best);
    if (room > bytes) free_[offset + bytes] = room - bytes;
    return offset;
  }
  void give(int64_t offset, int64_t bytes) {
    if (bytes == 0) return;
    auto next = free_.lower_bound(offset);
    if (next != free_.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        before->second += bytes;
        return;
      }
    }
    free_[offset] = bytes;
  }
  int64_t size() const { return size_; }

 private:
  // At the end; what is free there is a part of it.
  int64_t grow(int64_t bytes) {
    int64_t offset = size_;
    if (!free_.empty()) {
      const auto last = std::prev(free_.end());
      if (last->first + last->second == size_) {
        offset = last->first;
        free_.erase(last);
      }
    }
    size_ = offset + bytes;
    return offset;
  }

  std::map<int64_t, int64_t> free_;  // offset -> bytes
  int64_t size_ = 0;
};

class Planner {
 public:
  explicit Planner(const Program& p) : p_(p), last_(p.values.size(), -1) {
    plan_.places.resize(p.values.size());
    plan_.scratch.resize(p.code.size());
    plan_.constant.resize(p.code.size());
  }

  MemoryPlan plan() {
    find_homes();
    find_last_uses();
    for (size_t i = 0; i < p_.commit_begin; i = p_.end_of_group(i)) place(i);
    for (size_t i = p_.commit_begin; i < p_.forward_end; ++i) {
      take_scratch(i);
      give_scratch(i);
    }
    plan_.peak_bytes = plan_.arena_bytes = arena_.size();
    for (ValueId id = 0; id < static_cast<ValueId>(p_.values.size()); ++id) {
      const bool own = place_of(id).home == Home::kFresh || place_of(id).home == Home::kConstant;
      if (own && place_of(id).root == id) plan_.peak_bytes += bytes_of(p_.values[id]);
    }
    return std::move(plan_);
  }

 private:
  MemoryPlan::Place& place_of(ValueId id) { return plan_.places[id]; }

  void find_homes() {
    for (ValueId id = 0; id < static_cast<ValueId>(p_.values.size()); ++id) {
      place_of(id).root = id;
      if (p_.values[id].source == Source::kNumber) place_of(id).home = Home::kConstant;
      if (p_.values[id].source == Source::kInstruction) place_of(id).home = Home::kArena;
    }
    for (size_t i = 0; i < p_.commit_begin; ++i) find_roots(p_.code[i]);
    find_escapes();
    for (size_t i = 0; i < p_.commit_begin; ++i) plan_.constant[i] = find_constant(p_.code[i]);
  }

  void find_roots(const Instruction& in) {
    for (ValueId id : in.outputs) {
      const Value& v = p_.values[id];
      if (!v.view) continue;
      const MemoryPlan::Place& owner = place_of(in.inputs[0]);
      const int64_t item = itemsize(v.dtype);
      place_of(id) = {owner.home, owner.root, owner.offset + v.offset * item};
    }
  }

  void find_escapes() {
    const auto escapes = [&](ValueId id) {
      if (id == kNone) return;
      MemoryPlan::Place& root = place_of(place_of(id).root);
      if (root.home == Home::kArena) root.home = Home::kFresh;
    };
    for (const auto* list : {&p_.results, &p_.own_leaves, &p_.leaves, &p_.backward_reads}) {
      for (ValueId id : *list) escapes(id);
    }
    for (const GradBinding& g : p_.gradients) escapes(g.value);
  }

  // Whether the instruction runs once for all runs; its outputs' homes.
  bool find_constant(const Instruction& in) {
    const bool fixed = !in.op->is(kMutates) &&
                       std::all_of(in.inputs.begin(), in.inputs.end(),
                                   [&](ValueId id) {
                                     return id == kNone || place_of(id).home == Home::kConstant;
                                   }) &&
                       std::all_of(in.outputs.begin(), in.outputs.end(), [&](ValueId id) {
                         return p_.values[id].view || place_of(id).home == Home::kArena;
                       });
    for (ValueId id : in.outputs) {
      MemoryPlan::Place& place = place_of(id);
      if (fixed && !p_.values[id].view) place.home = Home::kConstant;
      place.home = place_of(place.root).home;
    }
    return fixed;
  }

  // Of roots; what is written at commit lives until then.
  void find_last_uses() {
    const auto use = [&](ValueId id, size_t at) {
      if (id != kNone) last_[place_of(id).root] = static_cast<int>(at);
    };
    for (size_t i = 0; i < p_.forward_end; ++i) {
      const size_t at = std::min(i, p_.commit_begin);
      for (ValueId id : p_.code[i].inputs) use(id, at);
      if (i < p_.commit_begin) {
        for (ValueId id : p_.code[i].outputs) use(id, at);
      }
    }
    for (const WriteBack& w : p_.writes) use(w.value, p_.commit_begin);
  }

  // Whether nobody reads it after the instructions [begin, end).
  bool dies(ValueId root, size_t begin, size_t end) const {
    const int last = last_[root];
    return plan_.places[root].home == Home::kArena && last >= static_cast<int>(begin) &&
           last < static_cast<int>(end);
  }

  // Instruction i and its tails, which run part by part: what one of them reads, and its scratch
  // memory, has to stay until all have run.
  void place(size_t i) {
    const size_t end = p_.end_of_group(i);
    if (plan_.constant[i]) return;
    std::set<ValueId> done;  // roots whose bytes are given back, or another's now
    for (size_t j = i; j < end; ++j) {
      const ValueId taken = taken_over(j, i);
      if (taken != kNone) done.insert(taken);
      for (ValueId id : p_.code[j].outputs) {
        if (p_.values[id].view || place_of(id).home != Home::kArena) continue;
        place_of(id).offset =
            taken != kNone ? place_of(taken).offset : arena_.take(bytes_of(p_.values[id]));
      }
      take_scratch(j);
    }
    for (size_t j = i; j < end; ++j) give_scratch(j);
    const auto end_of = [&](ValueId id) {
      if (id == kNone) return;
      const ValueId root = place_of(id).root;
      if (!dies(root, i, end) || !done.insert(root).second) return;
      arena_.give(place_of(root).offset, bytes_of(p_.values[root]));
    };
    for (size_t j = i; j < end; ++j) {
      for (ValueId id : p_.code[j].inputs) end_of(id);
      for (ValueId id : p_.code[j].outputs) end_of(id);
    }
  }

  void take_scratch(size_t i) { plan_.scratch[i] = arena_.take(padded(p_.code[i].scratch_bytes)); }
  void give_scratch(size_t i) { arena_.give(plan_.scratch[i], padded(p_.code[i].scratch_bytes)); }

  bool reads(const Instruction& in, ValueId root) const {
    return std::any_of(in.inputs.begin(), in.inputs.end(),
                       [&](ValueId id) { return id != kNone && plan_.places[id].root == root; });
  }

  // The input whose bytes the instruction's output takes: an elementwise kernel has read an element
  // when it writes it. Not what the product reads whose tail it is.
  ValueId taken_over(size_t i, size_t head) const {
    const Instruction& in = p_.code[i];
    if (!in.op->is(kElementwise) || !in.op->forward.prepare || in.outputs.size() != 1) return kNone;
    const Value& out = p_.values[in.outputs[0]];
    const MemoryPlan::Place& out_place = plan_.places[in.outputs[0]];
    if (out.view || out_place.home != Home::kArena) return kNone;
    for (ValueId id : in.inputs) {
      if (id == kNone) continue;
      const ValueId root = plan_.places[id].root;
      if (!dies(root, i, i + 1) || bytes_of(p_.values[root]) != bytes_of(out)) continue;
      if (i != head && reads(p_.code[head], root)) continue;
      // Every window on it is read in the order of the output.
      const bool in_order = std::all_of(in.inputs.begin(), in.inputs.end(), [&](ValueId other) {
        if (other == kNone || plan_.places[other].root != root) return true;
        const Value& v = p_.values[other];
        return v.sizes == out.sizes && itemsize(v.dtype) == itemsize(out.dtype) && is_dense(v) &&
               (other == root || plan_.places[other].offset == 0);
      });
      if (in_order) return root;
    }
    return kNone;
  }

  const Program& p_;
  MemoryPlan plan_;
  std::vector<int> last_;
  Arena arena_;
};

}  // namespace

MemoryPlan plan_memory(const Program& program) { return Planner(program).plan(); }

}  // namespace chainrule::graph
