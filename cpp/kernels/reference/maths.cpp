// Real-valued elementwise maths in long double; the exact ones (arithmetic, comparisons) from
// functors.h.
#include <cmath>

#include "kernels/bfloat16.h"
#include "kernels/functors.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real cdf(Real x) { return std::erfc(-x / std::sqrt(Real(2))) / 2; }
Real pdf(Real x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(Real(-1))); }
// tanh's argument in the approximate gelu, and its derivative.
Real gelu_argument(Real x) {
  return std::sqrt(2 / std::acos(Real(-1))) * (x + Real(0.044715L) * x * x * x);
}
Real gelu_argument_slope(Real x) {
  return std::sqrt(2 / std::acos(Real(-1))) * (1 + 3 * Real(0.044715L) * x * x);
}
Real softplus(Real x) { return std::fmax(x, Real(0)) + std::log1p(std::exp(-std::fabs(x))); }
Real mish_slope(Real x) {
  const Real t = std::tanh(softplus(x));
  return t + x * (1 - t * t) * sigmoid(x);
}
// x times its gate, with the limit at -inf, where the product has none.
Real by_gate(Real x, Real gate) { return std::isinf(x) && x < 0 ? -0.0L : x * gate; }
Real limited(Real x, Real lo, Real hi) { return x < lo ? lo : x > hi ? hi : x; }
Real root(Real x, Real b) { return std::sqrt(x * x + b); }
Real squareplus_slope(Real x, Real b) {
  if (x == 0 || std::isinf(x)) return x == 0 ? Real(0.5) : Real(x > 0);
  return x < 0 ? b / 2 / ((root(x, b) - x) * root(x, b)) : (1 + x / root(x, b)) / 2;
}

