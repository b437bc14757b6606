// The rules of Adam, AdaMax and QHAdam. c1 and c2 are what the averages are divided by, 1 - beta^t.
#pragma once

#include "kernels/updates/common.h"

namespace chainrule::kernels {
namespace {

// What a decoupled weight decay multiplies the weight with.
inline double kept_weight(const UpdateArgs& a, double decay) {
  return a.decoupled ? 1.0 - a.hyper[0] * decay : 1.0;
}

// hyper = {lr, beta1, beta2, eps, weight_decay}, derived = {c1, c2}. Variants: 1 for amsgrad.
template <typename T, int kVariant>
struct AdamRule {
  static constexpr int kVariants = 2;
  static constexpr bool kMax = kVariant == 1;
  static constexpr int kStates = 2 + kMax;

  T eps, shrink, step_size, inverse_root2;
  SignedGradient<T> gradient;
  Average<T> average;
  SquareAverage<T> square_average;

  explicit AdamRule(const UpdateArgs& a)
      : eps(static_cast<T>(a.hyper[3])),
        shrink(static_cast<T>(kept_weight(a, a.hyper[4]))),
        step_size(static_cast<T>(a.hyper[0] / a.derived[0])),
        inverse_root2(static_cast<T>(1.0 / __builtin_sqrt(a.derived[1]))),
        gradient(a.decoupled ? 0.0 : a.hyper[4], a.maximize),
        average(a.hyper[1]),
        square_average(a.hyper[2]) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T shrunk = w * shrink, g = gradient(w, grad);
    s[0] = average(s[0], g);
    s[1] = square_average(s[1], g);
    if constexpr (kMax) s[2] = larger(s[2], s[1]);
    return shrunk - step_size * s[0] / (maths::sqrt(s[kStates - 1]) * inverse_root2 + eps);
  }
};

// hyper = {lr, beta1, beta2, eps, weight_decay}, derived = {c1}. The largest gradient is divided by
// and not below eps, so it becomes subnormal only where the division needs it.
template <typename T, int kVariant>
struct AdamaxRule {
  static constexpr int kVariants = 1, kStates = 2;

  T beta2, eps, step_size;
  SignedGradient<T> gradient;
  Average<T> average;

  explicit AdamaxRule(const UpdateArgs& a)
      : beta2(static_cast<T>(a.hyper[2])),
        eps(static_cast<T>(a.hyper[3])),
        step_size(static_cast<T>(a.hyper[0] / a.derived[0])),
        gradient(a.hyper[4], a.maximize),
        average(a.hyper[1]) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T g = gradient(w, grad);
    s[0] = average(s[0], g);
    s[1] = larger(s[1] * beta2, maths::fabs(g) + eps);
    return w - step_size * s[0] / s[1];
  }
};

// hyper = {lr, beta1, beta2, nu1, nu2, eps, weight_decay}, derived = {c1, c2}.
template <typename T, int kVariant>
struct QhadamRule {
  static constexpr int kVariants = 1, kStates = 2;

  T lr, now1, past1, now2, past2, eps, shrink;
  SignedGradient<T> gradient;
  Average<T> average;
  SquareAverage<T> square_average;
  Squares<T> squares;

  explicit QhadamRule(const UpdateArgs& a)
      : lr(static_cast<T>(a.hyper[0])),
        now1(static_cast<T>(1.0 - a.hyper[3])),
        past1(static_cast<T>(a.hyper[3] / a.derived[0])),
        now2(static_cast<T>(1.0 - a.hyper[4])),
        past2(static_cast<T>(a.hyper[4] / a.derived[1])),
        eps(static_cast<T>(a.hyper[5])),
        shrink(static_cast<T>(kept_weight(a, a.hyper[6]))),
        gradient(a.decoupled ? 0.0 : a.hyper[6], a.maximize),
        average(a.hyper[1]),
        square_average(a.hyper[2]),
        squares(Squares<T>::beside_root(a.hyper[5])) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T shrunk = w * shrink, g = gradient(w, grad);
    s[0] = average(s[0], g);
    s[1] = squares.settled(square_average(s[1], g));
    const T root = maths::sqrt(now2 * g * g + past2 * s[1]) + eps;
    return shrunk - lr * (now1 * g + past1 * s[0]) / root;
  }
};

}  // namespace
}  // namespace chainrule::kernels
