// mish, tanhshrink and squareplus, with derivatives.
#pragma once

#include "kernels/maths/exponential.h"

namespace chainrule::kernels {
namespace {
namespace maths {

// x tanh(log(1 + e^x)), of which e (e + 2) / (e (e + 2) + 2) with e = exp(x) is left below zero and
// (1 + 2 f) / (1 + 2 f + 2 f^2) with f = exp(-x) above. 4 ULP; mish(-inf) = -0, the limit.
template <typename T>
CHAINRULE_HD inline T mish(T x) {
  constexpr T kLimit = __is_same(T, float) ? T(120) : T(770);
  const T limited = clamp(x, -kLimit, kLimit);
  const Scaled<T> e = exp_scaled(-fabs(limited), T(0));
  const T small = e.value * e.scale1 * e.scale2;
  const T share = (small + T(2)) / (small * (small + T(2)) + T(2));
  const T negative = limited * share * e.value * e.scale1 * e.scale2;
  const T above = T(1) + T(2) * small;
  return x < 0 ? negative : x * (above / (above + T(2) * small * small));
}

// Its derivative, t + x (1 - t^2) sigmoid(x) with t = tanh(log(1 + e^x)). 0 and 1 at -inf and inf.
// Error below 4 eps (1 + |result|).
template <typename T>
CHAINRULE_HD inline T mish_slope(T x) {
  constexpr T kLimit = __is_same(T, float) ? T(120) : T(770);
  const T limited = clamp(x, -kLimit, kLimit);
  const Scaled<T> e = exp_scaled(-fabs(limited), T(0));
  const T small = e.value * e.scale1 * e.scale2, more = small + T(1);
  const T below = small * (small + T(2)) + T(2);
  const T inner = ((small + T(2)) * below + T(4) * limited * more) / (below * below);
  const T negative = inner * e.value * e.scale1 * e.scale2;
  const T part = T(1) + T(2) * small, above = part + T(2) * small * small;
  const T bend = T(4) * limited * (small * small) * more / (above * above);
  return x < 0 ? negative : part / above + bend;
}

// x - tanh(x): near zero by the series, which has the digits that the difference loses.
template <typename T>
CHAINRULE_HD inline T tanhshrink(T x) {
  const T z = x * x;
  const T near = T(0) - x * z * tanh_series(z), far = x - tanh(x);
  return fabs(x) < T(0.625) ? near : far;
}

// From here on b counts for nothing beside x^2, which might overflow.
template <typename T>
inline constexpr T kFarOut = __is_same(T, float) ? T(0x1p60) : T(0x1p500);

template <typename T>
CHAINRULE_HD inline T squareplus_root(T x, T b) {
  return fabs(x) > kFarOut<T> ? fabs(x) : sqrt(x * x + b);
}

// (x + sqrt(x^2 + b)) / 2, below zero b / (2 (sqrt(x^2 + b) - x)). 2.5 ULP.
template <typename T>
CHAINRULE_HD inline T squareplus(T x, T b) {
  const T root = squareplus_root(x, b);
  const T negative = T(0.5) * b / (root - x);
  return x < 0 ? negative : T(0.5) * x + T(0.5) * root;
}

// Its derivative (1 + x / sqrt(x^2 + b)) / 2; 1/2 at 0, also where b is 0.
template <typename T>
CHAINRULE_HD inline T squareplus_slope(T x, T b) {
  const T root = squareplus_root(x, b);
  const T share = fabs(x) > kFarOut<T> ? T(1) : x / root;
  const T positive = T(0.5) + T(0.5) * (x == 0 ? T(0) : share);
  const T negative = T(0.5) * b / ((root - x) * root);
  return x < 0 ? negative : positive;
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
