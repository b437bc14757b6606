// sin and cos of a fraction of a full turn, for which the reduction to a quarter is exact.
#pragma once

#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {
namespace maths {

template <typename T>
struct SinCos {
  T sin, cos;
};

// sin and cos of 2 pi u for 0 <= u <= 1. 1.5 ULP.
template <typename T>
CHAINRULE_HD inline SinCos<T> sin_cos_of_turn(T u) {
  const T shifted = T(4) * u + Format<T>::kRounder;
  const T r = T(4) * u - (shifted - Format<T>::kRounder), z = r * r;  // quarters, |r| <= 1/2
  T s, c;
  if constexpr (__is_same(T, float)) {
    s = horner(z, 0x1.921fb6p+0f, -0x1.4abbcep-1f, 0x1.466bbap-4f, -0x1.32ca84p-8f,
               0x1.4bc1dap-13f);
    c = horner(z, 1.0f, -0x1.3bd3ccp+0f, 0x1.03c1dap-2f, -0x1.55c4e6p-6f, 0x1.d99e76p-11f);
  } else {
    s = horner(z, 0x1.921fb54442d18p+0, -0x1.4abbce625be53p-1, 0x1.466bc6775aad9p-4,
               -0x1.32d2cce62abb4p-8, 0x1.50783485c1f15p-13, -0x1.e3074b4157f4fp-19,
               0x1.e8eec67f3b76fp-25, -0x1.6c5874e61956fp-31);
    c = horner(z, 1.0, -0x1.3bd3cc9be45dep+0, 0x1.03c1f081b5ac4p-2, -0x1.55d3c7e3cbfecp-6,
               0x1.e1f5068919862p-11, -0x1.a6d1f29ef7ccfp-16, 0x1.f9d3851ccf16ep-22,
               -0x1.b6dd52669eb78p-28, 0x1.1e23c73de7c6ap-34);
  }
  s *= r;
  const auto quarter = to_bits(shifted);  // its low bits count the quarters
  const bool odd = (quarter & 1) != 0, low = (quarter & 2) != 0, left = ((quarter + 1) & 2) != 0;
  const T sine = odd ? c : s, cosine = odd ? s : c;
  return {low ? -sine : sine, left ? -cosine : cosine};
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
