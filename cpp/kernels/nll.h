// The negative log-likelihood of a class for each row, and its gradient (common/nll.cpp). A target
// outside of [0, cols) is never followed.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace chainrule::kernels {

// Dense [rows, cols].
struct NllArgs {
  int64_t cols;
  const void* scores;
  const int64_t* target;
  const void* weight;  // cols values or null
  int64_t ignore_index;
  void* loss;   // [rows]: -scores[target] * weight[target]; 0 where ignored or bad
  void* scale;  // [rows]: weight[target], 0 where ignored or bad
};
// Of float32 or float64; the first bad row in [row_begin, row_end), or -1.
int64_t nll(DType t, const NllArgs& args, int64_t row_begin, int64_t row_end);

struct NllBackwardArgs {
  int64_t cols;
  const int64_t* target;
  const void* weight;  // cols values or null
  int64_t ignore_index;
  const void* dy;  // [rows], or one value with stride 0
  int64_t dy_stride;
  const void* divisor;  // one value
  void* dscores;        // [rows, cols]: -dy / divisor * weight[target] at the target, else 0
};
void nll_backward(DType t, const NllBackwardArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace chainrule::kernels
