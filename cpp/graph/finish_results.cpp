// What a recorded call returns. A replay must give the same: the very tensor from outside, a new
// tensor on its memory, or a value of its own.
#include <algorithm>

#include "graph/recorder.h"

namespace chainrule::graph {

void ProgramRecorder::resolve_results(std::span<const Tensor> results) {
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor& t = results[i];
    const auto before = results.first(i);
    const auto first = std::find_if(before.begin(), before.end(),
                                    [&](const Tensor& other) { return other.same_as(t); });
    if (first != before.end()) {
      const int earlier = static_cast<int>(first - before.begin());
      program_.repeated.emplace_back(static_cast<int>(i), earlier);
      program_.results.push_back(program_.results[earlier]);
      continue;
    }
    ValueId id = resolve_result(t);
    if (is_taken(id, t)) id = result_window(id, t, 0);
    program_.results.push_back(id);
    find_owner(static_cast<int>(i), results);
  }
}

// Of a view that the call has made: the tensor of the caller's, or the other result, that it is a
// view of.
void ProgramRecorder::find_owner(int result, std::span<const Tensor> results) {
  const Tensor& t = results[result];
  if (!t->base || !among(views_, t)) return;
  const auto look_in = [&](Source source, std::span<const Tensor> tensors) {
    const auto owner = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& other) {
      const bool outside = source != Source::kInstruction;
      return other.ref() == t->base || (outside && other->base == t->base);
    });
    if (owner == tensors.end()) return false;
    program_.windows.push_back({result, source, static_cast<int>(owner - tensors.begin())});
    return true;
  };
  if (look_in(Source::kArgument, argument_tensors_)) return;
  if (look_in(Source::kState, program_.states)) return;
  look_in(Source::kInstruction, results);
}

// Whether the value comes out as another tensor, too: y and y.detach() are one value.
bool ProgramRecorder::is_taken(ValueId id, const Tensor& t) const {
  const auto& known = program_.results;
  if (std::find(known.begin(), known.end(), id) != known.end()) return true;
  return std::any_of(program_.gradients.begin(), program_.gradients.end(),
                     [&](const GradBinding& g) {
                       const Tensor& leaf = g.leaf.among(argument_tensors_);
                       return g.value == id && leaf->autograd->grad != t.ref();
                     });
}

ValueId ProgramRecorder::resolve_result(const Tensor& t) {
  for (size_t i = 0; i < argument_tensors_.size(); ++i) {
    if (argument_tensors_[i].same_as(t)) return program_.argument_values[i];
  }
  const auto known = memories_.find(t->storage.get());
  if (known == memories_.end() || !known->second.outside) return resolve(t);
  const Memory& memory = known->second;
  if (memory.gradient != kNone && memory.origin.same_as(t)) return memory.gradient;
  if (!memory.origin.defined() && !among(views_, t)) return resolve_state(t);
  if (memory.written) return window_outside(memory, t);
  const ValueId id = resolve(t);
  const Value& v = program_.values[id];
  if (v.source == Source::kInstruction) return id;
  if (v.source == Source::kState && program_.states[v.index].same_as(t)) return id;
  return result_window(id, t, 0);  // detach() of all that is there
}

// A tensor that was there before the call, and is returned itself.
ValueId ProgramRecorder::resolve_state(const Tensor& t) {
  for (ValueId id = 0; id < static_cast<ValueId>(program_.values.size()); ++id) {
    const Value& v = program_.values[id];
    if (v.source == Source::kState && program_.states[v.index].same_as(t)) return id;
  }
  return state(t);
}

// A view of what the program writes back: it lies where that goes, not on what was computed for it.
ValueId ProgramRecorder::window_outside(const Memory& memory, const Tensor& t) {
  int64_t begin = 0;
  ValueId owner;
  if (memory.origin.defined()) {
    begin = memory.origin->offset;
    owner = memory.gradient != kNone ? memory.gradient : program_.argument_values[memory.argument];
  } else {
    owner = state(t.alias(Dims{row_elements(memory, t)}, Dims{1}, 0));
  }
  return result_window(owner, t, t->offset - begin);
}

ValueId ProgramRecorder::result_window(ValueId owner, const Tensor& t, int64_t offset) {
  const ValueId id = window(owner, t.dtype(), t.sizes(), t.strides(), offset);
  program_.values[id].mark = t->inference ? Mark::kOn : Mark::kOff;
  return id;
}

}  // namespace chainrule::graph
