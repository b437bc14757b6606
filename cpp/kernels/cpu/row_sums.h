// What both gradients of normalised rows add up along a row.
#pragma once

#include "kernels/blocking.h"
#include "kernels/cpu/reduce_ops.h"

namespace chainrule::kernels {
namespace {

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

}  // namespace
}  // namespace chainrule::kernels
