// Rows brought to mean 0 and variance 1. Two passes make the variance, the mean first, for the sum
// of squares minus the square of the sum would cancel; both are the reductions' lane trees.
// Products and sums are rounded one by one, so that the fused weight and bias are what mul and add
// would make of the normalised rows.
#include "kernels/cpu/channel_values.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/reduce_ops.h"
#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {

template <typename T, bool kWeight, bool kBias>
[[gnu::noinline]] void scale_row(T* y, T factor, const T* weight, const T* bias, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) {
    T v = y[c] * factor;
    if constexpr (kWeight) v *= weight[c];
    if constexpr (kBias) v += bias[c];
    y[c] = v;
  }
}

// A channel's part of a row.
template <typename T>
[[gnu::noinline]] void scale_channel(T* y, T factor, const T* weight, const T* bias, int64_t n) {
  const T w = weight ? *weight : T(1), b = bias ? *bias : T(0);
  const bool has_bias = bias != nullptr;
#pragma GCC ivdep
  for (int64_t c = 0; c < n; ++c) {
    const T v = y[c] * factor * w;  // times 1 exactly
    y[c] = has_bias ? v + b : v;
  }
}

template <typename T>
[[gnu::noinline]] void subtract(T* y, const T* x, T mean, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) y[c] = x[c] - mean;
}

template <typename T>
void normalize(const NormalizeArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const T n = static_cast<T>(cols);
  const bool weight = args.weight, bias = args.bias;
  const auto scale = weight ? bias ? scale_row<T, true, true> : scale_row<T, true, false>
                     : bias ? scale_row<T, false, true>
                            : scale_row<T, false, false>;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.x) + r * cols;
    T* y = static_cast<T*>(args.y) + r * cols;
    const T mean = args.center ? reduce_contiguous<Sum>(x, cols) / n : T(0);
    subtract(y, x, mean, cols);
    const T var = reduce_contiguous<SumSquares>(static_cast<const T*>(y), cols) / n;
    const T rstd = T(1) / maths::sqrt(var + static_cast<T>(args.eps));
    const ChannelValues<T> w(args, args.weight, r), b(args, args.bias, r);
    if (args.span == 1) scale(y, rstd, w.first, b.first, cols);
    for (int64_t c = 0; args.span > 1 && c < cols; c += args.span) {
      scale_channel(y + c, rstd, w.of(c), b.of(c), args.span);
    }
    static_cast<T*>(args.mean)[r] = mean;
    static_cast<T*>(args.var)[r] = var;
    static_cast<T*>(args.rstd)[r] = rstd;
  }
}

template <typename T>
void set(KernelTable& table) {
  table.normalize[0][float_index(DTypeOf<T>::value)] = &normalize<T>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
