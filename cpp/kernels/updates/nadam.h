// The rules of NAdam and RAdam, whose derived numbers of a step have all that a step differs in.
#pragma once

#include "kernels/updates/adam.h"

namespace chainrule::kernels {
namespace {

// hyper = {lr, beta1, beta2, eps, weight_decay, ...}: what both have.
template <typename T>
struct AdamAverages {
  T eps, shrink;
  SignedGradient<T> gradient;
  Average<T> average;
  SquareAverage<T> square_average;
  Squares<T> squares;

  explicit AdamAverages(const UpdateArgs& a)
      : eps(static_cast<T>(a.hyper[3])),
        shrink(static_cast<T>(kept_weight(a, a.hyper[4]))),
        gradient(a.decoupled ? 0.0 : a.hyper[4], a.maximize),
        average(a.hyper[1]),
        square_average(a.hyper[2]),
        squares(Squares<T>::beside_root(a.hyper[3])) {}

  // Returns the gradient.
  CHAINRULE_HD T advance(T w, T grad, T* s) const {
    const T g = gradient(w, grad);
    s[0] = average(s[0], g);
    s[1] = squares.settled(square_average(s[1], g));
    return g;
  }
};

// derived = {factor of the gradient, factor of its average, c2}.
template <typename T, int kVariant>
struct NadamRule {
  static constexpr int kVariants = 1, kStates = 2;

  AdamAverages<T> averages;
  T now, past, inverse_root2;

  explicit NadamRule(const UpdateArgs& a)
      : averages(a),
        now(static_cast<T>(a.derived[0])),
        past(static_cast<T>(a.derived[1])),
        inverse_root2(static_cast<T>(1.0 / __builtin_sqrt(a.derived[2]))) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T g = averages.advance(w, grad, s);
    const T root = maths::sqrt(s[1]) * inverse_root2 + averages.eps;
    return w * averages.shrink - (now * g + past * s[0]) / root;
  }
};

// derived = {factor of the gradient's average, whether it is divided by the root}.
template <typename T, int kVariant>
struct RadamRule {
  static constexpr int kVariants = 1, kStates = 2;

  AdamAverages<T> averages;
  T factor;
  bool adaptive;

  explicit RadamRule(const UpdateArgs& a)
      : averages(a), factor(static_cast<T>(a.derived[0])), adaptive(a.derived[1] != 0) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    averages.advance(w, grad, s);
    const T root = adaptive ? maths::sqrt(s[1]) + averages.eps : T(1);
    return w * averages.shrink - factor * s[0] / root;
  }
};

}  // namespace
}  // namespace chainrule::kernels
