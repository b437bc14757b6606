// Softmax and its logarithm on rows of a dense [rows, cols] matrix. The row's maximum is subtracted
// first, so nothing overflows; a -inf logit gets probability 0, a row of -inf or with a NaN or +inf
// is NaN, as PyTorch.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_block.h"

namespace chainrule::kernels {
namespace {

template <typename T, bool kLog>
void softmax_block(T* y, const T* x, int64_t rows, int64_t cols) {
  RowBlock<T> block;
  load_rows(block, x, rows, cols);
  const RowLanes<T> max = reduce_lanes<Max>(block, cols);
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

template <typename T, bool kLog>
void softmax_row(T* y, const T* x, int64_t cols) {
  const T max = reduce_contiguous<Max>(x, cols);
  const T sum = exponentials(y, x, max, cols);
  if constexpr (kLog) {
    const T log_sum = maths::log(sum);
    for (int64_t c = 0; c < cols; ++c) y[c] = (x[c] - max) - log_sum;
  } else {
    divide_row(y, sum, cols);
  }
}

template <typename T, bool kLog>
void softmax(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in) {
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  if (cols == 0) return;
  if (cols <= kNarrowCols) {
    return for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
      softmax_block<T, kLog>(y + r * cols, x + r * cols, rows, cols);
    });
  }
  for (int64_t r = row_begin; r < row_end; ++r) {
    softmax_row<T, kLog>(y + r * cols, x + r * cols, cols);
  }
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

template <typename T, bool kLog>
void backward_row(T* dx, const T* dy, const T* y, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) dx[c] = summand<T, kLog>(dy[c], y[c]);
  const T sum = reduce_contiguous<Sum>(dx, cols);
  padded_binary(cols, dx, dy, y, [=](T u, T v) __attribute__((always_inline)) {
    return derivative<T, kLog>(u, v, sum);
  });
}

template <typename T, bool kLog>
void softmax_backward(int64_t row_begin, int64_t row_end, int64_t cols, void* out,
                      const void* upstream, const void* output) {
  T* dx = static_cast<T*>(out);
  const T* dy = static_cast<const T*>(upstream);
  const T* y = static_cast<const T*>(output);
  if (cols == 0) return;
  if (cols <= kNarrowCols) {
    return for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
      backward_block<T, kLog>(dx + r * cols, dy + r * cols, y + r * cols, rows, cols);
    });
  }
  for (int64_t r = row_begin; r < row_end; ++r) {
    backward_row<T, kLog>(dx + r * cols, dy + r * cols, y + r * cols, cols);
  }
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
