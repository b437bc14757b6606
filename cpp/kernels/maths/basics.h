// What the scalar maths is built from: bit casts, an explicit multiply-add, polynomials, selects.
//
// Everything in this folder, but for what libm.h names and where trigonometry.h calls it, is
// branch-free, templated on float and double, and made of operations that IEEE 754 rounds in one
// way only. So gcc vectorises a loop over it, and vector body, scalar tail and single element give
// the same bits. Coefficients are minimax fits (Remez) made for this library, rounded to the type
// they are used in. Errors are stated in units in the last place (ULP), the largest seen against
// long double; levels without FMA differ from the others in their last bits.
//
// Anonymous namespace on purpose: each kernel object keeps its own copy (see cmake/kernels.cmake).
#pragma once

#include <cstdint>

// Inlined whatever the size: a loop with a call in it does not vectorise.
#if defined(__CUDACC__)
#define CHAINRULE_HD __host__ __device__
#else
#define CHAINRULE_HD [[gnu::always_inline]]
#endif

namespace chainrule::kernels {
namespace {
namespace maths {

template <typename T>
inline constexpr bool kIsFloating = __is_same(T, float) || __is_same(T, double);

template <typename T>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kRounder = 0x1.8p23f;    // adding it rounds to an integer in the low bits
  static constexpr Bits kIntegers = 0x4B000000u;  // 2^23: the low mantissa bits count ones
  static constexpr float kMinNormal = 0x1p-126f;
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kRounder = 0x1.8p52;
  static constexpr Bits kIntegers = 0x4330000000000000u;
  static constexpr double kMinNormal = 0x1p-1022;
};

template <typename T>
CHAINRULE_HD inline typename Format<T>::Bits to_bits(T x) {
  return __builtin_bit_cast(typename Format<T>::Bits, x);
}
CHAINRULE_HD inline float from_bits(uint32_t b) { return __builtin_bit_cast(float, b); }
CHAINRULE_HD inline double from_bits(uint64_t b) { return __builtin_bit_cast(double, b); }

template <typename T>
inline constexpr T kInfinity = static_cast<T>(__builtin_inf());
template <typename T>
inline constexpr T kNaN = static_cast<T>(__builtin_nan(""));

// dy * d of the chain rule: a zero dy wins over inf and nan.
template <typename T>
CHAINRULE_HD inline T chain(T dy, T d) {
  return dy == 0 ? T(0) : dy * d;
}

// a * b + c: one rounding where the instruction set has it, two elsewhere, never a library call.
CHAINRULE_HD inline float fma_(float a, float b, float c) {
#if defined(__FP_FAST_FMAF) || defined(__CUDA_ARCH__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}
CHAINRULE_HD inline double fma_(double a, double b, double c) {
#if defined(__FP_FAST_FMA) || defined(__CUDA_ARCH__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// c0 + x (c1 + x (c2 + ...))
template <typename T>
CHAINRULE_HD inline T horner(T, T c0) {
  return c0;
}
template <typename T, typename... Rest>
CHAINRULE_HD inline T horner(T x, T c0, Rest... rest) {
  return fma_(horner(x, static_cast<T>(rest)...), x, c0);
}

CHAINRULE_HD inline float fabs(float x) { return __builtin_fabsf(x); }
CHAINRULE_HD inline double fabs(double x) { return __builtin_fabs(x); }
CHAINRULE_HD inline float sqrt(float x) { return __builtin_sqrtf(x); }
CHAINRULE_HD inline double sqrt(double x) { return __builtin_sqrt(x); }
CHAINRULE_HD inline float copysign(float x, float y) { return __builtin_copysignf(x, y); }
CHAINRULE_HD inline double copysign(double x, double y) { return __builtin_copysign(x, y); }

// For any number type: integers are finite.
template <typename T>
CHAINRULE_HD inline bool is_nan(T x) {
  if constexpr (kIsFloating<T>) return x != x;
  return false;
}
template <typename T>
CHAINRULE_HD inline bool is_finite(T x) {
  if constexpr (kIsFloating<T>) return x - x == 0;
  return true;
}

// NaN passes.
template <typename T>
CHAINRULE_HD inline T clamp(T x, T lo, T hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

// An unevaluated sum: hi is the rounded value, lo what it lacks.
template <typename T>
struct Pair {
  T hi, lo;
};

// a * b exactly, for products that neither overflow nor underflow. Without FMA the factors are cut
// in halves whose products are exact (T. J. Dekker, 1971).
template <typename T>
CHAINRULE_HD inline Pair<T> exact_product(T a, T b) {
  const T hi = a * b;
#if defined(__FP_FAST_FMAF) || defined(__CUDA_ARCH__)
  return {hi, fma_(a, b, -hi)};
#else
  constexpr T kCut = sizeof(T) == 4 ? T(0x1.002p12) : T(0x1.0000002p27);
  const T ca = kCut * a, cb = kCut * b;
  const T a1 = ca - (ca - a), b1 = cb - (cb - b);
  const T a2 = a - a1, b2 = b - b1;
  return {hi, ((a1 * b1 - hi) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
