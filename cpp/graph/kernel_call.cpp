#include "graph/kernel_call.h"

#include <algorithm>

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

Tensor stand_in(const Program& p, ValueId id) {
  if (id == kNone) return Tensor();
  const Value& v = p.values[id];
  if (v.source == Source::kState) return p.states[v.index];
  static char nothing[kAlignment];
  const bool placed = v.strides.size() == v.sizes.size() && (v.view || v.room > 0);
  return Tensor(make_ref<TensorImpl>(Storage::borrow(nothing, 0, true, {}), v.dtype, v.sizes,
                                     placed ? v.strides : contiguous_strides(v.sizes), 0));
}

int64_t work_of(const Program& p, const Instruction& in) {
  Tensors inputs, outputs;
  for (ValueId id : in.inputs) inputs.push_back(stand_in(p, id));
  for (ValueId id : in.outputs) outputs.push_back(stand_in(p, id));
  if (in.op->work) {
    return in.op->work({call_of(in, inputs), {outputs.data(), outputs.size()}, nullptr});
  }
  int64_t elements = 0;
  if (in.op->is(kMutates)) {
    for (int i = 0; i < in.list_ends[0]; ++i) elements += inputs[i].numel();
  } else if (!in.op->is(kView)) {
    for (const Tensors* list : {&inputs, &outputs}) {
      for (const Tensor& t : *list) elements = std::max(elements, t.defined() ? t.numel() : 0);
    }
  }
  return elements * in.op->cost;
}

int64_t bytes_of(const Program& p, const Instruction& in) {
  int64_t bytes = 0;
  if (in.op->is(kView)) return 0;
  for (const auto* list : {&in.inputs, &in.outputs}) {
    for (ValueId id : *list) {
      if (id == kNone) continue;
      bytes += p.values[id].sizes.product() * static_cast<int64_t>(itemsize(p.values[id].dtype));
    }
  }
  return bytes;
}

}  // namespace chainrule::graph
