#include "graph/generic_call.h"

#include "graph/frame.h"
#include "ops/elementwise.h"
#include "ops/write.h"

namespace chainrule::graph {

GenericCall::GenericCall(const Program& program, const Instruction& in, Frame& frame)
    : instruction_(in), scratch_(frame.scratch(in)) {
  inputs_.reserve(in.inputs.size());
  for (ValueId id : in.inputs) add(id, frame, inputs_);
  if (&in - program.code.data() >= static_cast<ptrdiff_t>(program.commit_begin)) return;
  outputs_.reserve(in.outputs.size());
  for (ValueId id : in.outputs) add(id, frame, outputs_);
}

void GenericCall::add(ValueId id, Frame& frame, Tensors& to) {
  Tensor& place = to.emplace_back();
  if (id == kNone) return;
  if (frame.is_passing(id)) {
    passing_.push_back({&place, id});
  } else {
    place = frame[id];
  }
}

void GenericCall::fill(Frame& frame) {
  for (const Passing& p : passing_) *p.place = frame[p.id];
}

void GenericCall::clear() {
  for (const Passing& p : passing_) *p.place = Tensor();
}

void GenericCall::run() {
  if (!instruction_.op->is(kMutates)) return run_kernel(instruction_, inputs_, outputs_, scratch_);
  const auto& ends = instruction_.list_ends;
  size_t copied = outputs_.size();
  for (int param : instruction_.op->mutates) copied -= ends[param] - (param ? ends[param - 1] : 0);
  Tensors inputs = inputs_, outputs;
  for (size_t i = 0; i < copied; ++i) outputs.push_back(outputs_[i]);
  for (int param : instruction_.op->mutates) {
    for (int place = param ? ends[param - 1] : 0; place < ends[param]; ++place, ++copied) {
      const Tensor &row = outputs_[copied], &original = inputs_[place];
      const Dims strides = contiguous_strides(original.sizes());
      inputs[place] = row.alias(original.sizes(), strides, row->offset);
      copy_strided(inputs[place], original);
    }
  }
  run_kernel(instruction_, inputs, outputs, scratch_);
}

void GenericCall::run_in_place() noexcept {
  run_kernel(instruction_, inputs_, {}, scratch_);
  bump_mutated(call_of(instruction_, inputs_));
}

}  // namespace chainrule::graph
