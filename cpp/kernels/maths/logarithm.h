// log, log1p, log2, log10 and softplus.
//
// x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), log(x) = e log(2) + log(1 + f). The leading
// parts e log(2) (exact for its upper part) and f are added with their rounding error kept, the
// rest is small.
#pragma once

#include "kernels/maths/exponential.h"

namespace chainrule::kernels {
namespace {
namespace maths {

// A positive normal number as 2^exponent * significand, the latter in [sqrt(1/2), sqrt(2)).
template <typename T>
struct Parts {
  typename Format<T>::Bits biased;  // exponent + bias, 0 ... 2 bias
  T significand;
};
template <typename T>
CHAINRULE_HD inline Parts<T> take_apart(T x) {
  using Bits = typename Format<T>::Bits;
  constexpr int kMantissa = Format<T>::kMantissa;
  constexpr Bits kRootHalf = __is_same(T, float) ? Bits(0x3F3504F3u) : Bits(0x3FE6A09E667F3BCDu);
  constexpr Bits kOne = Bits(Format<T>::kBias) << kMantissa;
  const Bits shifted = to_bits(x) + (kOne - kRootHalf);
  const Bits fraction = shifted & ((Bits(1) << kMantissa) - 1);
  return {shifted >> kMantissa, from_bits(fraction + kRootHalf)};
}
template <typename T>
CHAINRULE_HD inline T exponent(const Parts<T>& parts) {
  constexpr auto kIntegers = Format<T>::kIntegers;
  return from_bits(parts.biased | kIntegers) - (from_bits(kIntegers) + T(Format<T>::kBias));
}

// log(1 + f) - f + f^2 / 2 in double: s (f^2 / 2 + R), s = f / (2 + f), from the series in s; error
// 2^-59 of the logarithm.
CHAINRULE_HD inline double log_remainder(double f, double half_square) {
  const double s = f / (2.0 + f), z = s * s;
  const double r = z * horner(z, 0x1.5555555555592p-1, 0x1.999999997fd39p-2, 0x1.24924941f8c97p-2,
                              0x1.c71c5202aec3ep-3, 0x1.7466405e35485p-3, 0x1.39a192e0c7ac8p-3,
                              0x1.2f07099cee0a7p-3);
  return s * (half_square + r);
}
// The same in float, f^3 Q(f); error 2^-30.
CHAINRULE_HD inline float log_remainder(float f, float) {
  return f * f * f *
         horner(f, 0x1.555548p-2f, -0x1.000006p-2f, 0x1.99a4b8p-3f, -0x1.555c4ep-3f, 0x1.23373cp-3f,
                -0x1.fc218ep-4f, 0x1.e6f2aep-4f, -0x1.de4048p-4f, 0x1.1457a0p-4f);
}

// e log(2) + log(1 + f)
template <typename T>
CHAINRULE_HD inline T log_of_parts(T e, T f) {
  constexpr bool kFloat = __is_same(T, float);
  constexpr T kUpper = kFloat ? T(0x1.62e4p-1) : T(0x1.62e42fefa38p-1);
  constexpr T kLower = kFloat ? T(0x1.7f7d1cp-20) : T(0x1.ef35793c7673p-45);
  const T half_square = T(0.5) * f * f;
  const T rest = log_remainder(f, half_square) + fma_(e, kLower, -half_square);
  const T whole = e * kUpper;
  const T sum = whole + f;
  return sum + (rest + (f - (sum - whole)));
}

// -inf at 0, NaN below, inf and NaN kept.
template <typename T>
CHAINRULE_HD inline T log_edges(T x, T inside) {
  const T positive = x < kInfinity<T> ? inside : x;
  const T not_zero = x == 0 ? -kInfinity<T> : positive;
  return x < 0 ? kNaN<T> : not_zero;
}

// Denormals are scaled into the normal range first; the exponent takes it back.
template <typename T>
CHAINRULE_HD inline T normal_range(T x, T* shift) {
  constexpr int kShift = Format<T>::kMantissa + 2;
  const bool tiny = x < Format<T>::kMinNormal;
  *shift = tiny ? T(kShift) : T(0);
  return tiny ? x * T(uint64_t(1) << kShift) : x;
}

// 0.9 ULP.
template <typename T>
CHAINRULE_HD inline T log(T x) {
  T shift;
  const Parts<T> parts = take_apart(normal_range(x, &shift));
  return log_edges(x, log_of_parts(exponent(parts) - shift, parts.significand - T(1)));
}

// log(1 + x) for x > -1, finite: e comes from u = 1 + x, but f = 2^-e x + (2^-e - 1) from x itself,
// so that near zero f = x. For large x the 1 does not matter and 2^-e might underflow: f from u.
template <typename T>
CHAINRULE_HD inline T log1p_inside(T x) {
  using F = Format<T>;
  const Parts<T> parts = take_apart(T(1) + x);
  const T scale = from_bits((2 * F::kBias - parts.biased) << F::kMantissa);
  const T exact = fma_(x, scale, scale - T(1));
  const T f = x > T(uint64_t(1) << F::kMantissa) ? parts.significand - T(1) : exact;
  return log_of_parts(exponent(parts), f);
}

// 1.5 ULP.
template <typename T>
CHAINRULE_HD inline T log1p(T x) {
  const T inside = x < kInfinity<T> ? log1p_inside(x) : x;
  const T not_minus_one = x == -1 ? -kInfinity<T> : inside;
  const T valid = x < -1 ? kNaN<T> : not_minus_one;
  return fabs(x) < T(0x1p-55) ? x : valid;  // keeps -0
}

// log(x) / log(base): f is cut so that its product with the upper part of 1 / log(base) is exact.
CHAINRULE_HD inline double log_base(double x, double unit_upper, double unit_lower,
                                    double inverse_upper, double inverse_lower) {
  double shift;
  const Parts<double> parts = take_apart(normal_range(x, &shift));
  const double e = exponent(parts) - shift, f = parts.significand - 1.0;
  const double half_square = 0.5 * f * f;
  const double hi = from_bits(to_bits(f - half_square) & ~uint64_t(0xFFFFFFFF));
  const double lo = ((f - hi) - half_square) + log_remainder(f, half_square);
  const double whole = e * unit_upper, upper = hi * inverse_upper;
  const double lower = e * unit_lower + ((lo + hi) * inverse_lower + lo * inverse_upper);
  const double sum = whole + upper;
  return log_edges(x, sum + (lower + ((whole - sum) + upper)));
}

// 0.8 ULP and exact at powers of 2 and 10; float goes through double and is rounded once.
CHAINRULE_HD inline double log2(double x) {
  return log_base(x, 1.0, 0.0, 0x1.7154765p+0, 0x1.5c17f0bbbe880p-31);
}
CHAINRULE_HD inline double log10(double x) {
  return log_base(x, 0x1.34413509f6p-2, 0x1.9fef311f12b36p-42, 0x1.bcb7b15p-2,
                  0x1.37287195355bbp-33);
}
CHAINRULE_HD inline float log2(float x) { return static_cast<float>(log2(static_cast<double>(x))); }
CHAINRULE_HD inline float log10(float x) {
  return static_cast<float>(log10(static_cast<double>(x)));
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)). 1.8 ULP.
template <typename T>
CHAINRULE_HD inline T softplus(T x) {
  const T positive = x < 0 ? T(0) : x;
  return positive + log1p_inside(exp(-fabs(x)));
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
