// One element's step of the optimisers, in the order of operations of PyTorch's single-tensor code,
// but for Adam's sqrt(v), which is multiplied with the reciprocal of its correction.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

// Averages of gradients, without subnormal numbers. That of a unit which gets no gradient any more
// shrinks to them and stays there, for 0.9 of the smallest rounds to the smallest. Processors take
// several times as long for them (2-64-64-2, whose units die soon: 1.9 us for 0.9), and no weight
// can tell an average of 1e-38 from 0.
template <typename T>
CHAINRULE_HD inline T settled(T average) {
  constexpr T kSmallest = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);
  return maths::fabs(average) < kSmallest ? T(0) : average;
}

// hyper = {lr, momentum, dampening, weight_decay}
template <typename T>
struct SgdStep {
  T lr, momentum, dampening_rest, weight_decay;
  bool has_momentum, has_decay;

  explicit SgdStep(const double* hyper)
      : lr(static_cast<T>(hyper[0])),
        momentum(static_cast<T>(hyper[1])),
        dampening_rest(static_cast<T>(1.0 - hyper[2])),
        weight_decay(static_cast<T>(hyper[3])),
        has_momentum(hyper[1] != 0),
        has_decay(hyper[3] != 0) {}

  // The gradient with sign and decay.
  CHAINRULE_HD T gradient(T w, T g, bool maximize) const {
    const T signed_g = maximize ? -g : g;
    return has_decay ? signed_g + weight_decay * w : signed_g;
  }
  CHAINRULE_HD T next_buffer(T buffer, T g, bool first) const {
    return settled(first ? g : momentum * buffer + dampening_rest * g);
  }
  CHAINRULE_HD T direction(T buffer, T g, bool nesterov) const {
    return nesterov ? g + momentum * buffer : buffer;
  }
  CHAINRULE_HD T next_weight(T w, T direction) const { return w - lr * direction; }
};

// hyper = {lr, beta1, beta2, eps, weight_decay}
template <typename T>
struct AdamStep {
  T rest1, beta2, rest2, eps, weight_decay, shrink, step_size, inverse_root2;
  bool lerp_from_end, has_decay;

  AdamStep(const double* hyper, AdamCorrections correct, bool decoupled)
      : rest1(static_cast<T>(1.0 - hyper[1])),
        beta2(static_cast<T>(hyper[2])),
        rest2(static_cast<T>(1.0 - hyper[2])),
        eps(static_cast<T>(hyper[3])),
        weight_decay(static_cast<T>(hyper[4])),
        shrink(static_cast<T>(decoupled ? 1.0 - hyper[0] * hyper[4] : 1.0)),
        step_size(static_cast<T>(hyper[0] / correct.first)),
        inverse_root2(static_cast<T>(1.0 / __builtin_sqrt(correct.second))),
        lerp_from_end(1.0 - hyper[1] >= 0.5),
        has_decay(!decoupled && hyper[4] != 0) {}

  CHAINRULE_HD T gradient(T w, T g, bool maximize) const {
    const T signed_g = maximize ? -g : g;
    return has_decay ? signed_g + weight_decay * w : signed_g;
  }
  // lerp(m, g, 1 - beta1), which starts from the nearer end.
  CHAINRULE_HD T next_m(T m, T g) const {
    return settled(lerp_from_end ? g - (g - m) * (T(1) - rest1) : m + rest1 * (g - m));
  }
  CHAINRULE_HD T next_v(T v, T g) const { return v * beta2 + rest2 * g * g; }
  CHAINRULE_HD T next_weight(T shrunk, T m, T v) const {
    const T denominator = maths::sqrt(v) * inverse_root2 + eps;
    return shrunk - step_size * m / denominator;
  }
};

}  // namespace
}  // namespace chainrule::kernels
