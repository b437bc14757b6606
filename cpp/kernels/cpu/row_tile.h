// Rows of more than kNarrowCols columns. Those that fit are taken several at a time into a tile,
// each padded to whole vectors: the rest of a row computed apart, by way of scalars, cost as much
// as 50 columns (a vector load behind scalar stores waits for all of them). Which way a row goes is
// a rule of cols alone, and its bits are the same either way.
#pragma once

#include "kernels/cpu/row_block.h"

namespace chainrule::kernels {
namespace {

template <typename T>
struct RowTile {
  alignas(64) T at[kReduceChunk];
  int64_t stride;

  explicit RowTile(int64_t cols) : stride((cols + kBlock<T> - 1) / kBlock<T> * kBlock<T>) {}

  static bool holds(int64_t cols) { return cols > 0 && cols <= kReduceChunk; }
  // 16 KB stay in the first-level cache beside what is read and written.
  int64_t most_rows() const {
    const int64_t fit = (1 << 14) / static_cast<int64_t>(sizeof(T)) / stride;
    return fit < 1 ? 1 : fit < kRowLanes ? fit : kRowLanes;
  }
  T* row(int64_t i) { return at + i * stride; }

  // Row i = x - shift. Nobody reads what is behind it: -shift up to a vector's end, then 0, whose
  // power costs no more than others (one that vanishes would cost a multiple).
  void take(int64_t i, const T* x, int64_t cols, T shift) {
    T* const y = row(i);
    const Vector<T> by = splat(shift);
    int64_t c = 0;
    for (; c + kWidth<T> <= cols; c += kWidth<T>) store(y + c, load(x + c) - by);
    for (; c < stride; c += kWidth<T>) {
      store(y + c, c < cols ? load_rest<Sum>(x + c, cols - c) - by : Vector<T>{});
    }
  }
  void exponentials(int64_t rows) {
    flat_unary(rows * stride, at, at,
               [](T v) __attribute__((always_inline)) { return maths::exp(v); });
  }
};

// tile = exp(x - max) of its rows; their maxima and sums. Lanes beyond `rows` hold 1.
template <typename T>
void exponentials(RowTile<T>& tile, const T* x, int64_t rows, int64_t cols, RowLanes<T>& max,
                  RowLanes<T>& sum) {
  for_lanes([&](int64_t i) { max.at[i] = sum.at[i] = T(1); });
  for (int64_t i = 0; i < rows; ++i) {
    max.at[i] = reduce_chunk<Peak>(x + i * cols, cols);
    tile.take(i, x + i * cols, cols, max.at[i]);
  }
  tile.exponentials(rows);
  for (int64_t i = 0; i < rows; ++i) sum.at[i] = reduce_chunk<Sum>(tile.row(i), cols);
}

// y = exp(x - max) of a row that no tile holds, and its sum. Null y: the sum alone.
template <typename T>
T exponentials(T* y, const T* x, T max, int64_t cols) {
  alignas(64) T chunk[kReduceChunk];
  return reduce_by_chunks<Sum, T>(cols, [=, &chunk](int64_t i, int64_t n) {
    T* const to = y ? y + i : chunk;
    padded_unary(n, to, x + i,
                 [=](T v) __attribute__((always_inline)) { return maths::exp(v - max); });
    return reduce_chunk<Sum>(static_cast<const T*>(to), n);
  });
}

// y = factor * x; y may be x exactly.
template <typename T>
void scale_row(int64_t n, T* y, const T* x, T factor) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) y[j] = factor * x[j];
}

// What(first row, rows) for the row range in steps of a tile.
template <typename T, typename What>
[[gnu::always_inline]] inline void for_row_tiles(const RowTile<T>& tile, int64_t row_begin,
                                                 int64_t row_end, What what) {
  const int64_t step = tile.most_rows();
  for (int64_t r = row_begin; r < row_end; r += step) {
    what(r, row_end - r < step ? row_end - r : step);
  }
}

}  // namespace
}  // namespace chainrule::kernels
