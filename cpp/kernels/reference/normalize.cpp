// Normalisation of rows in long double.
#include <cmath>

#include "kernels/maths/basics.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

template <typename T>
void normalize(const NormalizeArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const T* x = static_cast<const T*>(args.x) + r * args.cols;
    T* y = static_cast<T*>(args.y) + r * args.cols;
    Real mean = 0, var = 0;
    for (int64_t c = 0; args.center && c < args.cols; ++c) mean += x[c];
    mean /= args.center ? args.cols : 1;
    for (int64_t c = 0; c < args.cols; ++c) var += (x[c] - mean) * (x[c] - mean);
    var /= args.cols;
    const Real rstd = 1 / std::sqrt(var + args.eps);
    for (int64_t c = 0; c < args.cols; ++c) {
      Real v = (x[c] - mean) * rstd;
      if (args.weight) v *= static_cast<const T*>(args.weight)[c];
      if (args.bias) v += static_cast<const T*>(args.bias)[c];
      y[c] = static_cast<T>(v);
    }
    static_cast<T*>(args.mean)[r] = static_cast<T>(mean);
    static_cast<T*>(args.var)[r] = static_cast<T>(var);
    static_cast<T*>(args.rstd)[r] = static_cast<T>(rstd);
  }
}

template <typename T>
struct Row {
  const NormalizeBackwardArgs& args;
  int64_t r;
  Real dy(int64_t c) const { return static_cast<const T*>(args.dy)[r * args.cols + c]; }
  Real rstd() const { return static_cast<const T*>(args.rstd)[r]; }
  Real hat(int64_t c) const {
    return (static_cast<const T*>(args.x)[r * args.cols + c] -
            Real(static_cast<const T*>(args.mean)[r])) *
           rstd();
  }
  Real g(int64_t c) const {
    return args.weight ? maths::chain<Real>(dy(c), static_cast<const T*>(args.weight)[c]) : dy(c);
  }
};

template <typename T>
void backward(const NormalizeBackwardArgs& args, int64_t row_begin, int64_t row_end) {
  for (int64_t r = row_begin; r < row_end; ++r) {
    const Row<T> row = {args, r};
    Real mean_g = 0, mean_dot = 0;
    for (int64_t c = 0; c < args.cols; ++c) {
      mean_g += args.center ? row.g(c) / args.cols : 0;
      mean_dot += maths::chain(row.g(c), row.hat(c)) / args.cols;
    }
    for (int64_t c = 0; c < args.cols; ++c) {
      const Real along = maths::chain(mean_dot, row.hat(c));
      static_cast<T*>(args.out)[r * args.cols + c] =
          static_cast<T>(maths::chain(row.g(c) - mean_g - along, row.rstd()));
    }
  }
}

template <typename T>
void weight_gradient(const NormalizeBackwardArgs& args, int64_t col_begin, int64_t col_end) {
  for (int64_t c = col_begin; c < col_end; ++c) {
    Real total = 0;
    for (int64_t r = 0; r < args.rows; ++r) {
      const Row<T> row = {args, r};
      total += maths::chain(row.dy(c), row.hat(c));
    }
    static_cast<T*>(args.out)[c] = static_cast<T>(total);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize[kType] = &normalize<T>;
  table.normalize_backward[kType] = &backward<T>;
  table.normalize_weight[kType] = &weight_gradient<T>;
}

}  // namespace

void fill_reference_normalize(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
