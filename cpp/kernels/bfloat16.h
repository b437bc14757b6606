// bfloat16 as bits: the upper half of a float. Conversions only; arithmetic is done in float.
#pragma once

#include <cstdint>

namespace chainrule::kernels {
namespace {

struct BFloat16 {
  uint16_t bits;
};

inline float to_float(BFloat16 x) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(x.bits) << 16);
}

// Rounds to nearest, ties to even; NaN stays NaN (the rounding carry could make it infinite).
inline BFloat16 to_bfloat16(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x);
  const uint32_t rounded = bits + 0x7FFFu + ((bits >> 16) & 1u);
  return {static_cast<uint16_t>((x != x ? bits | 0x400000u : rounded) >> 16)};
}

}  // namespace
}  // namespace chainrule::kernels
