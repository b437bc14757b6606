// Softmax and its logarithm on rows of a dense [rows, cols] matrix. The row's maximum is subtracted
// first, so nothing overflows; a -inf logit gets probability 0, a row of -inf or with a NaN or +inf
// is NaN, as PyTorch.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_tile.h"

namespace chainrule::kernels {
namespace {

template <typename T, bool kLog>
void softmax_block(T* y, const T* x, int64_t rows, int64_t cols) {
  RowBlock<T> block;
  load_rows(block, x, rows, cols);
  const RowLanes<T> max = reduce_lanes<Peak>(block, cols);
  if constexpr (kLog) {
    RowBlock<T> powers = block;
    const RowLanes<T> log_sum = log_lanes(exponentials(powers, max, cols));
    for (int64_t c = 0; c < cols; ++c) {
      RowLanes<T>& v = block.column[c];
      for_lanes([&](int64_t i) { v.at[i] = (v.at[i] - max.at[i]) - log_sum.at[i]; });
    }
  } else {
    divide_lanes(block, exponentials(block, max, cols), cols);
  }
  store_rows(y, block, rows, cols);
}

template <typename T>
void log_softmax_row(T* y, const T* x, T max, T log_sum, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - max) - log_sum;
}

template <typename T, bool kLog>
[[gnu::noinline]] void softmax_tiles(int64_t row_begin, int64_t row_end, int64_t cols, T* y,
                                     const T* x) {
  RowTile<T> tile(cols);
  for_row_tiles(tile, row_begin, row_end, [&](int64_t first, int64_t rows) {
    RowLanes<T> max, sum;
    exponentials(tile, x + first * cols, rows, cols, max, sum);
    const RowLanes<T> log_sum = log_lanes(sum);
    for (int64_t i = 0, at = first * cols; i < rows; ++i, at += cols) {
      if constexpr (kLog) {
        log_softmax_row(y + at, x + at, max.at[i], log_sum.at[i], cols);
      } else {
        scale_row(cols, y + at, tile.row(i), T(1) / sum.at[i]);
      }
    }
  });
}

template <typename T, bool kLog>
[[gnu::noinline]] void softmax_rows(int64_t row_begin, int64_t row_end, int64_t cols, T* y,
                                    const T* x) {
  for (int64_t at = row_begin * cols; at < row_end * cols; at += cols) {
    const T max = reduce_contiguous<Peak>(x + at, cols);
    const T sum = exponentials(kLog ? nullptr : y + at, x + at, max, cols);
    if constexpr (kLog) {
      log_softmax_row(y + at, x + at, max, maths::log(sum), cols);
    } else {
      scale_row(cols, y + at, y + at, T(1) / sum);
    }
  }
}

template <typename T, bool kLog>
void softmax(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in) {
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  if (!RowTile<T>::holds(cols)) return softmax_rows<T, kLog>(row_begin, row_end, cols, y, x);
  if (cols > kNarrowCols) return softmax_tiles<T, kLog>(row_begin, row_end, cols, y, x);
  for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
    softmax_block<T, kLog>(y + r * cols, x + r * cols, rows, cols);
  });
}

// dx = y (dy - sum(dy y)); of the logarithm dx = dy - exp(y) sum(dy). Rows without an incoming
// gradient get none, whatever y is.
template <typename T, bool kLog>
[[gnu::always_inline]] inline T summand(T dy, T y) {
  return kLog ? dy : maths::chain(dy, y);
}
template <typename T, bool kLog>
[[gnu::always_inline]] inline T derivative(T dy, T y, T sum) {
  if constexpr (kLog) return dy - maths::chain(sum, maths::exp(y));
  return maths::chain(dy - sum, y);
}

template <typename T, bool kLog>
void backward_block(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols) {
  RowBlock<T> upstream, output, result;
  load_rows(upstream, dy, rows, cols);
  load_rows(output, y, rows, cols);
  for (int64_t c = 0; c < cols; ++c) {
    const RowLanes<T>&u = upstream.column[c], &o = output.column[c];
    RowLanes<T>& v = result.column[c];
    for_lanes([&](int64_t i) { v.at[i] = summand<T, kLog>(u.at[i], o.at[i]); });
  }
  const RowLanes<T> sum = reduce_lanes<Sum>(result, cols);
  for (int64_t c = 0; c < cols; ++c) {
    const RowLanes<T>&u = upstream.column[c], &o = output.column[c];
    RowLanes<T>& v = result.column[c];
    for_lanes([&](int64_t i) { v.at[i] = derivative<T, kLog>(u.at[i], o.at[i], sum.at[i]); });
  }
  store_rows(dx, result, rows, cols);
}

template <typename T>
void backward_row(T* dx, const T* dy, const T* y, int64_t cols) {
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) dx[c] = summand<T, false>(dy[c], y[c]);
  const T sum = reduce_contiguous<Sum>(static_cast<const T*>(dx), cols);
#pragma GCC ivdep
  for (int64_t c = 0; c < cols; ++c) dx[c] = derivative<T, false>(dy[c], y[c], sum);
}

template <typename T>
void log_backward_row(T* dx, const T* dy, const T* y, int64_t cols) {
  const T sum = reduce_contiguous<Sum>(dy, cols);
  padded_binary(cols, dx, dy, y, [=](T u, T v) __attribute__((always_inline)) {
    return derivative<T, true>(u, v, sum);
  });
}

// The same of rows that a tile holds.
template <typename T>
void log_backward_tile(RowTile<T>& tile, T* dx, const T* dy, const T* y, int64_t rows,
                       int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) tile.take(i, y + i * cols, cols, T(0));
  tile.exponentials(rows);
  for (int64_t i = 0; i < rows; ++i, dx += cols, dy += cols) {
    const T sum = reduce_chunk<Sum>(dy, cols);
    const T* power = tile.row(i);
#pragma GCC ivdep
    for (int64_t c = 0; c < cols; ++c) dx[c] = dy[c] - maths::chain(sum, power[c]);
  }
}

template <typename T, bool kLog>
[[gnu::noinline]] void backward_rows(int64_t row_begin, int64_t row_end, int64_t cols, T* dx,
                                     const T* dy, const T* y) {
  if (kLog && cols <= kReduceChunk / 8) {
    RowTile<T> tile(cols);
    return for_row_tiles(tile, row_begin, row_end, [&](int64_t r, int64_t rows) {
      log_backward_tile(tile, dx + r * cols, dy + r * cols, y + r * cols, rows, cols);
    });
  }
  for (int64_t at = row_begin * cols; at < row_end * cols; at += cols) {
    (kLog ? log_backward_row<T> : backward_row<T>)(dx + at, dy + at, y + at, cols);
  }
}

template <typename T, bool kLog>
void softmax_backward(int64_t row_begin, int64_t row_end, int64_t cols, void* out,
                      const void* upstream, const void* output) {
  T* dx = static_cast<T*>(out);
  const T* dy = static_cast<const T*>(upstream);
  const T* y = static_cast<const T*>(output);
  if (cols == 0 || cols > kNarrowCols) {
    return backward_rows<T, kLog>(row_begin, row_end, cols, dx, dy, y);
  }
  for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
    backward_block<T, kLog>(dx + r * cols, dy + r * cols, y + r * cols, rows, cols);
  });
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.softmax[kType] = &softmax<T, false>;
  table.log_softmax[kType] = &softmax<T, true>;
  table.softmax_backward[kType] = &softmax_backward<T, false>;
  table.log_softmax_backward[kType] = &softmax_backward<T, true>;
}

}  // namespace

void CHAINRULE_ENTRY(softmax)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
