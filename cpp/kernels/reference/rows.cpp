// Softmax, log-softmax and cross-entropy in long double.
#include <cmath>

#include "kernels/maths/basics.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

template <typename T>
Real row_max(const T* x, int64_t cols) {
  Real max = -INFINITY;
  for (int64_t j = 0; j < cols; ++j) max = x[j] > max || std::isnan(x[j]) ? Real(x[j]) : max;
  return max;
}

// log of the sum of exp(x - max)
template <typename T>
Real row_log_sum(const T* x, int64_t cols, Real max) {
  Real sum = 0;
  for (int64_t j = 0; j < cols; ++j) sum += std::exp(x[j] - max);
  return std::log(sum);
}

template <typename T, bool kLog>
void softmax(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(in) + r * cols;
    const Real max = row_max(x, cols);
    const Real log_sum = row_log_sum(x, cols, max);
    for (int64_t j = 0; j < cols; ++j) {
      const Real log_p = x[j] - max - log_sum;
      static_cast<T*>(out)[r * cols + j] = static_cast<T>(kLog ? log_p : std::exp(log_p));
    }
  }
}

template <typename T, bool kLog>
void softmax_backward(int64_t row_begin, int64_t row_end, int64_t cols, void* out,
                      const void* upstream, const void* output) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* dy = static_cast<const T*>(upstream) + r * cols;
    const T* y = static_cast<const T*>(output) + r * cols;
    Real sum = 0;
    for (int64_t j = 0; j < cols; ++j) sum += kLog ? Real(dy[j]) : maths::chain<Real>(dy[j], y[j]);
    for (int64_t j = 0; j < cols; ++j) {
      const Real dx = kLog ? dy[j] - maths::chain(sum, std::exp(Real(y[j])))
                           : maths::chain<Real>(dy[j] - sum, y[j]);
      static_cast<T*>(out)[r * cols + j] = static_cast<T>(dx);
    }
  }
}

// What the row is compared with: 1 at its class, smoothed and weighted.
template <typename T>
Real target_of(const CrossEntropyArgs& args, int64_t t, int64_t c) {
  const Real smoothing = args.label_smoothing;
  const Real share = (c == t ? 1 - smoothing : 0) + smoothing / args.cols;
  return args.weight ? share * static_cast<const T*>(args.weight)[c] : share;
}

template <typename T>
int64_t cross_entropy(const CrossEntropyArgs& args, int64_t row_begin, int64_t row_end) {
  int64_t bad = -1;
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.logits) + r * args.cols;
    T* slope = args.slope ? static_cast<T*>(args.slope) + r * args.cols : nullptr;
    const Real max = row_max(x, args.cols);
    const Real log_sum = row_log_sum(x, args.cols, max);
    const int64_t t = args.target[r];
    const bool ignored = t == args.ignore_index, inside = t >= 0 && t < args.cols;
    if (!ignored && !inside && bad < 0) bad = r;
    const bool counts = !ignored && inside;
    Real loss = 0, total = 0;
    for (int64_t c = 0; counts && c < args.cols; ++c) {
      const Real target = target_of<T>(args, t, c);
      if (target != 0) loss -= target * (x[c] - max - log_sum);
      total += target;
    }
    for (int64_t c = 0; slope && c < args.cols; ++c) {
      const Real p = std::exp(x[c] - max - log_sum);
      slope[c] = counts ? static_cast<T>(total * p - target_of<T>(args, t, c)) : T(0);
    }
    const T* weight = static_cast<const T*>(args.weight);
    static_cast<T*>(args.loss)[r] = static_cast<T>(loss);
    static_cast<T*>(args.scale)[r] = counts ? weight ? weight[t] : T(1) : T(0);
  }
  return bad;
}

template <typename T>
void cross_entropy_backward(const CrossEntropyBackwardArgs& args, int64_t row_begin,
                            int64_t row_end) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const int64_t t = args.target[r];
    const Real dy = static_cast<const T*>(args.dy)[r * args.dy_stride];
    const bool none = t == args.ignore_index || dy == 0 || t < 0 || t >= args.cols;
    for (int64_t c = 0; c < args.cols; ++c) {
      const Real slope = static_cast<const T*>(args.slope)[r * args.cols + c];
      const Real dx = dy / *static_cast<const T*>(args.divisor) * slope;
      static_cast<T*>(args.dlogits)[r * args.cols + c] = none ? T(0) : static_cast<T>(dx);
    }
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.softmax[kType] = &softmax<T, false>;
  table.log_softmax[kType] = &softmax<T, true>;
  table.softmax_backward[kType] = &softmax_backward<T, false>;
  table.log_softmax_backward[kType] = &softmax_backward<T, true>;
  table.cross_entropy[kType] = &cross_entropy<T>;
  table.cross_entropy_backward[kType] = &cross_entropy_backward<T>;
}

}  // namespace

void fill_reference_rows(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
