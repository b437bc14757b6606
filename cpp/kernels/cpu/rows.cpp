// Softmax, its logarithm and cross-entropy on rows of a dense [rows, cols] matrix. The row's
// maximum is subtracted first, so nothing overflows; a -inf logit gets probability 0, a row of -inf
// or with a NaN or +inf is NaN, as PyTorch. Sums within a row use the lane tree of vector.h.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/reduce_ops.h"
#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

// out = exp(x - max), returns the sum.
template <typename T>
T exponentials(int64_t cols, T* out, const T* x, T max) {
#pragma GCC ivdep
  for (int64_t j = 0; j < cols; ++j) out[j] = maths::exp(x[j] - max);
  return reduce_contiguous<Sum>(out, cols);
}

template <typename T>
void softmax_row(int64_t cols, T* y, const T* x, T max, T* sum) {
  *sum = exponentials(cols, y, x, max);
  for (int64_t j = 0; j < cols; ++j) y[j] /= *sum;
}

template <typename T>
void softmax(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(in) + r * cols;
    T sum;
    softmax_row(cols, static_cast<T*>(out) + r * cols, x, reduce_contiguous<Max>(x, cols), &sum);
  }
}

template <typename T>
void log_softmax(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(in) + r * cols;
    T* y = static_cast<T*>(out) + r * cols;
    const T max = reduce_contiguous<Max>(x, cols);
    const T log_sum = maths::log(exponentials(cols, y, x, max));
    for (int64_t j = 0; j < cols; ++j) y[j] = (x[j] - max) - log_sum;
  }
}

// dx = y (dy - sum(dy y))
template <typename T>
void softmax_backward(int64_t row_begin, int64_t row_end, int64_t cols, void* out,
                      const void* upstream, const void* output) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* dy = static_cast<const T*>(upstream) + r * cols;
    const T* y = static_cast<const T*>(output) + r * cols;
    T* dx = static_cast<T*>(out) + r * cols;
    for (int64_t j = 0; j < cols; ++j) dx[j] = dy[j] * y[j];
    const T sum = reduce_contiguous<Sum>(dx, cols);
    for (int64_t j = 0; j < cols; ++j) dx[j] = y[j] * (dy[j] - sum);
  }
}

// dx = dy - softmax sum(dy), softmax = exp(y)
template <typename T>
void log_softmax_backward(int64_t row_begin, int64_t row_end, int64_t cols, void* out,
                          const void* upstream, const void* output) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* dy = static_cast<const T*>(upstream) + r * cols;
    const T* y = static_cast<const T*>(output) + r * cols;
    T* dx = static_cast<T*>(out) + r * cols;
    const T sum = reduce_contiguous<Sum>(dy, cols);
    for (int64_t j = 0; j < cols; ++j) dx[j] = dy[j] - maths::exp(y[j]) * sum;
  }
}

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

template <typename T>
int64_t cross_entropy(const CrossEntropyArgs& args, int64_t row_begin, int64_t row_end) {
  const int64_t cols = args.cols;
  const T* weight = static_cast<const T*>(args.weight);
  int64_t bad = -1;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.logits) + r * cols;
    const T max = reduce_contiguous<Max>(x, cols);
    T sum;
    softmax_row(cols, static_cast<T*>(args.softmax) + r * cols, x, max, &sum);
    const int64_t t = args.target[r];
    const bool ignored = t == args.ignore_index;
    const bool valid = !ignored && t >= 0 && t < cols;
    if (!ignored && !valid && bad < 0) bad = r;
    T loss = 0, scale = 0;
    if (valid) {
      const T log_sum = maths::log(sum);
      scale = weight ? weight[t] : T(1);
      loss = scale * -((x[t] - max) - log_sum);
      if (args.label_smoothing > 0) loss = smoothed_loss(args, x, max, log_sum, loss);
    }
    static_cast<T*>(args.loss)[r] = loss;
    static_cast<T*>(args.scale)[r] = scale;
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
    if (t == args.ignore_index || dy == 0) {
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
  table.softmax[kType] = &softmax<T>;
  table.log_softmax[kType] = &log_softmax<T>;
  table.softmax_backward[kType] = &softmax_backward<T>;
  table.log_softmax_backward[kType] = &log_softmax_backward<T>;
  table.cross_entropy[kType] = &cross_entropy<T>;
  table.cross_entropy_backward[kType] = &cross_entropy_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(rows)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
