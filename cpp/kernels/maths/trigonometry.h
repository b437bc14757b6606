// sin, cos and tan of angles in radians.
//
// x = n pi / 2 + r with |r| <= pi / 4 (float's sin and cos: pi / 2). pi / 2 is cut so that n times
// its upper parts is exact, with or without FMA. Float computes in double and rounds once; double
// carries r as a pair, so that angles next to multiples of pi / 2 keep their digits. Beyond
// kFarAngle the C library takes over, element by element: glibc has the angle to 2^-92, no closer.
#pragma once

#include "kernels/maths/libm.h"

namespace chainrule::kernels {
namespace {
namespace maths {

template <typename T>
inline constexpr T kFarAngle = __is_same(T, float) ? T(0x1p24) : T(0x1p16);

// True at the infinities, false for NaN.
template <typename T>
CHAINRULE_HD inline bool is_far_angle(T x) {
  return fabs(x) > kFarAngle<T>;
}

inline constexpr double kQuartersPerRadian = 0x1.45f306dc9c883p-1;  // 2 / pi

// ---- Float, in double.

// x - n pi / 2 for |n| < 2^24.
CHAINRULE_HD inline double angle_rest(double x, double n) {
  return fma_(n, -0x1.10b4611a62633p-30, fma_(n, -0x1.921fb54p+0, x));
}

// sin(r) for |r| <= pi / 2, relative error 2^-35.
CHAINRULE_HD inline double sin_of_half(double r) {
  return r * horner(r * r, 1.0, -0x1.555555476967dp-3, 0x1.11110c4a0137ap-7, -0x1.a017d9a0519a3p-13,
                    0x1.71708025a51fbp-19, -0x1.9a6887d21469dp-26);
}
// cos(r) for |r| <= pi / 4, relative error 2^-34.
CHAINRULE_HD inline double cos_of_quarter(double r) {
  return horner(r * r, 1.0, -0x1.ffffffcb82ee8p-2, 0x1.55553c789b558p-5, -0x1.6c07f169f2cd3p-10,
                0x1.99169febcf7fep-16);
}

// value, negated where the lowest of bits is set.
CHAINRULE_HD inline double negate_if_odd(double value, uint64_t bits) {
  return from_bits(to_bits(value) ^ (bits << 63));
}

// sin(x), or cos(x) = sin(x + pi / 2): n is even there and odd here, so that its sign alone depends
// on n. Adding 2^53 rounds to an even integer.
template <bool kCosine>
CHAINRULE_HD inline float sin_or_cos(float x) {
  constexpr double kEven = 0x1.8p53;
  const double wide = x;
  const double even =
      kCosine ? fma_(wide, kQuartersPerRadian, 1.0) + kEven : fma_(wide, kQuartersPerRadian, kEven);
  const double n = even - kEven - (kCosine ? 1.0 : 0.0);
  return static_cast<float>(negate_if_odd(sin_of_half(angle_rest(wide, n)), to_bits(even)));
}

// Each 0.51 ULP.
CHAINRULE_HD inline float sin_near(float x) { return sin_or_cos<false>(x); }
CHAINRULE_HD inline float cos_near(float x) { return sin_or_cos<true>(x); }
CHAINRULE_HD inline float tan_near(float x) {
  const double wide = x;
  const double shifted = fma_(wide, kQuartersPerRadian, Format<double>::kRounder);
  const double r = angle_rest(wide, shifted - Format<double>::kRounder);
  const double s = sin_of_half(r), c = cos_of_quarter(r);
  const bool odd = (to_bits(shifted) & 1) != 0;
  return static_cast<float>((odd ? -c : s) / (odd ? s : c));
}

// ---- Double.

// x = n pi / 2 + rest, n modulo 2^64.
struct QuarterAngle {
  Pair<double> rest;
  uint64_t n;
};
CHAINRULE_HD inline QuarterAngle reduce_to_quarter(double x) {
  const double shifted = fma_(x, kQuartersPerRadian, Format<double>::kRounder);
  const double n = shifted - Format<double>::kRounder;
  // The first two products and the first difference are exact, also where they cancel.
  const double first = x - n * 0x1.921fb5444p+0, second = n * 0x1.68c234c4cp-39;
  const double sum = first - second;
  const double lower = n * 0x1.98a2e03707345p-77 - ((first - sum) - second);
  const double hi = sum - lower;
  return {{hi, (sum - hi) - lower}, to_bits(shifted)};
}

// sin and cos of hi + lo for |hi| <= pi / 4, as a leading part and the small rest; relative errors
// 2^-58 and 2^-63.
struct SinCosPairs {
  Pair<double> sin, cos;
};
CHAINRULE_HD inline SinCosPairs sin_cos_of_quarter(Pair<double> r) {
  const double z = r.hi * r.hi, half = 0.5 * z;
  const double p = horner(z, -0x1.5555555555548p-3, 0x1.111111110f730p-7, -0x1.a01a019be9217p-13,
                          0x1.71de35552b4ffp-19, -0x1.ae5e4b83dd0fep-26, 0x1.5d8b55900b781p-33);
  const double q = horner(z, 0x1.555555555554bp-5, -0x1.6c16c16c15015p-10, 0x1.a01a019c8f254p-16,
                          -0x1.27e4f7f19143ep-22, 0x1.1ee9dbcef29a8p-29, -0x1.8fa6847e6ec2cp-37);
  const double c = 1.0 - half;
  return {{r.hi, fma_(r.hi * z, p, r.lo * c)},
          {c, ((1.0 - c) - half) + fma_(z * z, q, -(r.hi * r.lo))}};
}

// sin(x + shift pi / 2), shift 0 or 1.
CHAINRULE_HD inline double sin_shifted(double x, uint64_t shift) {
  const QuarterAngle angle = reduce_to_quarter(x);
  const SinCosPairs both = sin_cos_of_quarter(angle.rest);
  const uint64_t n = angle.n + shift;
  const double s = both.sin.hi + both.sin.lo, c = both.cos.hi + both.cos.lo;
  return negate_if_odd((n & 1) != 0 ? c : s, n >> 1);
}

// Each 0.8 ULP. Below the limit sin and tan are x itself, -0 and denormals too.
inline constexpr double kTinyAngle = 0x1p-28;
CHAINRULE_HD inline double sin_near(double x) {
  const double result = sin_shifted(x, 0);
  return fabs(x) < kTinyAngle ? x : result;
}
CHAINRULE_HD inline double cos_near(double x) { return sin_shifted(x, 1); }

// The sum as a rounded value and what it lacks, lo being small beside hi.
CHAINRULE_HD inline Pair<double> rounded(Pair<double> sum) {
  const double hi = sum.hi + sum.lo;
  return {hi, (sum.hi - hi) + sum.lo};
}
// sin / cos, or -cos / sin for odd n, with the quotient's remainder. 1.1 ULP.
CHAINRULE_HD inline double tan_near(double x) {
  const QuarterAngle angle = reduce_to_quarter(x);
  const SinCosPairs both = sin_cos_of_quarter(angle.rest);
  const Pair<double> s = rounded(both.sin), c = rounded(both.cos);
  const bool odd = (angle.n & 1) != 0;
  const double upper = odd ? -c.hi : s.hi, upper_rest = odd ? -c.lo : s.lo;
  const double lower = odd ? s.hi : c.hi, lower_rest = odd ? s.lo : c.lo;
  const double inverse = 1.0 / lower, quotient = upper * inverse;
  const Pair<double> product = exact_product(quotient, lower);
  const double remainder =
      ((upper - product.hi) - product.lo) + (upper_rest - quotient * lower_rest);
  const double result = quotient + remainder * inverse;
  return fabs(x) < kTinyAngle ? x : result;
}

// ---- All angles.

#define CHAINRULE_ANGLE_FUNCTION(name)                       \
  template <typename T>                                      \
  CHAINRULE_HD inline T name(T x) {                          \
    return is_far_angle(x) ? libm::name(x) : name##_near(x); \
  }
CHAINRULE_ANGLE_FUNCTION(sin)
CHAINRULE_ANGLE_FUNCTION(cos)
CHAINRULE_ANGLE_FUNCTION(tan)
#undef CHAINRULE_ANGLE_FUNCTION

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
