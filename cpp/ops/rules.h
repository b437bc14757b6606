// Small pieces that gradient rules share.
#pragma once

#include "generated/ops.h"

namespace chainrule {

// The rule of a step function: the derivative is 0 wherever it exists.
inline Tensor zero_slope(Backward& b) { return zeros_like(b.dy()); }

// A Python number that went through promotion, as a tensor that keeps its dtype: two numbers alone
// would promote each other to the default dtype.
inline Tensor strong(const Tensor& t) { return t->weak_number ? cast(t, t.dtype()) : t; }

// A dense tensor of one dtype and sizes.
inline bool is_dense(const Tensor& t, DType dtype, const Dims& sizes) {
  return t.dtype() == dtype && t.sizes() == sizes && t.is_contiguous();
}

inline bool is_bool(const Tensor& t) { return t.dtype() == DType::kBool; }

// One output of a composite.
inline Tensors just(Tensor t) {
  Tensors out;
  out.push_back(std::move(t));
  return out;
}

}  // namespace chainrule
