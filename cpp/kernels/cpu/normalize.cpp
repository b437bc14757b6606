// Rows brought to mean 0 and variance 1, and the gradients. Two passes make the variance, the mean
// first, for the sum of squares minus the square of the sum would cancel; both are the reductions'
// lane trees. Products and sums are rounded one by one, so that the fused weight and bias are what
// mul and add would make of the normalised rows.
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

template <typename T>
[[gnu::noinline]] void subtract(T* y, const T* x, T mean, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) y[c] = x[c] - mean;
}

template <typename T>
void normalize(const NormalizeArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const T n = static_cast<T>(cols);
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
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
    scale(y, rstd, weight, bias, cols);
    static_cast<T*>(args.mean)[r] = mean;
    static_cast<T*>(args.var)[r] = var;
    static_cast<T*>(args.rstd)[r] = rstd;
  }
}

// ---- dx = rstd (g - mean(g) - x^ mean(g x^)) with g = dy weight and x^ the normalised x.

template <typename T>
struct RowStatistics {
  T mean, rstd;
  T normalized(T x) const { return (x - mean) * rstd; }
};

// Of a row: the sum of g and that of g x^.
template <typename T>
struct RowSums {
  T g, dot;
};

template <typename T, bool kWeight>
struct RowTerms {
  const T *dy, *weight, *x;
  Vector<T> mean, rstd;

  void add(int64_t c, Vector<T>& g_sum, Vector<T>& dot_sum) const {
    add(load(dy + c), kWeight ? load(weight + c) : Vector<T>{}, load(x + c), g_sum, dot_sum);
  }
  // The last n columns, fewer than a vector; what is beyond them counts as a gradient of 0.
  void add_rest(int64_t c, int64_t n, Vector<T>& g_sum, Vector<T>& dot_sum) const {
    add(load_rest<Sum>(dy + c, n), kWeight ? load_rest<Sum>(weight + c, n) : Vector<T>{},
        load_rest<Sum>(x + c, n), g_sum, dot_sum);
  }

 private:
  static Vector<T> chain(Vector<T> dy, Vector<T> d) { return dy == Vector<T>{} ? dy : dy * d; }
  void add(Vector<T> dy, Vector<T> w, Vector<T> x, Vector<T>& g_sum, Vector<T>& dot_sum) const {
    const Vector<T> g = kWeight ? chain(dy, w) : dy;
    g_sum += g;
    dot_sum += chain(g, (x - mean) * rstd);
  }
};

// One pass over both; rows longer than a chunk are added up chunk by chunk.
template <typename T, bool kWeight>
[[gnu::noinline]] RowSums<T> row_sums(const RowTerms<T, kWeight>& terms, int64_t cols) {
  constexpr int64_t kVectors = 4;  // chains that do not wait for each other
  RowSums<T> total = {};
  for (int64_t begin = 0; begin < cols; begin += kReduceChunk) {
    const int64_t end = cols - begin < kReduceChunk ? cols : begin + kReduceChunk;
    Vector<T> g[kVectors] = {}, dot[kVectors] = {};
    int64_t c = begin;
    for (; c + kVectors * kWidth<T> <= end; c += kVectors * kWidth<T>) {
#pragma GCC unroll 16
      for (int64_t v = 0; v < kVectors; ++v) terms.add(c + v * kWidth<T>, g[v], dot[v]);
    }
    for (; c + kWidth<T> <= end; c += kWidth<T>) terms.add(c, g[0], dot[0]);
    if (c < end) terms.add_rest(c, end - c, g[1], dot[1]);
    total.g += fold<Sum, T>((g[0] + g[1]) + (g[2] + g[3]));
    total.dot += fold<Sum, T>((dot[0] + dot[1]) + (dot[2] + dot[3]));
  }
  return total;
}

template <typename T>
[[gnu::noinline]] void finish_row(T* dx, const T* dy, const T* weight, const T* x,
                                  RowStatistics<T> s, T mean_g, T mean_dot, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) {
    const T g = weight ? maths::chain(dy[c], weight[c]) : dy[c];
    const T along = maths::chain(mean_dot, s.normalized(x[c]));
    dx[c] = maths::chain((g - mean_g) - along, s.rstd);
  }
}

