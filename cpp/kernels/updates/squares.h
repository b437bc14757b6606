// The rules that divide by the root of what squared gradients add up to: RMSprop, Adagrad,
// Adadelta.
#pragma once

#include "kernels/updates/common.h"

namespace chainrule::kernels {
namespace {

template <bool kEpsInRoot, typename T>
CHAINRULE_HD inline T root_with_eps(T square, T eps) {
  return kEpsInRoot ? maths::sqrt(square + eps) : maths::sqrt(square) + eps;
}

// hyper = {lr, alpha, eps, weight_decay, momentum}. Variants: 1 centered + 2 with momentum + 4 with
// eps inside the root. States: the squares' average, centered the gradients', the momentum.
template <typename T, int kVariant>
struct RmspropRule {
  static constexpr int kVariants = 8;
  static constexpr bool kCentered = kVariant & 1, kMomentum = kVariant & 2;
  static constexpr bool kEpsInRoot = kVariant & 4;
  static constexpr int kStates = 1 + kCentered + kMomentum;

  T lr, eps, momentum;
  SignedGradient<T> gradient;
  SquareAverage<T> square_average;
  Average<T> average;
  Squares<T> squares;

  explicit RmspropRule(const UpdateArgs& a)
      : lr(static_cast<T>(a.hyper[0])),
        eps(static_cast<T>(a.hyper[2])),
        momentum(static_cast<T>(a.hyper[4])),
        gradient(a.hyper[3], a.maximize),
        square_average(a.hyper[1]),
        average(a.hyper[1]),
        squares(kEpsInRoot ? Squares<T>::inside_root(a.hyper[2])
                           : Squares<T>::beside_root(a.hyper[2])) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T g = gradient(w, grad);
    s[0] = squares.settled(square_average(s[0], g));
    T square = s[0];
    if constexpr (kCentered) {
      s[1] = average(s[1], g);
      const T variance = square - s[1] * s[1];
      square = variance < 0 ? T(0) : variance;  // of equal gradients it is a rounding error
    }
    const T root = root_with_eps<kEpsInRoot>(square, eps);
    if constexpr (!kMomentum) return w - lr * g / root;
    T& buffer = s[kStates - 1];
    buffer = settled(momentum * buffer + g / root);
    return w - lr * buffer;
  }
};

// hyper = {lr, lr_decay, eps, weight_decay}, derived = {lr of this step}. Variants: 1 with eps
// inside the root. The sum only grows, so a subnormal one is of gradients that still come.
template <typename T, int kVariant>
struct AdagradRule {
  static constexpr int kVariants = 2, kStates = 1;

  T lr, eps;
  SignedGradient<T> gradient;

  explicit AdagradRule(const UpdateArgs& a)
      : lr(static_cast<T>(a.derived[0])),
        eps(static_cast<T>(a.hyper[2])),
        gradient(a.hyper[3], a.maximize) {}

  CHAINRULE_HD T operator()(T w, T grad, T* sum) const {
    const T g = gradient(w, grad);
    sum[0] = sum[0] + g * g;
    return w - lr * g / root_with_eps<kVariant == 1>(sum[0], eps);
  }
};

// hyper = {lr, rho, eps, weight_decay}. States: the average squares of gradients and of steps.
template <typename T, int kVariant>
struct AdadeltaRule {
  static constexpr int kVariants = 1, kStates = 2;

  T lr, eps;
  SignedGradient<T> gradient;
  SquareAverage<T> square_average;
  Squares<T> squares;

  explicit AdadeltaRule(const UpdateArgs& a)
      : lr(static_cast<T>(a.hyper[0])),
        eps(static_cast<T>(a.hyper[2])),
        gradient(a.hyper[3], a.maximize),
        square_average(a.hyper[1]),
        squares(Squares<T>::inside_root(a.hyper[2])) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T g = gradient(w, grad);
    s[0] = squares.settled(square_average(s[0], g));
    // RMS[delta] / RMS[g] by one root, which takes as long as a division: 195 us a million, not
    // 230.
    const T delta = maths::sqrt((s[1] + eps) / (s[0] + eps)) * g;
    s[1] = squares.settled(square_average(s[1], delta));
    return w - lr * delta;
  }
};

}  // namespace
}  // namespace chainrule::kernels
