// One struct per floating-point elementwise slot of kernel_list.h, forward and derivative: what an
// element becomes, in float and in double. No state, no memory, no branch that a compiler cannot
// turn into a select. `p` holds the op's scalars in the order each struct states.
//
// gelu, gelu_tanh, silu and mish give their limit -0 at -inf (PyTorch: nan). Else conventions are
// PyTorch's: sign(nan) = 0; relu, clamp, maximum and minimum pass NaN on; relu'(0) = 0; round goes
// to even; remainder takes the divisor's sign; a predicate on NaN is false except ne.
#pragma once

#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

// kCostly: tens of instructions an element, so loops pad a rest rather than run it in scalars.
template <int kCount, bool kIsCostly = false>
struct Functor {
  static constexpr int kParams = kCount;
  static constexpr bool kCostly = kIsCostly;
  template <typename T>
  static T param(double value) {
    return static_cast<T>(value);
  }
};

template <int kCount>
using Costly = Functor<kCount, true>;

namespace functors {

#define CHAINRULE_DEFINE1(name, base, ...)                         \
  struct name : base {                                             \
    template <typename T>                                          \
    CHAINRULE_HD static T call([[maybe_unused]] const T* p, T x) { \
      __VA_ARGS__                                                  \
    }                                                              \
  };
#define CHAINRULE_DEFINE2(name, base, x, y, ...)                        \
  struct name : base {                                                  \
    template <typename T>                                               \
    CHAINRULE_HD static T call([[maybe_unused]] const T* p, T x, T y) { \
      __VA_ARGS__                                                       \
    }                                                                   \
  };
#define CHAINRULE_DEFINE3(name, base, x, y, z, ...)                          \
  struct name : base {                                                       \
    template <typename T>                                                    \
    CHAINRULE_HD static T call([[maybe_unused]] const T* p, T x, T y, T z) { \
      __VA_ARGS__                                                            \
    }                                                                        \
  };
#define CHAINRULE_MAP1(name, params, ...) CHAINRULE_DEFINE1(name, Functor<params>, __VA_ARGS__)
#define CHAINRULE_MAP2(name, params, x, y, ...) \
  CHAINRULE_DEFINE2(name, Functor<params>, x, y, __VA_ARGS__)
#define CHAINRULE_MAP3(name, params, x, y, z, ...) \
  CHAINRULE_DEFINE3(name, Functor<params>, x, y, z, __VA_ARGS__)
#define CHAINRULE_COSTLY1(name, params, ...) CHAINRULE_DEFINE1(name, Costly<params>, __VA_ARGS__)
#define CHAINRULE_COSTLY2(name, params, x, y, ...) \
  CHAINRULE_DEFINE2(name, Costly<params>, x, y, __VA_ARGS__)
#define CHAINRULE_COSTLY3(name, params, x, y, z, ...) \
  CHAINRULE_DEFINE3(name, Costly<params>, x, y, z, __VA_ARGS__)
// Of an angle: `near` vectorises, and a loop may take it where `is_far` is false.
#define CHAINRULE_ANGLE(name)                   \
  struct name : Costly<0> {                     \
    template <typename T>                       \
    CHAINRULE_HD static bool is_far(T x) {      \
      return maths::is_far_angle(x);            \
    }                                           \
    template <typename T>                       \
    CHAINRULE_HD static T near(const T*, T x) { \
      return maths::name##_near(x);             \
    }                                           \
    template <typename T>                       \
    CHAINRULE_HD static T call(const T*, T x) { \
      return maths::name(x);                    \
    }                                           \
  };
#define CHAINRULE_TEST1(name, ...)                 \
  struct name : Functor<0> {                       \
    template <typename T>                          \
    CHAINRULE_HD static bool call(const T*, T x) { \
      return __VA_ARGS__;                          \
    }                                              \
  };
#define CHAINRULE_TEST2(name, ...)                      \
  struct name : Functor<0> {                            \
    template <typename T>                               \
    CHAINRULE_HD static bool call(const T*, T a, T b) { \
      return __VA_ARGS__;                               \
    }                                                   \
  };

// ---- Real-valued maths.
CHAINRULE_COSTLY1(exp, 0, return maths::exp(x);)
CHAINRULE_COSTLY1(expm1, 0, return maths::expm1(x);)
CHAINRULE_COSTLY1(log, 0, return maths::log(x);)
CHAINRULE_COSTLY1(log1p, 0, return maths::log1p(x);)
CHAINRULE_COSTLY1(log2, 0, return maths::log2(x);)
CHAINRULE_COSTLY1(log10, 0, return maths::log10(x);)
CHAINRULE_MAP1(sqrt, 0, return maths::sqrt(x);)
CHAINRULE_MAP1(rsqrt, 0, return T(1) / maths::sqrt(x);)
CHAINRULE_MAP1(reciprocal, 0, return T(1) / x;)
CHAINRULE_ANGLE(sin)
CHAINRULE_ANGLE(cos)
CHAINRULE_ANGLE(tan)
CHAINRULE_COSTLY1(atan, 0, return maths::atan(x);)
CHAINRULE_COSTLY1(tanh, 0, return maths::tanh(x);)
CHAINRULE_COSTLY1(sigmoid, 0, return maths::sigmoid(x);)
CHAINRULE_COSTLY1(erf, 0, return maths::erf(x);)
CHAINRULE_MAP1(floor, 0, return maths::floor(x);)
CHAINRULE_MAP1(ceil, 0, return maths::ceil(x);)
CHAINRULE_MAP1(round, 0, return maths::rint(x);)
CHAINRULE_MAP1(trunc, 0, return maths::trunc(x);)
// {slope}
CHAINRULE_MAP1(leaky_relu, 1, return x > 0 ? x : x * p[0];)
// {beta, threshold}: x itself where beta * x > threshold, else log(1 + exp(beta * x)) / beta.
CHAINRULE_COSTLY1(softplus, 2, const T z = x * p[0];
                  return z > p[1] ? x : maths::softplus(z) / p[0];)
CHAINRULE_COSTLY1(gelu, 0, return maths::gelu(x);)
// 0.5 x (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
CHAINRULE_COSTLY1(gelu_tanh, 0, return maths::gelu_tanh(x);)
CHAINRULE_COSTLY1(silu, 0, return maths::silu(x);)
CHAINRULE_COSTLY1(mish, 0, return maths::mish(x);)
CHAINRULE_COSTLY1(tanhshrink, 0, return maths::tanhshrink(x);)
CHAINRULE_COSTLY1(logsigmoid, 0, return -maths::softplus(-x);)
// {alpha, width, scale}: scale * (alpha * (exp(x / width) - 1) where x <= 0, else x).
CHAINRULE_COSTLY1(exponential_unit, 3, const T left = maths::expm1(x / p[1]) * p[0];
                  return (x <= 0 ? left : x) * p[2];)
// {b}
CHAINRULE_MAP1(squareplus, 1, return maths::squareplus(x, p[0]);)
CHAINRULE_MAP1(softsign, 0, return x / (T(1) + maths::fabs(x));)
CHAINRULE_MAP1(hardsigmoid, 0, return maths::clamp(x + T(3), T(0), T(6)) / T(6);)
CHAINRULE_MAP1(hardswish, 0, return x * maths::clamp(x + T(3), T(0), T(6)) / T(6);)
// {lambd}
CHAINRULE_MAP1(hardshrink, 1, return maths::fabs(x) <= p[0] ? T(0) : x;)
CHAINRULE_MAP1(softshrink, 1, const T left = x < -p[0] ? x + p[0] : x * T(0);
               return x > p[0] ? x - p[0] : left;)
// {threshold, value}
CHAINRULE_MAP1(threshold, 2, return x <= p[0] ? p[1] : x;)
// {for nan, for +inf, for -inf}
CHAINRULE_MAP1(nan_to_num, 3, const T y = x == maths::kInfinity<T> ? p[1] : x;
               const T z = y == -maths::kInfinity<T> ? p[2] : y; return x != x ? p[0] : z;)

CHAINRULE_MAP2(div, 0, a, b, return a / b;)
CHAINRULE_MAP2(squared_error, 0, x, t, const T d = x - t; return d * d;)
// {delta, divisor}
CHAINRULE_MAP2(huber, 2, x, t, const T e = x - t; const T d = maths::fabs(e);
               const T near = T(0.5) * (e * e) / p[1];
               return d >= p[0] ? (d - T(0.5) * p[0]) * (p[0] / p[1]) : near;)
CHAINRULE_MAP2(leaky, 0, x, slope, return x > 0 ? x : x * slope;)
CHAINRULE_COSTLY2(gated, 0, x, gate, return x * maths::sigmoid(gate);)
CHAINRULE_COSTLY2(atan2, 0, y, x, return maths::atan2(y, x);)
// Binary cross-entropy of a probability x and a target t, the logarithms limited to -100; then its
// derivative by x, the denominator limited to 1e-12. Both limits are PyTorch's.
CHAINRULE_COSTLY2(bce, 0, x, t, const T yes = maths::log(x); const T no = maths::log1p(-x);
                  return (t - T(1)) * (no < T(-100) ? T(-100) : no) -
                         t * (yes < T(-100) ? T(-100) : yes);)
CHAINRULE_MAP2(bce_slope, 0, x, t, const T variance = (T(1) - x) * x;
               return (x - t) / (variance < T(1e-12) ? T(1e-12) : variance);)

// ---- Derivatives. In all of them a zero dy wins over inf and nan.
CHAINRULE_MAP2(absorb, 0, dy, d, return maths::chain(dy, d);)
CHAINRULE_MAP2(absorb_div, 0, dy, d, return dy == 0 ? T(0) : dy / d;)
// From the saved output y. (1 - y)(1 + y) keeps the digits that 1 - y * y loses near y = 1.
CHAINRULE_MAP2(tanh_backward, 0, dy, y, return maths::chain(dy, (T(1) - y) * (T(1) + y));)
CHAINRULE_MAP2(sigmoid_backward, 0, dy, y, return maths::chain(dy, (T(1) - y) * y);)
// From the saved output or input alike: their signs agree.
CHAINRULE_MAP2(relu_backward, 0, dy, y, return y <= 0 ? T(0) : dy;)
// From the saved input x; params as forward.
CHAINRULE_MAP2(leaky_relu_backward, 1, dy, x, return x > 0 ? dy : dy * p[0];)
CHAINRULE_COSTLY2(softplus_backward, 2, dy, x, const T z = x * p[0];
                  return z > p[1] ? dy : maths::chain(dy, maths::sigmoid(z));)
// From the saved input x; 0 at -inf and 1 at inf.
CHAINRULE_COSTLY2(gelu_backward, 0, dy, x, return maths::chain(dy, maths::gelu_slope(x));)
CHAINRULE_COSTLY2(gelu_tanh_backward, 0, dy, x, return maths::chain(dy, maths::gelu_tanh_slope(x));)
CHAINRULE_COSTLY2(silu_backward, 0, dy, x, return maths::chain(dy, maths::silu_slope(x));)
CHAINRULE_COSTLY2(mish_backward, 0, dy, x, return maths::chain(dy, maths::mish_slope(x));)
CHAINRULE_COSTLY2(tanhshrink_backward, 0, dy, x, const T t = maths::tanh(x);
                  return maths::chain(dy, t* t);)
CHAINRULE_COSTLY2(logsigmoid_backward, 0, dy, x, return maths::chain(dy, maths::sigmoid(-x));)
CHAINRULE_COSTLY2(exponential_unit_backward, 3, dy, x,
                  const T left = maths::exp(x / p[1]) * (p[0] / p[1]) * p[2];
                  return x <= 0 ? maths::chain(dy, left) : dy * p[2];)
CHAINRULE_MAP2(squareplus_backward, 1, dy, x,
               return maths::chain(dy, maths::squareplus_slope(x, p[0]));)
CHAINRULE_MAP2(softsign_backward, 0, dy, x, const T share = T(1) / (T(1) + maths::fabs(x));
               return maths::chain(dy, share* share);)
CHAINRULE_MAP2(hardswish_backward, 0, dy, x,
               const T right = x < T(3) ? dy * (x / T(3) + T(0.5)) : dy;
               return x <= T(-3) ? T(0) : right;)
// {lo, hi, slope}: slope * dy between the limits, 0 at them, beyond and for NaN.
CHAINRULE_MAP2(inside_backward, 3, dy, x, return (x > p[0]) & (x < p[1]) ? dy * p[2] : T(0);)
// {lo, hi}: dy beyond the limits, 0 from lo to hi and for NaN.
CHAINRULE_MAP2(outside_backward, 2, dy, x, return (x < p[0]) | (x > p[1]) ? dy : T(0);)
// {threshold}
CHAINRULE_MAP2(threshold_backward, 1, dy, x, return x <= p[0] ? T(0) : dy;)
CHAINRULE_MAP3(squared_error_backward, 0, dy, x, t, return maths::chain(dy, T(2) * (x - t));)
// {delta, divisor}
CHAINRULE_MAP3(huber_backward, 2, dy, x, t, const T e = x - t;
               const T slope = maths::fabs(e) >= p[0] ? maths::copysign(p[0], e) : e;
               return maths::chain(dy, slope / p[1]);)
// {derivative at 0}
CHAINRULE_MAP2(relu_kink_backward, 1, dy, x, const T right = x == 0 ? dy * p[0] : dy;
               return x < 0 ? T(0) : right;)
// leaky by x and by its slope; gated by its gate, whose s (1 - s) keeps its digits as e / (1 +
// e)^2.
CHAINRULE_MAP3(leaky_backward, 0, dy, x, slope, return x > 0 ? dy : maths::chain(dy, slope);)
CHAINRULE_MAP2(leaky_slope_backward, 0, dy, x, return x > 0 ? T(0) : maths::chain(dy, x);)
CHAINRULE_COSTLY3(gate_backward, 0, dy, x, gate, const T e = maths::exp(-maths::fabs(gate));
                  return maths::chain(dy, x*(e / ((T(1) + e) * (T(1) + e))));)

// ---- Numbers.
CHAINRULE_MAP2(add, 0, a, b, return a + b;)
CHAINRULE_MAP2(sub, 0, a, b, return a - b;)
CHAINRULE_MAP2(mul, 0, a, b, return a * b;)
CHAINRULE_MAP2(maximum, 0, a, b, const T m = a > b ? a : b; return a != a ? a : m;)
CHAINRULE_MAP2(heaviside, 0, x, at_zero, const T y = static_cast<T>(x > 0);
               return x == 0 ? at_zero : y;)
CHAINRULE_MAP2(minimum, 0, a, b, const T m = a < b ? a : b; return a != a ? a : m;)
// The common exponents are exact rules of the operand, so they hold wherever the element stands.
CHAINRULE_MAP2(pow, 0, a, b, return b == 2 ? a * a : maths::pow(a, b);)
CHAINRULE_MAP2(remainder, 0, a, b, const T r = maths::fmod(a, b);
               return r != 0 && (b < 0) != (r < 0) ? r + b : r;)
// Python's floor division as PyTorch rounds it; a / 0 is the quotient (inf or nan).
CHAINRULE_MAP2(floor_divide, 0, a, b, const T r = maths::fmod(a, b); const T exact = (a - r) / b;
               const T q = r != 0 && (b < 0) != (r < 0) ? exact - T(1) : exact;
               const T down = maths::floor(q);
               const T whole = q - down > T(0.5) ? down + T(1) : down; const T quotient = a / b;
               const T result = q != 0 ? whole : maths::copysign(T(0), quotient);
               return b == 0 ? quotient : result;)
CHAINRULE_MAP2(trunc_divide, 0, a, b, return maths::trunc(a / b);)
// {alpha}: a + alpha * b, the product rounded first.
CHAINRULE_MAP2(axpy, 1, a, b, return a + p[0] * b;)
CHAINRULE_MAP1(neg, 0, return -x;)
CHAINRULE_MAP1(abs, 0, return maths::fabs(x);)
CHAINRULE_MAP1(sign, 0, return static_cast<T>((x > 0) - (x < 0));)
CHAINRULE_MAP1(square, 0, return x * x;)
CHAINRULE_MAP1(relu, 0, return x < 0 ? T(0) : x;)
// {lo, hi}: an absent limit is -inf or +inf, hi wins over lo, a NaN limit makes everything NaN.
CHAINRULE_MAP1(clamp, 2, const T low = x < p[0] || p[0] != p[0] ? p[0] : x;
               return low > p[1] || p[1] != p[1] ? p[1] : low;)

// {value}: a + value * b * c, in addcmul's order.
CHAINRULE_MAP3(mul_add, 1, a, b, c, return a + p[0] * b * c;)

// ---- Predicates.
CHAINRULE_TEST2(eq, a == b)
CHAINRULE_TEST2(ne, a != b)
CHAINRULE_TEST2(lt, a < b)
CHAINRULE_TEST2(le, a <= b)
CHAINRULE_TEST2(gt, a > b)
CHAINRULE_TEST2(ge, a >= b)
CHAINRULE_TEST2(logical_and, (a != 0) & (b != 0))
CHAINRULE_TEST2(logical_or, (a != 0) | (b != 0))
CHAINRULE_TEST2(logical_xor, (a != 0) != (b != 0))
CHAINRULE_TEST1(logical_not, x == 0)
CHAINRULE_TEST1(isnan, maths::is_nan(x))
CHAINRULE_TEST1(isinf, !maths::is_nan(x) & !maths::is_finite(x))
CHAINRULE_TEST1(isfinite, maths::is_finite(x))

#undef CHAINRULE_DEFINE1
#undef CHAINRULE_DEFINE2
#undef CHAINRULE_DEFINE3
#undef CHAINRULE_MAP1
#undef CHAINRULE_MAP2
#undef CHAINRULE_MAP3
#undef CHAINRULE_COSTLY1
#undef CHAINRULE_COSTLY2
#undef CHAINRULE_COSTLY3
#undef CHAINRULE_ANGLE
#undef CHAINRULE_TEST1
#undef CHAINRULE_TEST2

}  // namespace functors
}  // namespace
}  // namespace chainrule::kernels
