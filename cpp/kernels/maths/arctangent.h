// atan and atan2, both computed in double, with fewer coefficients where the result is float.
#pragma once

#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {
namespace maths {

// P of atan(q) = q + q^3 P(q^2) for 0 <= q <= 1 to the digits of T; relative errors 2^-31 and
// 2^-62.
template <typename T>
CHAINRULE_HD inline double atan_series(double z) {
  if constexpr (__is_same(T, float)) {
    return horner(z, -0x1.5555510405779p-2, 0x1.9997e0309806ap-3, -0x1.24737381257c5p-3,
                  0x1.c4f1e180fd38cp-4, -0x1.68e6fed15fa2fp-4, 0x1.1422c8ec10e4cp-4,
                  -0x1.6e19a5cdb1a20p-5, 0x1.714b23c30f79ep-6, -0x1.df971af96f060p-8,
                  0x1.23f93cba52256p-10);
  } else {
    return horner(
        z, -0x1.5555555555554p-2, 0x1.9999999999731p-3, -0x1.24924924864d2p-3, 0x1.c71c71c3536fdp-4,
        -0x1.745d16e98e765p-4, 0x1.3b13ab643c352p-4, -0x1.1110ce1b94023p-4, 0x1.e1dd72df3019ap-5,
        -0x1.af0bc2b6aeae5p-5, 0x1.8587b2b4e59a0p-5, -0x1.61e7a64b32f37p-5, 0x1.40543a791c427p-5,
        -0x1.1bf4a6574232fp-5, 0x1.dff57a29fe583p-6, -0x1.756e3dfbff030p-6, 0x1.012e497a0f405p-6,
        -0x1.2cf0118de6d6fp-7, 0x1.1e56b65c78abbp-8, -0x1.a4c54f5c628e7p-10, 0x1.bc83d6f0164e9p-12,
        -0x1.2ad818acf47fap-14, 0x1.7eb7dbecfc605p-18);
  }
}

// What q = upper / lower, rounded, lacks, divided by 1 + q^2 as atan divides it. Both are scaled to
// where products are exact; a small q needs no more digits.
CHAINRULE_HD inline double quotient_rest(double upper, double lower, double q) {
  const double shrink = lower > 0x1p500 ? 0x1p-600 : 1.0;
  const double scale = lower < 0x1p-400 ? 0x1p600 : shrink, divisor = lower * scale;
  const Pair<double> product = exact_product(q, divisor);
  const double rest = ((upper * scale - product.hi) - product.lo) / fma_(q * q, divisor, divisor);
  return q > 0x1p-30 ? rest : 0.0;
}

// The angle of the point (x, y): beside the nearest multiple of pi / 2 it is atan of the smaller
// coordinate by the larger one.
template <typename T>
CHAINRULE_HD inline double angle_of_point(double y, double x) {
  constexpr double kQuarter = 0x1.921fb54442d18p+0, kQuarterLower = 0x1.1a62633145c07p-54;
  const double width = fabs(x), height = fabs(y);
  const bool steep = height > width, left = copysign(1.0, x) < 0;
  const double smaller = steep ? width : height, larger = steep ? height : width;
  const bool equal = smaller == larger;  // 0 / 0 counts as 0, inf / inf as 1
  const double lower = equal ? 1.0 : larger, upper = equal & (larger != 0) ? 1.0 : smaller;
  const double q = upper / lower, z = q * q;
  const double flat = left ? 2.0 : 0.0, multiple = steep ? 1.0 : flat;
  const double sign = steep != left ? -1.0 : 1.0;
  double bend = q * z * atan_series<T>(z);
  if constexpr (__is_same(T, double)) bend += quotient_rest(upper, lower, q);
  const double base = multiple * kQuarter, step = sign * q, sum = base + step;
  return copysign(sum + (((base - sum) + step) + fma_(multiple, kQuarterLower, sign * bend)), y);
}

// 0.51 ULP in float, 1.2 in double. -0 is a negative x.
template <typename T>
CHAINRULE_HD inline T atan2(T y, T x) {
  return static_cast<T>(angle_of_point<T>(y, x));
}
template <typename T>
CHAINRULE_HD inline T atan(T x) {
  return static_cast<T>(angle_of_point<T>(x, 1.0));
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