namespace naive {

#define CHAINRULE_MAP1(name, params, ...)                    \
  struct name : Functor<params> {                            \
    template <typename T>                                    \
    static T call([[maybe_unused]] const T* p, T argument) { \
      const Real x = argument;                               \
      return static_cast<T>(__VA_ARGS__);                    \
    }                                                        \
  };
#define CHAINRULE_MAP2(name, params, x, y, ...)                              \
  struct name : Functor<params> {                                            \
    template <typename T>                                                    \
    static T call([[maybe_unused]] const T* p, T argument_x, T argument_y) { \
      const Real x = argument_x, y = argument_y;                             \
      return static_cast<T>(__VA_ARGS__);                                    \
    }                                                                        \
  };
#define CHAINRULE_MAP3(name, params, x, y, z, ...)                                         \
  struct name : Functor<params> {                                                          \
    template <typename T>                                                                  \
    static T call([[maybe_unused]] const T* p, T argument_x, T argument_y, T argument_z) { \
      const Real x = argument_x, y = argument_y, z = argument_z;                           \
      return static_cast<T>(__VA_ARGS__);                                                  \
    }                                                                                      \
  };

CHAINRULE_MAP1(exp, 0, std::exp(x))
CHAINRULE_MAP1(expm1, 0, std::expm1(x))
CHAINRULE_MAP1(log, 0, std::log(x))
CHAINRULE_MAP1(log1p, 0, std::log1p(x))
CHAINRULE_MAP1(log2, 0, std::log2(x))
CHAINRULE_MAP1(log10, 0, std::log10(x))
CHAINRULE_MAP1(sqrt, 0, std::sqrt(x))
CHAINRULE_MAP1(rsqrt, 0, 1 / std::sqrt(x))
CHAINRULE_MAP1(reciprocal, 0, 1 / x)
CHAINRULE_MAP1(sin, 0, std::sin(x))
CHAINRULE_MAP1(cos, 0, std::cos(x))
CHAINRULE_MAP1(tan, 0, std::tan(x))
CHAINRULE_MAP1(atan, 0, std::atan(x))
CHAINRULE_MAP1(tanh, 0, std::tanh(x))
CHAINRULE_MAP1(sigmoid, 0, kernels::sigmoid(x))
CHAINRULE_MAP1(erf, 0, std::erf(x))
CHAINRULE_MAP1(floor, 0, std::floor(x))
CHAINRULE_MAP1(ceil, 0, std::ceil(x))
CHAINRULE_MAP1(round, 0, std::nearbyint(x))
CHAINRULE_MAP1(trunc, 0, std::trunc(x))
CHAINRULE_MAP1(leaky_relu, 1, x > 0 ? x : x * p[0])
CHAINRULE_MAP1(softplus, 2, x* p[0] > p[1] ? x : kernels::softplus(x * p[0]) / p[0])
CHAINRULE_MAP1(gelu, 0, by_gate(x, cdf(x)))
CHAINRULE_MAP1(gelu_tanh, 0, by_gate(x, kernels::sigmoid(2 * gelu_argument(x))))
CHAINRULE_MAP1(silu, 0, by_gate(x, kernels::sigmoid(x)))
CHAINRULE_MAP1(mish, 0, std::isinf(x) ? (x > 0 ? x : -0.0L) : x * std::tanh(kernels::softplus(x)))
CHAINRULE_MAP1(tanhshrink, 0, x - std::tanh(x))
CHAINRULE_MAP1(logsigmoid, 0, -kernels::softplus(-x))
CHAINRULE_MAP1(exponential_unit, 3, (x <= 0 ? p[0] * std::expm1(x / p[1]) : x) * p[2])
CHAINRULE_MAP1(squareplus, 1, x < 0 ? p[0] / 2 / (root(x, p[0]) - x) : (x + root(x, p[0])) / 2)
CHAINRULE_MAP1(softsign, 0, x / (1 + std::fabs(x)))
CHAINRULE_MAP1(hardsigmoid, 0, limited(x + 3, 0, 6) / 6)
CHAINRULE_MAP1(hardswish, 0, x* limited(x + 3, 0, 6) / 6)
CHAINRULE_MAP1(hardshrink, 1, std::fabs(x) <= p[0] ? 0 : x)
CHAINRULE_MAP1(softshrink, 1, x > p[0] ? x - p[0] : x < -p[0] ? x + p[0] : x * 0)
CHAINRULE_MAP1(threshold, 2, x <= p[0] ? p[1] : x)
CHAINRULE_MAP1(nan_to_num, 3,
               std::isnan(x)   ? Real(p[0])
               : std::isinf(x) ? (x > 0 ? Real(p[1]) : Real(p[2]))
                               : x)
CHAINRULE_MAP2(div, 0, x, y, x / y)
CHAINRULE_MAP2(leaky, 0, x, slope, x > 0 ? x : x * slope)
CHAINRULE_MAP2(gated, 0, x, gate, x* kernels::sigmoid(gate))
CHAINRULE_MAP2(atan2, 0, y, x, std::atan2(y, x))
CHAINRULE_MAP2(absorb, 0, dy, d, maths::chain(dy, d))
CHAINRULE_MAP2(absorb_div, 0, dy, d, dy == 0 ? 0 : dy / d)
CHAINRULE_MAP2(bce, 0, x, t,
               -t* std::fmax(std::log(x), Real(-100)) -
                   (1 - t) * std::fmax(std::log1p(-x), Real(-100)))
CHAINRULE_MAP2(bce_slope, 0, x, t, (x - t) / std::fmax((1 - x) * x, Real(1e-12L)))
CHAINRULE_MAP2(tanh_backward, 0, dy, y, maths::chain(dy, 1 - y * y))
CHAINRULE_MAP2(sigmoid_backward, 0, dy, y, maths::chain(dy, y * (1 - y)))
CHAINRULE_MAP2(relu_backward, 0, dy, y, y <= 0 ? 0 : dy)
CHAINRULE_MAP2(leaky_relu_backward, 1, dy, x, x > 0 ? dy : dy * p[0])
CHAINRULE_MAP2(softplus_backward, 2, dy, x,
               x* p[0] > p[1] ? dy : maths::chain(dy, kernels::sigmoid(x* p[0])))
CHAINRULE_MAP2(gelu_backward, 0, dy, x,
               maths::chain(dy, std::isinf(x) ? cdf(x) : cdf(x) + x * pdf(x)))
CHAINRULE_MAP2(gelu_tanh_backward, 0, dy, x,
               maths::chain(dy, std::isinf(x)
                                    ? Real(x > 0)
                                    : kernels::sigmoid(2 * gelu_argument(x)) *
                                          (1 + 2 * x * gelu_argument_slope(x) *
                                                   kernels::sigmoid(-2 * gelu_argument(x)))))
CHAINRULE_MAP2(silu_backward, 0, dy, x,
               maths::chain(dy, std::isinf(x)
                                    ? Real(x > 0)
                                    : kernels::sigmoid(x) * (1 + x * kernels::sigmoid(-x))))
CHAINRULE_MAP2(mish_backward, 0, dy, x,
               maths::chain(dy, std::isinf(x) ? Real(x > 0) : mish_slope(x)))
CHAINRULE_MAP2(tanhshrink_backward, 0, dy, x, maths::chain(dy, std::tanh(x) * std::tanh(x)))
CHAINRULE_MAP2(logsigmoid_backward, 0, dy, x, maths::chain(dy, kernels::sigmoid(-x)))
CHAINRULE_MAP2(exponential_unit_backward, 3, dy, x,
               x <= 0 ? maths::chain(dy, p[0] / Real(p[1]) * std::exp(x / p[1]) * p[2]) : dy * p[2])
CHAINRULE_MAP2(squareplus_backward, 1, dy, x, maths::chain(dy, squareplus_slope(x, p[0])))
CHAINRULE_MAP2(softsign_backward, 0, dy, x,
               maths::chain(dy, 1 / ((1 + std::fabs(x)) * (1 + std::fabs(x)))))
CHAINRULE_MAP2(hardswish_backward, 0, dy, x, x <= -3 ? 0 : x < 3 ? dy * (x / 3 + Real(0.5)) : dy)
CHAINRULE_MAP2(squared_error, 0, x, t, (x - t) * (x - t))
CHAINRULE_MAP3(squared_error_backward, 0, dy, x, t, maths::chain(dy, 2 * (x - t)))
CHAINRULE_MAP2(huber, 2, x, t,
               (std::fabs(x - t) >= p[0] ? p[0] * (std::fabs(x - t) - Real(p[0]) / 2)
                                         : (x - t) * (x - t) / 2) /
                   p[1])
CHAINRULE_MAP3(huber_backward, 2, dy, x, t,
               maths::chain(dy, limited(x - t, -Real(p[0]), Real(p[0])) / p[1]))
CHAINRULE_MAP2(inside_backward, 3, dy, x, x > p[0] && x < p[1] ? dy * p[2] : 0)
CHAINRULE_MAP2(outside_backward, 2, dy, x, x<p[0] || x> p[1] ? dy : 0)
CHAINRULE_MAP2(threshold_backward, 1, dy, x, x <= p[0] ? 0 : dy)
CHAINRULE_MAP2(relu_kink_backward, 1, dy, x, x < 0 ? 0 : x == 0 ? dy * p[0] : dy)
CHAINRULE_MAP3(leaky_backward, 0, dy, x, slope, x > 0 ? dy : maths::chain(dy, slope))
CHAINRULE_MAP2(leaky_slope_backward, 0, dy, x, x > 0 ? 0 : maths::chain(dy, x))
CHAINRULE_MAP3(gate_backward, 0, dy, x, gate,
               maths::chain(dy, x* kernels::sigmoid(gate) * kernels::sigmoid(-gate)))

#undef CHAINRULE_MAP1
#undef CHAINRULE_MAP2
#undef CHAINRULE_MAP3

}  // namespace naive

