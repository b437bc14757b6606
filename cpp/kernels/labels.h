// Margins of labels against the classes that are none (common/labels.cpp). A row's labels stand at
// its begin and end with -1; a label outside of [-1, cols) is never followed.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace chainrule::kernels {

// Dense [rows, cols]; `slope`, the derivative of `loss` by `scores`, is always written.
struct LabelMarginArgs {
  int64_t cols;
  const void* scores;
  const int64_t* labels;
  void* loss;   // [rows]
  void* slope;  // [rows, cols]
};
// Of float32 or float64; the first bad row in [row_begin, row_end), or -1.
int64_t label_margins(DType t, const LabelMarginArgs& args, int64_t row_begin, int64_t row_end);

}  // namespace chainrule::kernels
