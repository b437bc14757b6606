// Cross-entropy of logits against integer targets, and its gradient; PyTorch's formulas for
// weights, ignore_index and label smoothing.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_block.h"

namespace chainrule::kernels {
namespace {

bool in_range(int64_t target, int64_t cols) { return target >= 0 && target < cols; }

// Label smoothing e: (1 - e) w[t] (-log p[t]) + (e / cols) sum over c of w[c] (-log p[c]).
template <typename T>
T smoothed_loss(const CrossEntropyArgs& args, const T* x, T max, T log_sum, T plain) {
  const T* weight = static_cast<const T*>(args.weight);
  T sum = 0;
  for (int64_t c = 0; c < args.cols; ++c) {
    const T log_p = (x[c] - max) - log_sum;
    sum += weight ? weight[c] * log_p : log_p;
  }
  const T smoothing = static_cast<T>(args.label_smoothing);
  return (T(1) - smoothing) * plain - (smoothing / static_cast<T>(args.cols)) * sum;
}

// Loss and scale of row r; false if its target is out of range.
template <typename T>
bool finish_row(const CrossEntropyArgs& args, int64_t r, T max, T log_sum) {
  const T* x = static_cast<const T*>(args.logits) + r * args.cols;
  const T* weight = static_cast<const T*>(args.weight);
  const int64_t t = args.target[r];
  const bool ignored = t == args.ignore_index, valid = !ignored && in_range(t, args.cols);
  T loss = 0, scale = 0;
  if (valid) {
    scale = weight ? weight[t] : T(1);
    loss = scale * -((x[t] - max) - log_sum);
    if (args.label_smoothing > 0) loss = smoothed_loss(args, x, max, log_sum, loss);
  }
  static_cast<T*>(args.loss)[r] = loss;
  static_cast<T*>(args.scale)[r] = scale;
  return valid || ignored;
}

template <typename T>
int64_t cross_entropy_block(const CrossEntropyArgs& args, int64_t first, int64_t rows) {
  const int64_t cols = args.cols;
  RowBlock<T> block;
  load_rows(block, static_cast<const T*>(args.logits) + first * cols, rows, cols);
  const Lanes<T> max = reduce_lanes<Max>(block, cols);
  const Lanes<T> sum = exponentials(block, max, cols);
  divide_lanes(block, sum, cols);
  store_rows(static_cast<T*>(args.softmax) + first * cols, block, rows, cols);
  const Lanes<T> log_sum = log_lanes(sum);
  int64_t bad = -1;
  for (int64_t i = 0; i < rows; ++i) {
    if (!finish_row(args, first + i, max.at[i], log_sum.at[i]) && bad < 0) bad = first + i;
  }
  return bad;
}

template <typename T>
int64_t cross_entropy(const CrossEntropyArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  int64_t bad = -1;
  if (cols > 0 && cols <= kNarrowCols) {
    for_row_blocks(row_begin, row_end, [&](int64_t r, int64_t rows) {
      const int64_t found = cross_entropy_block<T>(args, r, rows);
      if (bad < 0) bad = found;
    });
    return bad;
  }
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.logits) + r * cols;
    T* p = static_cast<T*>(args.softmax) + r * cols;
    const T max = reduce_contiguous<Max>(x, cols);
    const T sum = exponentials(p, x, max, cols);
    divide_row(p, sum, cols);
    if (!finish_row(args, r, max, maths::log(sum)) && bad < 0) bad = r;
  }
  return bad;
}

template <typename T>
void cross_entropy_backward(const CrossEntropyBackwardArgs& args, int64_t row_begin,
                            int64_t row_end) {
  const int64_t cols = args.cols;
  const T* weight = static_cast<const T*>(args.weight);
  const T smoothing = static_cast<T>(args.label_smoothing);
  const T even = smoothing / static_cast<T>(cols);  // every class's part of the target
  const T weights = weight ? reduce_contiguous<Sum>(weight, cols) : static_cast<T>(cols);
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* p = static_cast<const T*>(args.softmax) + r * cols;
    T* dx = static_cast<T*>(args.dlogits) + r * cols;
    const int64_t t = args.target[r];
    const T dy = static_cast<const T*>(args.dy)[r * args.dy_stride];
    // A target out of range was reported by the forward kernel; here it only must do no harm.
    if (t == args.ignore_index || dy == 0 || !in_range(t, cols)) {
      for (int64_t j = 0; j < cols; ++j) dx[j] = 0;
      continue;
    }
    const T factor = dy / *static_cast<const T*>(args.divisor);
    const T hit = (T(1) - smoothing) * (weight ? weight[t] : T(1));
    if (smoothing == 0) {
      const T total = factor * hit;
      for (int64_t j = 0; j < cols; ++j) dx[j] = total * p[j];
      dx[t] = total * (p[t] - T(1));
      continue;
    }
    const T total = hit + even * weights;
    for (int64_t j = 0; j < cols; ++j) {
      dx[j] = factor * (total * p[j] - even * (weight ? weight[j] : T(1)));
    }
    dx[t] = factor * (total * p[t] - even * (weight ? weight[t] : T(1)) - hit);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.cross_entropy[kType] = &cross_entropy<T>;
  table.cross_entropy_backward[kType] = &cross_entropy_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(cross_entropy)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
