#include "graph/frame.h"

#include "ops/elementwise.h"

namespace chainrule::graph {

namespace {

Tensor make_number(const Number& n) {
  return number_of_dtype(is_floating(n.dtype) ? Tensor::number(n.real) : Tensor::number(n.integer),
                         n.dtype);
}

}  // namespace

Scratch make_scratch(int64_t bytes) { return {bytes ? allocate(bytes) : nullptr, {bytes}}; }

Call call_of(const Instruction& in, const Tensors& inputs) {
  return {*in.op,
          {inputs.data(), inputs.size()},
          in.attrs.data(),
          in.list_ends.empty() ? nullptr : in.list_ends.data()};
}

void run_kernel(const Instruction& in, const Tensors& inputs, const Tensors& outputs,
                void* scratch) {
  if (!in.op->forward) return;
  const Call call = call_of(in, inputs);
  Run run{call, {outputs.data(), outputs.size()}, scratch};
  in.op->forward(run);
}

Frame::Frame(const Program& program) : program_(program), slots_(program.values.size()) {
  for (size_t id = 0; id < slots_.size(); ++id) {
    const Value& v = program.values[id];
    if (v.source == Source::kNumber) {
      slots_[id] = make_number(program.numbers[v.index]);
    } else if (v.source == Source::kState) {
      slots_[id] = program.states[v.index];
    } else {
      passing_.push_back(static_cast<ValueId>(id));
    }
  }
}

void Frame::enter(std::span<const Tensor> arguments) {
  for (ValueId id : passing_) {
    const Value& v = program_.values[id];
    if (v.source != Source::kGradient) continue;
    slots_[id] = Tensor(program_.gradient_leaves[v.index].among(arguments)->autograd->grad);
  }
  for (size_t i = 0; i < arguments.size(); ++i) slots_[program_.argument_values[i]] = arguments[i];
}

void Frame::clear() {
  for (ValueId id : passing_) slots_[id] = Tensor();
}

void Frame::read(const Instruction& in, Tensors& inputs) const {
  inputs.clear();
  for (ValueId id : in.inputs) inputs.push_back(id == kNone ? Tensor() : slots_[id]);
}

void Frame::run(const Instruction& in) {
  read(in, inputs_);
  if (in.op->is(kMutates)) {
    run_update(in);
  } else {
    run_value(in);
  }
  inputs_.clear();
  for (ValueId id : in.dead_after) slots_[id] = Tensor();
}

void Frame::run_value(const Instruction& in) {
  for (ValueId id : in.outputs) {
    const Value& v = program_.values[id];
    outputs_.push_back(v.view ? inputs_[0].alias(v.sizes, v.strides, inputs_[0]->offset + v.offset)
                              : Tensor::empty(v.dtype, v.sizes));
    if (v.mark != Mark::kAsMade) outputs_.back()->inference = v.mark == Mark::kOn;
  }
  run_kernel(in, inputs_, outputs_, make_scratch(in.scratch_bytes).get());
  for (size_t i = 0; i < in.outputs.size(); ++i) slots_[in.outputs[i]] = std::move(outputs_[i]);
  outputs_.clear();
}

// An update whose results are read again inside the program: on copies, which are its last outputs.
void Frame::run_update(const Instruction& in) {
  size_t output = in.outputs.size();
  for (int param : in.op->mutates) {
    output -= in.list_ends[param] - (param ? in.list_ends[param - 1] : 0);
  }
  for (int param : in.op->mutates) {
    for (int place = param ? in.list_ends[param - 1] : 0; place < in.list_ends[param]; ++place) {
      Tensor copy = Tensor::empty(inputs_[place].dtype(), inputs_[place].sizes());
      copy_strided(copy, inputs_[place]);
      inputs_[place] = copy;
      slots_[in.outputs[output++]] = copy.alias(Dims{copy.numel()}, Dims{1}, 0);
    }
  }
  run_kernel(in, inputs_, {}, make_scratch(in.scratch_bytes).get());
}

}  // namespace chainrule::graph
