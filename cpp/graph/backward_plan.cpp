#include "graph/backward_plan.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "graph/passes/passes.h"

namespace chainrule::graph {

namespace {

// Copies the section: what it reads becomes arguments, what others take its results.
class Cut {
 public:
  explicit Cut(const Program& from) : from_(from) {}

  Program program(std::vector<int>& result_of) {
    to_.numbers = from_.numbers;
    for (const auto* list : {&from_.backward_reads, &from_.seeds}) {
      for (ValueId id : *list) add_argument(id);
    }
    for (size_t i = from_.forward_end; i < from_.code.size(); ++i) add(from_.code[i]);
    to_.forward_end = to_.commit_begin = to_.code.size();
    for (const Contribution& c : from_.contributions) {
      const ValueId id = value(c.value);
      const auto known = std::find(to_.results.begin(), to_.results.end(), id);
      result_of.push_back(static_cast<int>(known - to_.results.begin()));
      if (known == to_.results.end()) to_.results.push_back(id);
    }
    return std::move(to_);
  }

 private:
  ValueId push(ValueId id, Value v) {
    const auto now = static_cast<ValueId>(to_.values.size());
    to_.values.push_back(std::move(v));
    return now_[id] = now;
  }

  void add_argument(ValueId id) {
    const Value& v = from_.values[id];
    Value argument{Source::kArgument, static_cast<int>(to_.arguments.size()), v.dtype, v.sizes};
    argument.strides = contiguous_strides(v.sizes);
    if (v.strides.size() == v.sizes.size() && (v.view || v.source != Source::kInstruction)) {
      argument.strides = v.strides;
    }
    argument.room = std::max<int64_t>(1, extent(v.sizes, argument.strides));
    to_.arguments.push_back({v.dtype, v.sizes});
    to_.argument_values.push_back(push(id, std::move(argument)));
  }

  // Immediates come along when they are used.
  ValueId value(ValueId id) {
    if (id == kNone) return kNone;
    const auto known = now_.find(id);
    return known != now_.end() ? known->second : push(id, from_.values[id]);
  }

  void add(const Instruction& in) {
    Instruction& copy = to_.code.emplace_back(in);
    for (ValueId& id : copy.inputs) id = value(id);
    for (ValueId& id : copy.outputs) {
      id = push(id, from_.values[id]);
      to_.values[id].index = static_cast<int>(to_.code.size()) - 1;
    }
    copy.dead_after.clear();
  }

  const Program& from_;
  Program to_;
  std::map<ValueId, ValueId> now_;
};

}  // namespace

std::unique_ptr<BackwardPlan> BackwardPlan::of(const Program& forward) {
  const auto begin = forward.code.begin() + static_cast<ptrdiff_t>(forward.forward_end);
  const bool writes = std::any_of(begin, forward.code.end(),
                                  [](const Instruction& in) { return in.op->is(kMutates); });
  std::set<int> edges;
  const bool several =
      std::any_of(forward.contributions.begin(), forward.contributions.end(),
                  [&](const Contribution& c) { return !edges.insert(c.edge).second; });
  if (writes || several) return nullptr;
  return std::unique_ptr<BackwardPlan>(new BackwardPlan(forward));
}

BackwardPlan::BackwardPlan(const Program& forward) : program_(Cut(forward).program(result_of_)) {
  optimize(program_);
}

std::vector<Tensor> BackwardPlan::run(std::span<const Tensor> arguments) {
  std::unique_ptr<Frame> frame;
  {
    const std::lock_guard lock(taking_);
    frame = std::exchange(spare_, nullptr);
  }
  if (!frame) frame = std::make_unique<Frame>(program_);
  frame->enter(arguments);
  frame->compute(nullptr);
  std::vector<Tensor> gradients;
  gradients.reserve(result_of_.size());
  for (int result : result_of_) gradients.push_back((*frame)[program_.results[result]]);
  frame->clear();
  const std::lock_guard lock(taking_);
  std::swap(spare_, frame);
  return gradients;
}

}  // namespace chainrule::graph
