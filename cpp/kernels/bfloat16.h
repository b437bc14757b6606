// bfloat16: the upper half of a float. It converts; every computation is float's, so an expression
// of BFloat16 values is one of floats that is rounded where it is stored.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace chainrule::kernels {
namespace {

struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  // Rounds to nearest, ties to even; NaN stays NaN (the rounding carry could make it infinite).
  [[gnu::always_inline]] explicit BFloat16(float x) {
    const uint32_t own = __builtin_bit_cast(uint32_t, x);
    const uint32_t rounded = own + 0x7FFFu + ((own >> 16) & 1u);
    bits = static_cast<uint16_t>((x != x ? own | 0x400000u : rounded) >> 16);
  }
  [[gnu::always_inline]] operator float() const {
    return __builtin_bit_cast(float, static_cast<uint32_t>(bits) << 16);
  }
};

// What elements stored as T are computed in.
template <typename T>
struct ComputedIn {
  using Type = T;
};
template <>
struct ComputedIn<BFloat16> {
  using Type = float;
};
template <typename T>
using Computed = typename ComputedIn<T>::Type;

}  // namespace
}  // namespace chainrule::kernels

template <>
struct chainrule::DTypeOf<chainrule::kernels::BFloat16> {
  static constexpr DType value = DType::kBFloat16;
};
