// Normalisation of rows and columns in long double.
#include <cmath>

#include "kernels/maths/basics.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

// Element j of line i, which is a row or a column.
template <bool kColumns>
int64_t place(int64_t cols, int64_t i, int64_t j) {
  return kColumns ? j * cols + i : i * cols + j;
}
// The channel that the element belongs to.
template <bool kColumns, typename Args>
int64_t channel(const Args& args, int64_t i, int64_t j) {
  return kColumns ? i : i % args.groups * (args.cols / args.span) + j / args.span;
}

template <typename T, bool kColumns>
void normalize(const NormalizeArgs& args, int64_t begin, int64_t end) {
  const int64_t length = kColumns ? args.rows : args.cols;
  const T* x = static_cast<const T*>(args.x);
  for (int64_t i = begin; i < end; ++i) {
    const auto at = [&](int64_t j) { return place<kColumns>(args.cols, i, j); };
    Real mean = 0, var = 0;
    for (int64_t j = 0; args.center && j < length; ++j) mean += x[at(j)];
    mean /= args.center ? length : 1;
    for (int64_t j = 0; j < length; ++j) var += (x[at(j)] - mean) * (x[at(j)] - mean);
    var /= length;
    const Real rstd = 1 / std::sqrt(var + args.eps);
    for (int64_t j = 0; j < length; ++j) {
      const int64_t c = channel<kColumns>(args, i, j);
      Real v = (x[at(j)] - mean) * rstd;
      if (args.weight) v *= static_cast<const T*>(args.weight)[c];
      if (args.bias) v += static_cast<const T*>(args.bias)[c];
      static_cast<T*>(args.y)[at(j)] = static_cast<T>(v);
    }
    static_cast<T*>(args.mean)[i] = static_cast<T>(mean);
    static_cast<T*>(args.var)[i] = static_cast<T>(var);
    static_cast<T*>(args.rstd)[i] = static_cast<T>(rstd);
  }
}

template <typename T, bool kColumns>
struct Line {
  const NormalizeBackwardArgs& args;
  int64_t i;
  int64_t length() const { return kColumns ? args.rows : args.cols; }
  int64_t at(int64_t j) const { return place<kColumns>(args.cols, i, j); }
  Real dy(int64_t j) const { return static_cast<const T*>(args.dy)[at(j)]; }
  Real rstd() const { return static_cast<const T*>(args.rstd)[i]; }
  Real hat(int64_t j) const {
    return (static_cast<const T*>(args.x)[at(j)] - Real(static_cast<const T*>(args.mean)[i])) *
           rstd();
  }
  Real g(int64_t j) const {
    if (!args.weight) return dy(j);
    return maths::chain<Real>(dy(j),
                              static_cast<const T*>(args.weight)[channel<kColumns>(args, i, j)]);
  }
};

template <typename T, bool kColumns>
void backward(const NormalizeBackwardArgs& args, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const Line<T, kColumns> line = {args, i};
    const int64_t length = line.length();
    Real mean_g = 0, mean_dot = 0;
    for (int64_t j = 0; j < length; ++j) {
      mean_g += args.center ? line.g(j) / length : 0;
      mean_dot += maths::chain(line.g(j), line.hat(j)) / length;
    }
    for (int64_t j = 0; j < length; ++j) {
      const Real along = maths::chain(mean_dot, line.hat(j));
      static_cast<T*>(args.out)[line.at(j)] =
          static_cast<T>(maths::chain(line.g(j) - mean_g - along, line.rstd()));
    }
  }
}

// Of each channel's own elements, ascending.
template <typename T, bool kColumns>
void weight_gradient(const NormalizeBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t of_row = args.cols / args.span, lines = kColumns ? args.cols : args.rows;
  for (int64_t c = begin; c < end; ++c) {
    const int64_t from = kColumns ? 0 : c % of_row * args.span;
    const int64_t to = kColumns ? args.rows : from + args.span;
    Real total = 0;
    for (int64_t i = kColumns ? c : c / of_row; i < lines; i += kColumns ? lines : args.groups) {
      const Line<T, kColumns> line = {args, i};
      for (int64_t j = from; j < to; ++j) total += maths::chain(line.dy(j), line.hat(j));
    }
    static_cast<T*>(args.out)[c] = static_cast<T>(total);
  }
}

template <typename T, bool kColumns>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize[kColumns][kType] = &normalize<T, kColumns>;
  table.normalize_backward[kColumns][kType] = &backward<T, kColumns>;
  table.normalize_weight[kColumns][kType] = &weight_gradient<T, kColumns>;
}

}  // namespace

void fill_reference_normalize(KernelTable& table) {
  set<float, false>(table);
  set<float, true>(table);
  set<double, false>(table);
  set<double, true>(table);
}

}  // namespace chainrule::kernels
