// The gradients of normalised rows by their elements and by the weights of channels.
#include "kernels/blocking.h"
#include "kernels/cpu/channel_values.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/reduce_ops.h"
#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {

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

// A channel of more than one column: its parts of all samples, ascending.
template <typename T>
T weight_channel(const NormalizeBackwardArgs& args, int64_t channel) {
  const int64_t of_row = args.cols / args.span;
  T total = 0;
  for (int64_t r = channel / of_row; r < args.rows; r += args.groups) {
    const int64_t from = r * args.cols + channel % of_row * args.span;
    const RowTerms<T, false> terms = {
        static_cast<const T*>(args.dy) + from, nullptr, static_cast<const T*>(args.x) + from,
        splat(static_cast<const T*>(args.mean)[r]), splat(static_cast<const T*>(args.rstd)[r])};
    total += row_sums(terms, args.span).dot;
  }
  return total;
}

template <typename T>
void weight_gradient(const NormalizeBackwardArgs& args, int64_t col_begin, int64_t col_end) {
  if (args.groups > 1 || args.span > 1) {
    for (int64_t c = col_begin; c < col_end; ++c) {
      static_cast<T*>(args.out)[c] = weight_channel<T>(args, c);
    }
    return;
  }
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
  table.normalize_backward[0][kType] = &backward<T>;
  table.normalize_weight[0][kType] = &weight_gradient<T>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize_gradients)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
