#include "graph/kernel_call.h"

namespace chainrule::graph {

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
  Run run{call_of(in, inputs), {outputs.data(), outputs.size()}, scratch};
  in.op->forward(run);
}

Tensor make_number(const Number& n) {
  return number_of_dtype(is_floating(n.dtype) ? Tensor::number(n.real) : Tensor::number(n.integer),
                         n.dtype);
}

Tensor window_of(const Tensor& owner, const Value& v) {
  return owner.alias(v.sizes, v.strides, owner->offset + v.offset);
}

void mark(const Tensor& t, const Value& v) {
  if (v.mark != Mark::kAsMade) t->inference = v.mark == Mark::kOn;
}

}  // namespace chainrule::graph
