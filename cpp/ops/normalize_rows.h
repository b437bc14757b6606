// What normalize_rows and its gradients share.
#pragma once

#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/rules.h"

namespace chainrule::ops {

inline constexpr int64_t kNormalizeCost = 4;  // elementary operations an element

template <typename F>
void for_normalized_rows(int64_t rows, int64_t cols, F&& fn) {
  const int64_t step = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, cols));
  const int64_t work = rows * cols * kNormalizeCost;
  LongWork release(work);
  parallel_for((rows + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(rows, (t + 1) * step)); });
}

// What the kernels take on trust.
inline void check_matrix(const Infer& c, int x, std::initializer_list<int> of_cols,
                         std::initializer_list<int> of_rows) {
  const Tensor& t = c[x];
  const auto dense = [&](int i, const Dims& sizes) {
    return !c.has(i) ||
           (c[i].dtype() == t.dtype() && c[i].sizes() == sizes && c[i].is_contiguous());
  };
  bool fits = t.dim() == 2 && t.is_contiguous();
  for (int i : of_cols) fits = fits && dense(i, Dims{t.size(1)});
  for (int i : of_rows) fits = fits && dense(i, Dims{t.size(0)});
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected a dense matrix with vectors of its dtype, one value a column ",
                   "or a row; got a matrix of sizes ", t.sizes(), ".");
}

}  // namespace chainrule::ops
