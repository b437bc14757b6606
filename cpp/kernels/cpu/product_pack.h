// Reordering for the products: a matrix read along k, or across it at an awkward distance, is
// copied into panels whose rows (one k each) lie one after the other. Moving numbers leaves their
// bits alone.
#pragma once

#include "kernels/cpu/product_vector.h"
#include "kernels/cpu/transpose.h"

namespace chainrule::kernels {
namespace {

inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
inline int64_t round_up(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

// What missing rows of a panel are read from: lanes that nobody stores must not hold subnormals or
// NaN, which some processors compute slowly.
alignas(64) const double kZeros[kProductBlockK] = {};

// out[p * width + i] = in[i * step + p] for i < count, zero up to `width`, a multiple of W.
template <typename T>
void pack_across(T* out, int64_t width, const T* in, int64_t step, int64_t count, int64_t depth) {
  constexpr int64_t kW = kWidth<T>;
  for (int64_t first = 0; first < width; first += kW) {
    const T* rows[kW];
    for (int64_t i = 0; i < kW; ++i) {
      rows[i] = first + i < count ? in + (first + i) * step : reinterpret_cast<const T*>(kZeros);
    }
    int64_t p = 0;
    for (; p + kStep<T> <= depth; p += kStep<T>) {
      transpose_step(rows, p, out + p * width + first, width);
    }
    if (p == depth) continue;
    alignas(kVectorBytes) T rest[kStep<T> * kW];
    transpose_step(rows, p, rest, kW, depth - p);
    for (int64_t s = 0; p + s < depth; ++s)
      store(out + (p + s) * width + first, load(rest + s * kW));
  }
}

// Panels of `width`, a multiple of W, one behind the other: number p of column i in the panel that
// starts at column j is out[j * depth + p * width + i] = in[p * step + j + i] for j + i < count,
// zero up to the next whole vector.
template <typename T>
void pack_along(T* out, int64_t width, const T* in, int64_t step, int64_t count, int64_t depth) {
  constexpr int64_t kW = kWidth<T>;
  // Narrow panels several at a time, 256 bytes of every row: rows may lie pages apart. Panels of 16
  // floats took 0.9 cycles an element so, one by one 1.3.
  constexpr int64_t kStretch = 256 / static_cast<int64_t>(sizeof(T));
  // Asked for that many rows ahead: loads wait in order behind one that misses, requests do not. A
  // cache line of rows pages apart takes 8 cycles so, 29 without; dW gains 2 to 5 %.
  constexpr int64_t kAhead = 16, kLine = 64 / static_cast<int64_t>(sizeof(T));
  const int64_t stretch = width < kStretch ? kStretch / width * width : width;
  for (int64_t first = 0; first < count; first += stretch) {
    const int64_t end = at_most(first + stretch, count);
    for (int64_t p = 0; p < depth; ++p) {
      // At the end the first rows of the columns behind these.
      const bool behind = p + kAhead >= depth;
      const int64_t row = behind ? p + kAhead - depth : p + kAhead;
      if (row < depth) {
        const T* ahead = in + row * step + (behind ? end - first : 0);
        for (int64_t j = first; j < end; j += kLine) __builtin_prefetch(ahead + j);
      }
      for (int64_t j = first; j < end; j += width) {
        const T* from = in + p * step + j;
        T* to = out + j * depth + p * width;
        const int64_t now = at_most(width, end - j);
        int64_t i = 0;
        for (; i + kW <= now; i += kW) store(to + i, load(from + i));
        if (i < now) store(to + i, load(from + i, Lanes<T>(now - i)));
      }
    }
  }
}

// out[i * out_step + j] = in[j * in_step + i] (+ bias[j]) for i < rows, j < cols < W: vectors along
// i, since most lanes of one along j would have nothing to do. 150x3 takes a sixth of the time.
template <typename T>
void store_narrow_transposed(T* out, int64_t out_step, const T* in, int64_t in_step, int64_t rows,
                             int64_t cols, const T* bias) {
  constexpr int64_t kW = kWidth<T>;
  T beyond[kW];  // where lanes behind the last row go
  for (int64_t i = 0; i < rows; i += kW) {
    T* to[kW];
    for (int64_t l = 0; l < kW; ++l) to[l] = i + l < rows ? out + (i + l) * out_step : beyond;
    for (int64_t j = 0; j < cols; j += kStep<T>) {
      const auto column = [&](int64_t s) __attribute__((always_inline)) {
        if (j + s >= cols) return Vector<T>{};
        const Vector<T> sum = load(in + (j + s) * in_step + i);
        return bias ? sum + splat(bias[j + s]) : sum;
      };
      transpose_back(to, j, at_most(kStep<T>, cols - j), column);
    }
  }
}

// The same for any number of columns. `in` may be read up to whole vectors of its rows.
template <typename T>
void store_transposed(T* out, int64_t out_step, const T* in, int64_t in_step, int64_t rows,
                      int64_t cols, const T* bias) {
  constexpr int64_t kW = kWidth<T>;
  int64_t j = 0;
  for (; j + kW <= cols; j += kW) {
    const Vector<T> shift = bias ? load(bias + j) : Vector<T>{};
    const T* columns[kW];
    for (int64_t l = 0; l < kW; ++l) columns[l] = in + (j + l) * in_step;
    alignas(kVectorBytes) T block[kStep<T> * kW];
    for (int64_t i = 0; i < rows; i += kStep<T>) {
      const int64_t count = at_most(kStep<T>, rows - i);
      transpose_step(columns, i, block, kW, count);
      for (int64_t s = 0; s < count; ++s) {
        const Vector<T> sum = load(block + s * kW);
        store(out + (i + s) * out_step + j, bias ? sum + shift : sum);
      }
    }
  }
  if (j == cols) return;
  store_narrow_transposed(out + j, out_step, in + j * in_step, in_step, rows, cols - j,
                          bias ? bias + j : nullptr);
}

}  // namespace
}  // namespace chainrule::kernels
