// Floating-point reductions, one column at a time in long double.
#include <cmath>

#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;
using Combine = Real (*)(Real result, Real x);

template <typename T, Combine kCombine>
void reduce_from(Real first, int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner,
                 void* out, const void* in) {
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    for (int64_t j = 0; j < inner; ++j) {
      Real result = first;
      for (int64_t k = 0; k < n; ++k) {
        result = kCombine(result, static_cast<const T*>(in)[(o * n + k) * inner + j]);
      }
      static_cast<T*>(out)[o * inner + j] = static_cast<T>(result);
    }
  }
}

Real plus(Real r, Real x) { return r + x; }
Real times(Real r, Real x) { return r * x; }
Real plus_square(Real r, Real x) { return r + x * x; }
Real plus_abs(Real r, Real x) { return r + std::fabs(x); }
Real larger(Real r, Real x) { return std::isnan(r) || r > x ? r : x; }
Real smaller(Real r, Real x) { return std::isnan(r) || r < x ? r : x; }
Real larger_abs(Real r, Real x) { return larger(r, std::fabs(x)); }

enum class First { kZero, kOne, kMinusInfinity, kInfinity };
constexpr Real value(First first) {
  constexpr Real kValues[] = {0, 1, -__builtin_infl(), __builtin_infl()};
  return kValues[static_cast<int>(first)];
}

template <typename T, Combine kCombine, First kFirst>
void reduce(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* out,
            const void* in) {
  reduce_from<T, kCombine>(value(kFirst), outer_begin, outer_end, n, inner, out, in);
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  const auto slot = [&](Reduce op) -> ReduceFn& {
    return table.reduce[static_cast<int>(op)][kType];
  };
  slot(Reduce::sum) = &reduce<T, plus, First::kZero>;
  slot(Reduce::prod) = &reduce<T, times, First::kOne>;
  slot(Reduce::amax) = &reduce<T, larger, First::kMinusInfinity>;
  slot(Reduce::amin) = &reduce<T, smaller, First::kInfinity>;
  slot(Reduce::sum_squares) = &reduce<T, plus_square, First::kZero>;
  slot(Reduce::sum_abs) = &reduce<T, plus_abs, First::kZero>;
  slot(Reduce::max_abs) = &reduce<T, larger_abs, First::kZero>;
}

}  // namespace

void fill_reference_reductions(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
