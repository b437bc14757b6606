// The rules that step by signs: Rprop and Lion.
#pragma once

#include "kernels/updates/common.h"

namespace chainrule::kernels {
namespace {

// -1, 0 or 1; NaN of NaN.
template <typename T>
CHAINRULE_HD inline T sign_of(T x) {
  const T above = x > 0 ? T(1) : x;
  return x < 0 ? T(-1) : above;
}

// hyper = {lr, eta_minus, eta_plus, smallest step, largest step}, derived = {whether it is the
// first step}. States: the gradient before, 0 after a step back, and the step's size.
template <typename T, int kVariant>
struct RpropRule {
  static constexpr int kVariants = 1, kStates = 2;

  T sign, lr, shrinks, grows, smallest, largest;
  bool first;

  explicit RpropRule(const UpdateArgs& a)
      : sign(a.maximize ? -1 : 1),
        lr(static_cast<T>(a.hyper[0])),
        shrinks(static_cast<T>(a.hyper[1])),
        grows(static_cast<T>(a.hyper[2])),
        smallest(static_cast<T>(a.hyper[3])),
        largest(static_cast<T>(a.hyper[4])),
        first(a.derived[0] != 0) {}

  CHAINRULE_HD T operator()(T w, T grad, T* s) const {
    const T g = sign * grad, agrees = g * s[0];
    const T kept = agrees == 0 ? T(1) : agrees;  // NaN stays
    const T grown = agrees > 0 ? grows : kept;
    const T size = (first ? lr : s[1]) * (agrees < 0 ? shrinks : grown);
    const T above = size < smallest ? smallest : size;
    s[1] = above > largest ? largest : above;
    s[0] = agrees < 0 ? T(0) : g;
    return w - sign_of(s[0]) * s[1];
  }
};

// hyper = {lr, beta1, beta2, weight_decay}.
template <typename T, int kVariant>
struct LionRule {
  static constexpr int kVariants = 1, kStates = 1;

  T sign, lr, beta1, rest1, shrink;
  Average<T> average;

  explicit LionRule(const UpdateArgs& a)
      : sign(a.maximize ? -1 : 1),
        lr(static_cast<T>(a.hyper[0])),
        beta1(static_cast<T>(a.hyper[1])),
        rest1(static_cast<T>(1.0 - a.hyper[1])),
        shrink(static_cast<T>(1.0 - a.hyper[0] * a.hyper[3])),
        average(a.hyper[2]) {}

  CHAINRULE_HD T operator()(T w, T grad, T* m) const {
    const T g = sign * grad;
    const T direction = beta1 * m[0] + rest1 * g;
    m[0] = average(m[0], g);
    return w * shrink - lr * sign_of(direction);
  }
};

}  // namespace
}  // namespace chainrule::kernels
