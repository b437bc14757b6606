// What normalize_rows and its gradients share; with `columns` each column is what is normalised.
#pragma once

#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/rules.h"

namespace chainrule::ops {

inline constexpr int64_t kNormalizeCost = 4;  // elementary operations an element

template <typename F>
void for_columns(int64_t rows, int64_t cols, F&& fn) {
  constexpr int64_t kStep = 64;  // what a kernel takes at once
  const int64_t work = rows * cols * kNormalizeCost;
  LongWork release(work);
  parallel_for((cols + kStep - 1) / kStep, work,
               [&](int64_t t) { fn(t * kStep, std::min(cols, (t + 1) * kStep)); });
}

template <typename F>
void for_lines(bool columns, int64_t rows, int64_t cols, F&& fn) {
  if (columns) return for_columns(rows, cols, fn);
  const int64_t step = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, cols));
  const int64_t work = rows * cols * kNormalizeCost;
  LongWork release(work);
  parallel_for((rows + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(rows, (t + 1) * step)); });
}

// What the kernels take on trust.
inline void check_matrix(const Infer& c, int x, bool columns, std::initializer_list<int> of_cols,
                         std::initializer_list<int> of_lines) {
  const Tensor& t = c[x];
  const auto dense = [&](int i, const Dims& sizes) {
    return !c.has(i) ||
           (c[i].dtype() == t.dtype() && c[i].sizes() == sizes && c[i].is_contiguous());
  };
  bool fits = t.dim() == 2 && t.is_contiguous();
  for (int i : of_cols) fits = fits && dense(i, Dims{t.size(1)});
  for (int i : of_lines) fits = fits && dense(i, Dims{t.size(columns ? 1 : 0)});
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected a dense matrix with vectors of its dtype, one value a column ",
                   "or a row; got a matrix of sizes ", t.sizes(), ".");
}

}  // namespace chainrule::ops
