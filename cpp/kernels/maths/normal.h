// The error function, and gelu with its tanh approximation, forward and derivative.
//
// gelu(x) = x Phi(x) needs the left tail of the normal distribution with all its digits, where
// 0.5 (1 + erf) has none left: Phi(-a) = exp(-a^2 / 2) M(a) with M(a), Mills' ratio over
// sqrt(2 pi), rational. a^2 is kept exactly, since exp turns its error into a relative one.
#pragma once

#include "kernels/maths/exponential.h"

namespace chainrule::kernels {
namespace {
namespace maths {

// x + x Q(x^2) below 1, else 1 - exp(P(|x|)) with P the logarithm of 1 - erf. 1.3 ULP.
template <typename T>
CHAINRULE_HD inline T erf(T x) {
  constexpr bool kFloat = __is_same(T, float);
  constexpr T kLimit = kFloat ? T(4) : T(5.96875);  // 1 - erf is below half an ULP of 1 from there
  const T z = x * x, a = fabs(x) > kLimit ? kLimit : fabs(x);
  T q, p;
  if constexpr (kFloat) {
    q = horner(z, 0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90ep-6f, 0x1.5405b2p-8f,
               -0x1.a3f700p-11f, 0x1.496a32p-14f);
    p = horner(a, -0x1.d4b95ep-13f, -0x1.20a7dcp+0f, -0x1.4655dcp-1f, -0x1.a904bep-4f,
               0x1.6ad9b6p-6f, -0x1.8c406cp-9f, 0x1.96a376p-13f);
  } else {
    q = horner(z, 0x1.06eba8214db69p-3, -0x1.812746b0379e6p-2, 0x1.ce2f21a042b20p-4,
               -0x1.b82ce3128499cp-6, 0x1.565bcd0db02e5p-8, -0x1.c02db3d8ed26ep-11,
               0x1.f9a321a11e172p-14, -0x1.f4d1df3950630p-17, 0x1.b9def19e32224p-20,
               -0x1.5f1d36c450065p-23, 0x1.f7a41243f4332p-27, -0x1.386ac1072584dp-30,
               0x1.0579ab6781f95p-34);
    p = horner(a - 0.9375, -0x1.b01db23274581p+0, -0x1.445c9b104a8e6p+1, -0x1.ab8ee287225c6p-1,
               -0x1.69a8fb4a57457p-5, 0x1.5d7d4ba775493p-7, -0x1.0e943c3c3a87bp-9,
               0x1.d2f23a2b09787p-13, 0x1.5a14c8da62a89p-15, -0x1.140b7878bbf70p-15,
               0x1.6d6312a1193a7p-17, -0x1.19834fc9c9864p-19, 0x1.ee77d92eb7f50p-26,
               0x1.552c95775f466p-23, -0x1.352dc93894defp-24, 0x1.4f9d0762a37d6p-26,
               -0x1.f3c1e3b943247p-29, 0x1.f672f2a5a4cdfp-32, -0x1.34b4261d6d2f1p-35,
               0x1.5e71e603d698fp-40);
  }
  const T near = fma_(x, q, x);
  const Reduced<T> reduced = reduce_by_log2(p);
  const T r = reduced.r;
  const T tail = (T(1) + fma_(r * r, exp_remainder(r), r)) * power_of_2<T>(reduced.n);
  const T far = copysign(T(1) - tail, x);
  return a < 1 ? near : far;
}

// c0 + c1 x + c2 x^2 + c3 x^3, given x2 = x^2.
template <typename T>
CHAINRULE_HD inline T cubic(T x, T x2, T c0, T c1, T c2, T c3) {
  return fma_(fma_(c3, x, c2), x2, fma_(c1, x, c0));
}

// Phi(-a) exp(a^2 / 2) for 0 <= a <= kNormalLimit: a ratio of polynomials without a negative
// coefficient, so nothing cancels; relative error 2^-27 and 2^-60. Powers of a that both share keep
// the chains of roundings short, and their own errors cancel in the ratio.
template <typename T>
CHAINRULE_HD inline T mills_ratio(T a) {
  const T a2 = a * a;
  if constexpr (__is_same(T, float)) {
    const float upper = horner(a2, fma_(0x1.c23578p-2f, a, 0.5f),
                               fma_(0x1.4faad4p-5f, a, 0x1.795670p-3f), 0x1.111a7cp-8f);
    const float lower =
        horner(a2, fma_(0x1.ad5ceep+0f, a, 1.0f), fma_(0x1.e3793ap-2f, a, 0x1.34ea4ap+0f),
               fma_(0x1.5647e8p-7f, a, 0x1.a4b89ap-4f));
    return upper / lower;
  } else {
    const double upper =
        horner(a2 * a2,
               cubic(a, a2, 0.5, 0x1.a801e70b091b5p-1, 0x1.5c21bd75cb03cp-1, 0x1.6e2fe82cd2da3p-2),
               cubic(a, a2, 0x1.0eb122b2c180cp-3, 0x1.248bfc12614d3p-5, 0x1.d37fff68025a4p-8,
                     0x1.110a813f87942p-10),
               horner(a, 0x1.bff0a4880f9dfp-14, 0x1.d54ebc281024bp-18, 0x1.e2d48c14a11b9p-23));
    const double lower =
        horner(a2 * a2,
               cubic(a, a2, 1.0, 0x1.3a220854d566fp+1, 0x1.68b52d36c02f0p+1, 0x1.0053963260d96p+1),
               cubic(a, a2, 0x1.f6320b355cd8ep-1, 0x1.650798f9a1cd4p-2, 0x1.79341233000a8p-4,
                     0x1.2954686edbe2fp-6),
               cubic(a, a2, 0x1.5880f961661aep-9, 0x1.194bb4e591eedp-12, 0x1.26184b4beb1d9p-16,
                     0x1.2e91a9c8703e6p-21));
    return upper / lower;
  }
}

// Beyond these the tails are 0 even times x.
template <typename T>
inline constexpr T kNormalLimit = __is_same(T, float) ? T(15) : T(39);

// exp(-a^2 / 2) for 0 <= a <= kNormalLimit: never large, so the first factor is a normal number.
template <typename T>
CHAINRULE_HD inline Scaled<T> bell(T a) {
  constexpr bool kFloat = __is_same(T, float);
  const Pair<T> power = exact_product(T(-0.5) * a, a);
  const Reduced<T> reduced = reduce_by_log2(power.hi);
  const T r = reduced.r + power.lo;
  return {T(1) + fma_(r * r, exp_remainder(r), r), power_of_2<T>(reduced.n + (kFloat ? 64 : 128)),
          kFloat ? T(0x1p-64) : T(0x1p-128)};
}

// x Phi(x) = max(x, 0) - a Phi(-a), a = |x|; 6 ULP in both tails, 9 without FMA. gelu(-inf) = -0,
// the limit.
template <typename T>
CHAINRULE_HD inline T gelu(T x) {
  const T a = fabs(x) > kNormalLimit<T> ? kNormalLimit<T> : fabs(x);
  const Scaled<T> e = bell(a);
  const T tail = a * (mills_ratio(a) * e.value) * e.scale1 * e.scale2;
  return (x < 0 ? T(-0.0) : x) - tail;  // keeps -0
}

// Phi(x) + x phi(x): q below zero and 1 - q above, q = exp(-a^2 / 2) (M(a) - a / sqrt(2 pi)). Error
// below 2 eps (1 + |result|), and 4 ULP in the left tail. 0 and 1 at -inf and inf.
template <typename T>
CHAINRULE_HD inline T gelu_slope(T x) {
  const T a = fabs(x) > kNormalLimit<T> ? kNormalLimit<T> : fabs(x);
  const Scaled<T> e = bell(a);
  const T q = fma_(a, T(-0x1.9884533d43651p-2), mills_ratio(a)) * e.value * e.scale1 * e.scale2;
  return x < 0 ? q : T(1) - q;
}

// v = 2 sqrt(2 / pi) (x + 0.044715 x^3) of the tanh approximation, |x| below the limit, with its
// error.
template <typename T>
inline constexpr T kTanhLimit = __is_same(T, float) ? T(12) : T(22);
template <typename T>
CHAINRULE_HD inline Pair<T> gelu_argument(T x) {
  constexpr double kLinear = 0x1.9884533d43651p+0, kCubic = 0x1.2444f2a4d8b4bp-4;
  if constexpr (__is_same(T, float)) {
    const double wide = x, v = wide * (kLinear + kCubic * (wide * wide));
    const float hi = static_cast<float>(v);
    return {hi, static_cast<float>(v - static_cast<double>(hi))};
  } else {
    // x (c1 + c3 x^2) with the error of each product and of the sum carried along.
    constexpr double kLinearLower = -0x1.cbc0d30ebfd15p-54, kCubicLower = -0x1.6c843a29d1c70p-61;
    const Pair<double> square = exact_product(x, x);
    const Pair<double> cubic = exact_product(kCubic, square.hi);
    const double sum = kLinear + cubic.hi;
    const double part = sum - kLinear;
    const double sum_error = (kLinear - (sum - part)) + (cubic.hi - part);
    const double lower =
        sum_error + kLinearLower + (cubic.lo + (kCubic * square.lo + kCubicLower * square.hi));
    const Pair<double> v = exact_product(x, sum);
    return {v.hi, fma_(x, lower, v.lo)};
  }
}

// x sigmoid(v), which is 0.5 x (1 + tanh(v / 2)). 3.2 ULP in both tails. -0 at -inf.
template <typename T>
CHAINRULE_HD inline T gelu_tanh(T x) {
  const T limited = clamp(x, -kTanhLimit<T>, kTanhLimit<T>);
  const Pair<T> v = gelu_argument(-fabs(limited));
  const Scaled<T> e = exp_scaled(v.hi, v.lo);
  const T sum = T(1) + e.value * e.scale1 * e.scale2;
  const T negative = limited * e.value / sum * e.scale1 * e.scale2;
  return x < 0 ? negative : x / sum;
}

// s (1 + x v' (1 - s)), s = sigmoid(v), v' the derivative of v. Error below 2 eps (1 + |result|),
// and 7 ULP in the left tail.
template <typename T>
CHAINRULE_HD inline T gelu_tanh_slope(T x) {
  const T limited = clamp(x, -kTanhLimit<T>, kTanhLimit<T>);
  const Pair<T> v = gelu_argument(-fabs(limited));
  const Scaled<T> e = exp_scaled(v.hi, v.lo);
  const T small = e.value * e.scale1 * e.scale2;
  const T share = T(1) / (T(1) + small);  // sigmoid(|v|)
  const T steep =
      limited * fma_(limited * limited, T(0x1.b6676bf7450f0p-3), T(0x1.9884533d43651p+0));
  const T negative = fma_(steep, share, T(1)) * share * e.value * e.scale1 * e.scale2;
  return x < 0 ? negative : share * fma_(steep, small * share, T(1));
}

}  // namespace maths
}  // namespace
}  // namespace chainrule::kernels
