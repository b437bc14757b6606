// Elementwise work on the output of a product, or of elementwise work, moves to that, where it runs
// on each part that is finished: the part is in the cache still. The kernels stay the same, and so
// do the bits.
#include <algorithm>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace chainrule::graph {

namespace {

constexpr size_t kMostTails = 8;

class Tails {
 public:
  explicit Tails(Program& p)
      : p_(p), placed_(p.commit_begin, false), constant_(p.values.size(), false) {
    for (size_t id = 0; id < constant_.size(); ++id) {
      constant_[id] = p.values[id].source == Source::kNumber;
    }
  }

  void run() {
    for (size_t i = 0; i < p_.commit_begin; ++i) {
      if (placed_[i]) continue;
      place(i);
      if (takes_tail(p_.code[i])) gather(i);
    }
    std::vector<Instruction> code;
    for (size_t i : order_) code.push_back(std::move(p_.code[i]));
    std::move(code.begin(), code.end(), p_.code.begin());
    for (size_t i = 0; i < p_.commit_begin; ++i) {
      for (ValueId id : p_.code[i].outputs) p_.values[id].index = static_cast<int>(i);
    }
  }

 private:
  // Not so one that runs once for all runs, as a memory plan has it.
  bool takes_tail(const Instruction& in) {
    const bool constant = std::all_of(in.inputs.begin(), in.inputs.end(),
                                      [&](ValueId id) { return id == kNone || constant_[id]; });
    for (ValueId id : in.outputs) constant_[id] = constant;
    if (constant) return false;
    if (in.op->is(kTakesTail)) return p_.values[in.outputs[0]].sizes.size() == 2;
    return in.op->is(kElementwise) && in.op->forward.prepare && in.outputs.size() == 1;
  }

  void gather(size_t head) {
    members_ = {p_.code[head].outputs[0]};
    for (size_t j = head + 1; j < p_.commit_begin && members_.size() <= kMostTails; ++j) {
      Instruction& in = p_.code[j];
      if (placed_[j] || !fits(in)) continue;
      in.tail = true;
      place(j);
      members_.push_back(in.outputs[0]);
    }
  }

  bool is_member(ValueId id) const {
    return std::find(members_.begin(), members_.end(), id) != members_.end();
  }

  // Whether all that it reads is there when the first of them begins, or is made by them.
  bool fits(const Instruction& in) const {
    if (!in.op->is(kElementwise) || !in.op->forward.prepare || in.outputs.size() != 1) return false;
    const Value& out = p_.values[in.outputs[0]];
    if (out.view || !(out.sizes == p_.values[members_[0]].sizes)) return false;
    bool reads_member = false;
    for (ValueId id : in.inputs) {
      if (id == kNone) return false;
      const Value& v = p_.values[id];
      if (is_member(id)) {
        reads_member = true;
        continue;
      }
      if (v.source == Source::kInstruction && !placed_[v.index]) return false;
      const bool fitting = v.sizes == out.sizes && is_dense(v);
      if (!fitting && v.sizes.product() != 1) return false;
    }
    return reads_member;
  }

  void place(size_t i) {
    placed_[i] = true;
    order_.push_back(i);
  }

  Program& p_;
  std::vector<bool> placed_;  // which instructions have their place
  std::vector<bool> constant_;
  std::vector<size_t> order_;
  std::vector<ValueId> members_;
};

}  // namespace

void attach_tails(Program& p) { Tails(p).run(); }

}  // namespace chainrule::graph
