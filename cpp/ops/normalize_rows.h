// What normalize_rows and its gradients share; with `columns` each column is what is normalised.
#pragma once

#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/rules.h"

namespace chainrule::ops {

inline constexpr int64_t kNormalizeCost = 4;  // elementary operations an element

// `step` at once of `count` columns or channels of that matrix.
template <typename F>
void for_steps(int64_t count, int64_t step, int64_t rows, int64_t cols, F&& fn) {
  const int64_t work = rows * cols * kNormalizeCost;
  LongWork release(work);
  parallel_for((count + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(count, (t + 1) * step)); });
}

template <typename F>
void for_lines(bool columns, int64_t rows, int64_t cols, F&& fn) {
  if (columns) return for_steps(cols, kernels::kNormalizeBand, rows, cols, fn);
  for_steps(rows, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, cols)), rows, cols, fn);
}

// Where the channels of a matrix lie, see NormalizeArgs.
struct Channels {
  bool columns;
  int64_t groups, span;

  template <typename Attrs>
  explicit Channels(const Attrs& a) : columns(a.columns != 0), groups(a.groups), span(a.span) {}
  int64_t count(const Tensor& x) const { return groups * (x.size(1) / span); }
  bool fit(const Tensor& x) const {
    return groups > 0 && span > 0 && x.size(0) % groups == 0 && x.size(1) % span == 0 &&
           (!columns || (groups == 1 && span == 1));
  }
  // x times a value of each channel.
  Tensor times(const Tensor& x, const Tensor& weight) const {
    if (groups == 1 && span == 1) return mul(x, weight);
    return reshape(mul(apart(x), reshape(weight, {1, count(x), 1})), x.sizes());
  }
  Tensor sums(const Tensor& x) const {
    if (groups == 1 && span == 1) return sum(x, Dims{0});
    return sum(sum(apart(x), Dims{2}), Dims{0});  // each along memory or whole rows: no copy
  }

 private:
  Tensor apart(const Tensor& x) const { return reshape(x, {x.size(0) / groups, count(x), span}); }
};

// What the kernels take on trust.
inline void check_matrix(const Infer& c, int x, const Channels& channels,
                         std::initializer_list<int> of_channels,
                         std::initializer_list<int> of_lines,
                         std::initializer_list<int> of_elements = {}) {
  const Tensor& t = c[x];
  const auto dense = [&](int i, const Dims& sizes) {
    return !c.has(i) || is_dense(c[i], t.dtype(), sizes);
  };
  bool fits = t.dim() == 2 && t.is_contiguous() && channels.fit(t);
  for (int i : of_channels) fits = fits && dense(i, Dims{channels.count(t)});
  for (int i : of_lines) fits = fits && dense(i, Dims{t.size(channels.columns ? 1 : 0)});
  for (int i : of_elements) fits = fits && dense(i, t.sizes());
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected a dense matrix with vectors of its dtype, one value a channel ",
                   "or a row; got a matrix of sizes ", t.sizes(), ".");
}

}  // namespace chainrule::ops
