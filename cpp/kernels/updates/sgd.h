// The rules of SGD and of averaged SGD.
#pragma once

#include "kernels/updates/common.h"

namespace chainrule::kernels {
namespace {

// hyper = {lr, momentum, dampening, weight_decay}. Variants: 0 without momentum; else 1 + 1 for
// Nesterov's + 2 in the first step + 4 for a velocity that has lr in it.
template <typename T, int kVariant>
struct SgdRule {
  static constexpr int kVariants = 9;
  static constexpr bool kMomentum = kVariant > 0;
  static constexpr bool kNesterov = kMomentum && ((kVariant - 1) & 1);
  static constexpr bool kFirst = kMomentum && ((kVariant - 1) & 2);
  static constexpr bool kVelocity = kMomentum && ((kVariant - 1) & 4);
  static constexpr int kStates = kMomentum;

  T lr, momentum, dampening_rest;
  SignedGradient<T> gradient;

  explicit SgdRule(const UpdateArgs& a)
      : lr(static_cast<T>(a.hyper[0])),
        momentum(static_cast<T>(a.hyper[1])),
        dampening_rest(static_cast<T>(1.0 - a.hyper[2])),
        gradient(a.hyper[3], a.maximize) {}

  CHAINRULE_HD T operator()(T w, T grad, T* buffer) const {
    const T g = kVelocity ? lr * gradient(w, grad) : gradient(w, grad);
    if constexpr (!kMomentum) return w - lr * g;
    const T next = settled(kFirst ? g : momentum * buffer[0] + dampening_rest * g);
    buffer[0] = next;
    const T direction = kNesterov ? g + momentum * next : next;
    return kVelocity ? w - direction : w - lr * direction;
  }
};

// hyper = {lr, lambd, alpha, t0, weight_decay}, derived = {eta, mu}; the state is the weights'
// average, which may be as small as they.
template <typename T, int kVariant>
struct AsgdRule {
  static constexpr int kVariants = 1, kStates = 1;

  T eta, mu, shrink;
  bool copies;
  SignedGradient<T> gradient;

  explicit AsgdRule(const UpdateArgs& a)
      : eta(static_cast<T>(a.derived[0])),
        mu(static_cast<T>(a.derived[1])),
        shrink(static_cast<T>(1.0 - a.hyper[1] * a.derived[0])),
        copies(a.derived[1] == 1),
        gradient(a.hyper[4], a.maximize) {}

  CHAINRULE_HD T operator()(T w, T grad, T* average) const {
    const T next = w * shrink - eta * gradient(w, grad);
    average[0] = copies ? next : average[0] + (next - average[0]) * mu;
    return next;
  }
};

}  // namespace
}  // namespace chainrule::kernels
