// Scalar maths in float and double for the functors: branch-free, so that a loop over them
// vectorises. Anonymous namespace on purpose: each kernel object keeps its own copy (see
// cmake/kernels.cmake).
#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define CHAINRULE_HD __host__ __device__
#else
#define CHAINRULE_HD
#endif

namespace chainrule::kernels {
namespace {
namespace maths {

#define CHAINRULE_LIBM1(name)                                                \
  CHAINRULE_HD inline float name(float x) { return __builtin_##name##f(x); } \
  CHAINRULE_HD inline double name(double x) { return __builtin_##name(x); }
#define CHAINRULE_LIBM2(name)                                                            \
  CHAINRULE_HD inline float name(float x, float y) { return __builtin_##name##f(x, y); } \
  CHAINRULE_HD inline double name(double x, double y) { return __builtin_##name(x, y); }

CHAINRULE_LIBM1(sqrt)
CHAINRULE_LIBM1(floor)
CHAINRULE_LIBM1(ceil)
CHAINRULE_LIBM1(trunc)
CHAINRULE_LIBM1(rint)
CHAINRULE_LIBM1(fabs)
CHAINRULE_LIBM1(sin)
CHAINRULE_LIBM1(cos)
CHAINRULE_LIBM1(tan)
CHAINRULE_LIBM1(atan)
CHAINRULE_LIBM1(exp)
CHAINRULE_LIBM1(expm1)
CHAINRULE_LIBM1(log)
CHAINRULE_LIBM1(log1p)
CHAINRULE_LIBM1(log2)
CHAINRULE_LIBM1(log10)
CHAINRULE_LIBM1(tanh)
CHAINRULE_LIBM1(erf)
CHAINRULE_LIBM1(erfc)
CHAINRULE_LIBM2(copysign)
CHAINRULE_LIBM2(atan2)
CHAINRULE_LIBM2(pow)
CHAINRULE_LIBM2(fmod)
#undef CHAINRULE_LIBM1
#undef CHAINRULE_LIBM2

template <typename T>
inline constexpr bool kIsFloating = __is_same(T, float) || __is_same(T, double);

template <typename T>
inline constexpr T kInfinity = static_cast<T>(__builtin_inf());

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

template <typename T>
CHAINRULE_HD inline T sigmoid(T x) {
  const T e = exp(-fabs(x));
  return (x >= 0 ? T(1) : e) / (T(1) + e);
}

// log(1 + exp(x)) without overflow.
template <typename T>
CHAINRULE_HD inline T softplus(T x) {
  const T positive = x < 0 ? T(0) : x;
  return positive + log1p(exp(-fabs(x)));
}

// The standard normal distribution and density.
template <typename T>
CHAINRULE_HD inline T normal_cdf(T x) {
  return T(0.5) * erfc(x * T(-0.70710678118654752440));
}
template <typename T>
CHAINRULE_HD inline T normal_pdf(T x) {
  return T(0.39894228040143267794) * exp(T(-0.5) * x * x);
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
