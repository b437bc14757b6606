// The rules that OpDef::autocast names for most operations: the same call on other dtypes.
#include "generated/ops.h"

namespace chainrule {

namespace {

Tensors call_with(const Call& c, DType to) {
  Tensors inputs;
  for (const Tensor& t : c.inputs) {
    const bool casts = t.defined() && is_floating(t.dtype()) && t.dtype() != DType::kFloat64 &&
                       t.dtype() != to && !t->weak_number;
    inputs.push_back(casts ? cast(t, to) : t);
  }
  return call(c.op, {inputs.data(), inputs.size()}, c.attrs, c.list_ends);
}

}  // namespace

Tensors in_bfloat16(const Call& c) { return call_with(c, DType::kBFloat16); }
Tensors in_float32(const Call& c) { return call_with(c, DType::kFloat32); }

}  // namespace chainrule