// In is what the elements are stored as, T what they are computed in.
template <typename F, int kArity, typename In, typename T, typename Out>
void map(int64_t n, void* out, const void* const* in, const int64_t* strides,
         const double* params) {
  T p[F::kParams + 1];
  for (int i = 0; i < F::kParams; ++i) p[i] = static_cast<T>(params[i]);
  const auto at = [&](int input, int64_t i) -> T {
    return static_cast<const In*>(in[input])[i * strides[input]];
  };
  for (int64_t i = 0; i < n; ++i) {
    Out* y = static_cast<Out*>(out) + i;
    if constexpr (kArity == 1) {
      *y = Out(F::call(p, at(0, i)));
    } else if constexpr (kArity == 2) {
      *y = Out(F::call(p, at(0, i), at(1, i)));
    } else {
      *y = Out(F::call(p, at(0, i), at(1, i), at(2, i)));
    }
  }
}

template <typename F, int kArity>
void set(KernelTable& table, Map slot) {
  ElementwiseFn* row = table.map[static_cast<int>(slot)];
  row[static_cast<int>(DType::kBFloat16)] = &map<F, kArity, BFloat16, float, BFloat16>;
  row[static_cast<int>(DType::kFloat32)] = &map<F, kArity, float, float, float>;
  row[static_cast<int>(DType::kFloat64)] = &map<F, kArity, double, double, double>;
}

template <typename F, int kArity>
void set_predicate(KernelTable& table, Map slot) {
  ElementwiseFn* row = table.map[static_cast<int>(slot)];
  row[static_cast<int>(DType::kBFloat16)] = &map<F, kArity, BFloat16, float, bool>;
  row[static_cast<int>(DType::kFloat32)] = &map<F, kArity, float, float, bool>;
  row[static_cast<int>(DType::kFloat64)] = &map<F, kArity, double, double, bool>;
}

}  // namespace

void fill_reference_maths(KernelTable& table) {
#define CHAINRULE_SET_REAL(name, arity) set<naive::name, arity>(table, Map::name);
#define CHAINRULE_SET_NUMBER(name, arity) set<functors::name, arity>(table, Map::name);
#define CHAINRULE_SET_PREDICATE(name, arity) set_predicate<functors::name, arity>(table, Map::name);
  CHAINRULE_FLOAT_MAPS(CHAINRULE_SET_REAL)
  CHAINRULE_NUMBER_MAPS(CHAINRULE_SET_NUMBER)
  CHAINRULE_PREDICATE_MAPS(CHAINRULE_SET_PREDICATE)
#undef CHAINRULE_SET_REAL
#undef CHAINRULE_SET_NUMBER
#undef CHAINRULE_SET_PREDICATE
}

}  // namespace chainrule::kernels
