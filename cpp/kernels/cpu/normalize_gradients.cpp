// The gradient of normalised rows by their elements:
// dx = rstd (g - mean(g) - x^ mean(g x^)) with g = dy weight and x^ the normalised x.
#include "kernels/cpu/channel_values.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {

template <typename T>
struct RowMeans {
  T g, dot;
};

// kWeight: a weight a column. Else all have `shared`.
template <typename T, bool kWeight>
[[gnu::noinline]] void finish_row(T* dx, const T* dy, const T* weight, T shared, const T* x,
                                  RowStatistics<T> s, RowMeans<T> mean, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) {
    const T g = maths::chain(dy[c], kWeight ? weight[c] : shared);
    const T along = maths::chain(mean.dot, s.normalized(x[c]));
    dx[c] = maths::chain((g - mean.g) - along, s.rstd);
  }
}

// A row whose channels are `span` columns each, or that has no weights.
template <typename T>
void backward_channels(const NormalizeBackwardArgs& args, int64_t r, const T* dy, const T* x,
                       RowStatistics<T> s, T* dx) {
  const ChannelValues<T> weight(args, args.weight, r);
  const int64_t part = weight.first ? args.span : args.cols;
  const auto weight_at = [&](int64_t c) { return weight.first ? *weight.of(c) : T(1); };
  RowSums<T> sums = {};
  for (int64_t c = 0; c < args.cols; c += part) {
    const RowSums<T> of_part =
        row_sums(RowTerms<T, false>{dy + c, nullptr, x + c, splat(s.mean), splat(s.rstd)}, part);
    sums.g += maths::chain(of_part.g, weight_at(c));
    sums.dot += maths::chain(of_part.dot, weight_at(c));
  }
  const T n = static_cast<T>(args.cols);
  const RowMeans<T> mean = {args.center ? sums.g / n : T(0), sums.dot / n};
  for (int64_t c = 0; c < args.cols; c += part) {
    finish_row<T, false>(dx + c, dy + c, nullptr, weight_at(c), x + c, s, mean, part);
  }
}

template <typename T>
void backward(const NormalizeBackwardArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const T n = static_cast<T>(cols);
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* dy = static_cast<const T*>(args.dy) + r * cols;
    const T* x = static_cast<const T*>(args.x) + r * cols;
    T* dx = static_cast<T*>(args.out) + r * cols;
    const RowStatistics<T> s = {static_cast<const T*>(args.mean)[r],
                                static_cast<const T*>(args.rstd)[r]};
    const T* weight = ChannelValues<T>(args, args.weight, r).first;
    if (!weight || args.span > 1) {
      backward_channels(args, r, dy, x, s, dx);
      continue;
    }
    const RowSums<T> sums =
        row_sums(RowTerms<T, true>{dy, weight, x, splat(s.mean), splat(s.rstd)}, cols);
    const RowMeans<T> mean = {args.center ? sums.g / n : T(0), sums.dot / n};
    finish_row<T, true>(dx, dy, weight, T(0), x, s, mean, cols);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize_backward[0][kType] = &backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize_gradients)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