template <typename T>
void backward(const NormalizeBackwardArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const T n = static_cast<T>(cols);
  const T* weight = static_cast<const T*>(args.weight);
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* dy = static_cast<const T*>(args.dy) + r * cols;
    const T* x = static_cast<const T*>(args.x) + r * cols;
    T* dx = static_cast<T*>(args.out) + r * cols;
    const RowStatistics<T> s = {static_cast<const T*>(args.mean)[r],
                                static_cast<const T*>(args.rstd)[r]};
    const Vector<T> mean = splat(s.mean), rstd = splat(s.rstd);
    const RowSums<T> sums = weight ? row_sums(RowTerms<T, true>{dy, weight, x, mean, rstd}, cols)
                                   : row_sums(RowTerms<T, false>{dy, nullptr, x, mean, rstd}, cols);
    const T mean_g = args.center ? sums.g / n : T(0), mean_dot = sums.dot / n;
    finish_row(dx, dy, weight, x, s, mean_g, mean_dot, cols);
  }
}

// ---- Columns side by side: blocks of rows, each from zero, added up in ascending order.

template <typename T, int64_t kVectors>
void weight_columns(const NormalizeBackwardArgs& args, int64_t col) {
  const T* dy = static_cast<const T*>(args.dy) + col;
  const T* x = static_cast<const T*>(args.x) + col;
  const T* mean = static_cast<const T*>(args.mean);
  const T* rstd = static_cast<const T*>(args.rstd);
  Vector<T> total[kVectors] = {}, block[kVectors];
  for (int64_t begin = 0; begin < args.rows; begin += kProductBlockK) {
    const int64_t end = args.rows - begin < kProductBlockK ? args.rows : begin + kProductBlockK;
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) block[v] = splat(T(0));
    for (int64_t r = begin; r < end; ++r) {
      const Vector<T> center = splat(mean[r]), factor = splat(rstd[r]);
#pragma GCC unroll 16
      for (int64_t v = 0; v < kVectors; ++v) {
        const Vector<T> g = load(dy + r * args.cols + v * kWidth<T>);
        const Vector<T> hat = (load(x + r * args.cols + v * kWidth<T>) - center) * factor;
        block[v] += g == splat(T(0)) ? splat(T(0)) : g * hat;
      }
    }
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) total[v] += block[v];
  }
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) {
    store(static_cast<T*>(args.out) + col + v * kWidth<T>, total[v]);
  }
}

template <typename T>
T weight_column(const NormalizeBackwardArgs& args, int64_t col) {
  const T* dy = static_cast<const T*>(args.dy) + col;
  const T* x = static_cast<const T*>(args.x) + col;
  T total = 0;
  for (int64_t begin = 0; begin < args.rows; begin += kProductBlockK) {
    const int64_t end = args.rows - begin < kProductBlockK ? args.rows : begin + kProductBlockK;
    T block = 0;
    for (int64_t r = begin; r < end; ++r) {
      const RowStatistics<T> s = {static_cast<const T*>(args.mean)[r],
                                  static_cast<const T*>(args.rstd)[r]};
      block += maths::chain(dy[r * args.cols], s.normalized(x[r * args.cols]));
    }
    total += block;
  }
  return total;
}

template <typename T>
void weight_gradient(const NormalizeBackwardArgs& args, int64_t col_begin, int64_t col_end) {
  constexpr int64_t kWide = 4;
  int64_t c = col_begin;
  for (; c + kWide * kWidth<T> <= col_end; c += kWide * kWidth<T>) {
    weight_columns<T, kWide>(args, c);
  }
  for (; c + kWidth<T> <= col_end; c += kWidth<T>) weight_columns<T, 1>(args, c);
  for (; c < col_end; ++c) static_cast<T*>(args.out)[c] = weight_column<T>(args, c);
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize[0][kType] = &normalize<T>;
  table.normalize_backward[0][kType] = &backward<T>;
  table.normalize_weight[0][kType] = &weight_gradient<T>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
