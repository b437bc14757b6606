#include "graph/interpreter.h"

#include "graph/kernel_call.h"

namespace chainrule::graph {

Interpreter::Interpreter(const Program& program)
    : program_(program), slots_(program.values.size()) {
  for (size_t id = 0; id < slots_.size(); ++id) {
    const Value& v = program.values[id];
    if (v.source == Source::kNumber) slots_[id] = make_number(program.numbers[v.index]);
    if (v.source == Source::kState) slots_[id] = program.states[v.index];
  }
}

void Interpreter::run(const Instruction& in) {
  for (ValueId id : in.inputs) inputs_.push_back(id == kNone ? Tensor() : slots_[id]);
  for (ValueId id : in.outputs) {
    const Value& v = program_.values[id];
    outputs_.push_back(v.view ? window_of(inputs_[0], v) : Tensor::empty(v.dtype, v.sizes));
    mark(outputs_.back(), v);
  }
  run_kernel(in, inputs_, outputs_, make_scratch(in.scratch_bytes).get());
  for (size_t i = 0; i < in.outputs.size(); ++i) slots_[in.outputs[i]] = std::move(outputs_[i]);
  inputs_.clear();
  outputs_.clear();
  for (ValueId id : in.dead_after) slots_[id] = Tensor();
}

}  // namespace chainrule::graph
