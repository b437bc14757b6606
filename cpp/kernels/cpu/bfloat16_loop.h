// Elementwise loops over bfloat16: strip by strip the inputs are widened, the float32 loop runs on
// them, and its results are rounded once, to nearest even. So an element is the float32 functor's
// result, rounded: by construction, and with no second body a functor.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/kernel_table.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

inline void widen(int64_t n, float* out, const BFloat16* in, int64_t stride) {
  if (stride == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * stride];
  }
}

// kernel: of float32, on kArity inputs; `rounds`: to bfloat16, else its bools are the results.
template <int kArity>
[[gnu::noinline]] void map_strips(ElementwiseFn kernel, bool rounds, int64_t n, void* out,
                                  const void* const* in, const int64_t* strides,
                                  const double* params) {
  float wide[kArity][kStrip], result[kStrip];
  const void* wide_in[kArity];
  int64_t wide_strides[kArity];
  for (int a = 0; a < kArity; ++a) {
    wide_in[a] = wide[a];
    wide_strides[a] = strides[a] == 0 ? 0 : 1;
    if (strides[a] == 0 && n > 0) widen(1, wide[a], static_cast<const BFloat16*>(in[a]), 1);
  }
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    for (int a = 0; a < kArity; ++a) {
      if (strides[a] == 0) continue;
      widen(length, wide[a], static_cast<const BFloat16*>(in[a]) + i * strides[a], strides[a]);
    }
    if (!rounds) {
      kernel(length, static_cast<bool*>(out) + i, wide_in, wide_strides, params);
      continue;
    }
    kernel(length, result, wide_in, wide_strides, params);
    BFloat16* y = static_cast<BFloat16*>(out) + i;
    for (int64_t j = 0; j < length; ++j) y[j] = BFloat16(result[j]);
  }
}

template <ElementwiseFn kKernel, int kArity, bool kRounds>
void map_bfloat16(int64_t n, void* out, const void* const* in, const int64_t* strides,
                  const double* params) {
  map_strips<kArity>(kKernel, kRounds, n, out, in, strides, params);
}

}  // namespace
}  // namespace chainrule::kernels
