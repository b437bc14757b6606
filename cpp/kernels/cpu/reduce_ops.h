// What the floating-point reductions combine. `map` is applied to an element, `combine` to two
// results; both work on a scalar and on a vector. `Partials` is how chunk results are combined.
#pragma once

#include "kernels/cpu/vector.h"

namespace chainrule::kernels {
namespace {

struct Sum {
  using Partials = Sum;
  template <typename T>
  static constexpr T first() {
    return T(0);
  }
  template <typename V>
  static V map(V x) {
    return x;
  }
  template <typename V>
  static V combine(V a, V b) {
    return a + b;
  }
};
struct SumSquares : Sum {
  template <typename V>
  static V map(V x) {
    return x * x;
  }
};
struct SumAbs : Sum {
  template <typename V>
  static V map(V x) {
    return x < 0 ? -x : x;
  }
};
struct Prod : Sum {
  using Partials = Prod;
  template <typename T>
  static constexpr T first() {
    return T(1);
  }
  template <typename V>
  static V combine(V a, V b) {
    return a * b;
  }
};
// NaN wins on either side.
struct Max : Sum {
  using Partials = Max;
  template <typename T>
  static constexpr T first() {
    return static_cast<T>(-__builtin_inf());
  }
  template <typename V>
  static V combine(V a, V b) {
    return (a > b) | (a != a) ? a : b;
  }
};
struct Min : Sum {
  using Partials = Min;
  template <typename T>
  static constexpr T first() {
    return static_cast<T>(__builtin_inf());
  }
  template <typename V>
  static V combine(V a, V b) {
    return (a < b) | (a != a) ? a : b;
  }
};
struct MaxAbs : Max {
  template <typename T>
  static constexpr T first() {
    return T(0);
  }
  template <typename V>
  static V map(V x) {
    return x < 0 ? -x : x;
  }
};

}  // namespace
}  // namespace chainrule::kernels
