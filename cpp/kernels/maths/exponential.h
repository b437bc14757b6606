// exp, expm1, sigmoid, tanh and silu.
//
// exp(x) = 2^n exp(r), n = x / log(2) rounded, r = x - n log(2) with |r| <= log(2) / 2, where
// log(2) is cut in two so that n times its upper part is exact. 2^n is applied as two factors, so
// that results down to the smallest denormal are rounded once.
#pragma once

#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {
namespace maths {

// (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2; relative error of the exponential 2^-28 and 2^-64.
template <typename T>
CHAINRULE_HD inline T exp_remainder(T r) {
  if constexpr (__is_same(T, float)) {
    return horner(r, 0x1.fffffcp-2f, 0x1.555490p-3f, 0x1.5558f4p-5f, 0x1.123a6cp-7f,
                  0x1.6a2352p-10f);
  } else {
    return horner(r, 0x1.0000000000000p-1, 0x1.555555555555bp-3, 0x1.5555555555502p-5,
                  0x1.111111110ec1ap-7, 0x1.6c16c16c3077fp-10, 0x1.a01a01b399003p-13,
                  0x1.a01a0135fd5dep-16, 0x1.71ddefdc809a0p-19, 0x1.27e5b4f09f644p-22,
                  0x1.af6c612a8c946p-26, 0x1.1e3cdc05c4596p-29);
  }
}

// x = n log(2) + r. `bits` is n as an integer modulo 2^32 or 2^64, whatever x is; NaN leaves r NaN.
template <typename T>
struct Reduced {
  T r;
  typename Format<T>::Bits n;
};
template <typename T>
CHAINRULE_HD inline Reduced<T> reduce_by_log2(T x) {
  constexpr bool kFloat = __is_same(T, float);
  constexpr T kUpper = kFloat ? T(0x1.62e4p-1) : T(0x1.62e42fefa38p-1);
  constexpr T kLower = kFloat ? T(0x1.7f7d1cp-20) : T(0x1.ef35793c7673p-45);
  const T shifted = fma_(x, T(0x1.71547652b82fep+0), Format<T>::kRounder);
  const T n = shifted - Format<T>::kRounder;
  return {fma_(n, -kLower, fma_(n, -kUpper, x)), to_bits(shifted) - to_bits(Format<T>::kRounder)};
}

// 2^n for -bias < n <= bias.
template <typename T>
CHAINRULE_HD inline T power_of_2(typename Format<T>::Bits n) {
  return from_bits((n + Format<T>::kBias) << Format<T>::kMantissa);
}

// value * scale1 * scale2, to be multiplied out in this order.
template <typename T>
struct Scaled {
  T value, scale1, scale2;
};
// exp(hi + lo) for |hi| < 2 bias log(2), |lo| tiny.
template <typename T>
CHAINRULE_HD inline Scaled<T> exp_scaled(T hi, T lo) {
  using F = Format<T>;
  const Reduced<T> reduced = reduce_by_log2(hi);
  const T r = reduced.r + lo;
  const T value = T(1) + fma_(r * r, exp_remainder(r), r);
  // The two exponents with their bias; the sum is positive, so the shift may be a logical one.
  const typename F::Bits both = reduced.n + 2 * F::kBias, first = both >> 1;
  return {value, from_bits(first << F::kMantissa), from_bits((both - first) << F::kMantissa)};
}

// 1.0 ULP. exp(-inf) = 0, exp(inf) = inf; overflow and underflow where libm has them.
template <typename T>
CHAINRULE_HD inline T exp(T x) {
  constexpr bool kFloat = __is_same(T, float);
  const T limited = clamp(x, kFloat ? T(-104) : T(-746), kFloat ? T(89) : T(710));
  const Scaled<T> e = exp_scaled(limited, T(0));
  return e.value * e.scale1 * e.scale2;
}

// 2.0 ULP. The result 2^n (exp(r) - 1) + (2^n - 1) is made at half size, so 2^n may be the bias
// + 1.
template <typename T>
CHAINRULE_HD inline T expm1(T x) {
  constexpr bool kFloat = __is_same(T, float);
  const T limited = clamp(x, kFloat ? T(-18) : T(-38), kFloat ? T(89) : T(710));
  const Reduced<T> reduced = reduce_by_log2(limited);
  const T small = fma_(reduced.r * reduced.r, exp_remainder(reduced.r), reduced.r);
  const T half_scale = power_of_2<T>(reduced.n - 1);
  const T result = T(2) * fma_(small, half_scale, half_scale - T(0.5));
  return fabs(x) < T(0x1p-55) ? x : result;  // keeps -0 and denormals
}

// 1 / (1 + exp(-x)) as exp(-|x|) / (1 + exp(-|x|)) below zero, so nothing overflows and small
// results keep their digits. 2.4 ULP.
template <typename T>
CHAINRULE_HD inline T sigmoid(T x) {
  const T e = exp(-fabs(x));
  return (x < 0 ? e : T(1)) / (T(1) + e);
}

// P of tanh(x) = x + x^3 P(x^2) for |x| < 0.625.
template <typename T>
CHAINRULE_HD inline T tanh_series(T z) {
  if constexpr (__is_same(T, float)) {
    return horner(z, -0x1.555532p-2f, 0x1.110726p-3f, -0x1.b83c5ap-5f, 0x1.52269cp-6f,
                  -0x1.75e1cep-8f);
  } else {
    return horner(z, -0x1.5555555555552p-2, 0x1.1111111110c03p-3, -0x1.ba1ba1b9ce66ap-5,
                  0x1.664f48703772dp-6, -0x1.226e32c131e6ep-7, 0x1.d6d3584e66390p-9,
                  -0x1.7d9c1d5ba08e1p-10, 0x1.350ae19ad147dp-11, -0x1.f10cb43c83bd9p-13,
                  0x1.800618bf4df18p-14, -0x1.fa752024fb6f0p-16, 0x1.9580d06aff83fp-18);
  }
}

// tanh(x) by its series near zero, 1 - 2 / (exp(2 |x|) + 1) with x's sign beyond. 1.4 ULP.
template <typename T>
CHAINRULE_HD inline T tanh(T x) {
  constexpr bool kFloat = __is_same(T, float);
  const T a = fabs(x), z = x * x;
  const T near = fma_(a * z, tanh_series(z), a);
  // Beyond the limit the result rounds to 1; one scale is enough for exponents up to there.
  const T limit = kFloat ? T(20) : T(40);
  const Reduced<T> reduced = reduce_by_log2(a + a > limit ? limit : a + a);
  const T r = reduced.r;
  const T e = (T(1) + fma_(r * r, exp_remainder(r), r)) * power_of_2<T>(reduced.n);
  const T far = T(1) - T(2) / (e + T(1));
  return copysign(a < T(0.625) ? near : far, x);
}

// x sigmoid(x), 3.3 ULP also where exp(x) alone is denormal. silu(-inf) = -0, the limit.
template <typename T>
CHAINRULE_HD inline T silu(T x) {
  constexpr T kLimit = __is_same(T, float) ? T(120) : T(770);
  const T limited = clamp(x, -kLimit, kLimit);
  const Scaled<T> e = exp_scaled(-fabs(limited), T(0));
  const T sum = T(1) + e.value * e.scale1 * e.scale2;
  const T negative = limited * e.value / sum * e.scale1 * e.scale2;
  return x < 0 ? negative : x / sum;
}

// d/dx of x sigmoid(x) = s (1 + x (1 - s)). 0 and 1 at -inf and inf. Error below 2 eps (1 +
// |result|), and 6 ULP in the left tail.
template <typename T>
CHAINRULE_HD inline T silu_slope(T x) {
  constexpr T kLimit = __is_same(T, float) ? T(120) : T(770);
  const T limited = clamp(x, -kLimit, kLimit);
  const Scaled<T> e = exp_scaled(-fabs(limited), T(0));
  const T small = e.value * e.scale1 * e.scale2;
  const T share = T(1) / (T(1) + small);  // sigmoid(|x|)
  const T negative = fma_(limited, share, T(1)) * share * e.value * e.scale1 * e.scale2;
  return x < 0 ? negative : share * fma_(limited, small * share, T(1));
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
