// What the rules of the optimisers share. A rule is one element's step, written once for all
// processors, in the order of operations of PyTorch's single-tensor code but for roots that are
// multiplied with the reciprocal of their correction:
//
//   template <typename T, int kVariant> struct Rule {
//     static constexpr int kVariants;  // how many there are; bodies of loops, chosen once a block
//     static constexpr int kStates;    // how many states this variant has
//     explicit Rule(const UpdateArgs&);
//     T operator()(T w, T g, T* states) const;  // the new weight; writes the new states
//   };
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

template <typename T>
inline constexpr T kSmallestNormal = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022);

// Averages of gradients, without subnormal numbers. That of a unit which gets no gradient any more
// shrinks to them and stays there, for 0.9 of the smallest rounds to the smallest. Processors take
// several times as long for them (2-64-64-2, whose units die soon: 1.9 us for 0.9), and no weight
// can tell an average of 1e-38 from 0.
template <typename T>
CHAINRULE_HD inline T settled(T average) {
  return maths::fabs(average) < kSmallestNormal<T> ? T(0) : average;
}

// Averages of squares, which something is divided by the root of: without subnormal numbers where
// the eps beside the root hides them. Where it does not, as eps = 0, a zero in their place would
// make 0 / 0 of a dead unit.
template <typename T>
struct Squares {
  T smallest;
  Squares(double eps, double hides) : smallest(eps >= hides ? kSmallestNormal<T> : T(0)) {}
  static Squares beside_root(double eps) { return {eps, sizeof(T) == 4 ? 0x1p-33 : 0x1p-450}; }
  static Squares inside_root(double eps) { return {eps, sizeof(T) == 4 ? 0x1p-90 : 0x1p-950}; }
  CHAINRULE_HD T settled(T square) const { return square < smallest ? T(0) : square; }
};

// The gradient with its sign and the weight decay that is added to it.
template <typename T>
struct SignedGradient {
  T sign, weight_decay;
  bool has_decay;
  SignedGradient(double decay, bool maximize)
      : sign(maximize ? -1 : 1), weight_decay(static_cast<T>(decay)), has_decay(decay != 0) {}
  CHAINRULE_HD T operator()(T w, T g) const {
    return has_decay ? sign * g + weight_decay * w : sign * g;
  }
};

// lerp(average, g, 1 - beta), which starts from the nearer end.
template <typename T>
struct Average {
  T rest;
  bool from_end;
  explicit Average(double beta) : rest(static_cast<T>(1.0 - beta)), from_end(1.0 - beta >= 0.5) {}
  CHAINRULE_HD T operator()(T average, T g) const {
    return settled(from_end ? g - (g - average) * (T(1) - rest) : average + rest * (g - average));
  }
};

// beta * square + (1 - beta) * g^2.
template <typename T>
struct SquareAverage {
  T beta, rest;
  explicit SquareAverage(double beta_)
      : beta(static_cast<T>(beta_)), rest(static_cast<T>(1.0 - beta_)) {}
  CHAINRULE_HD T operator()(T square, T g) const { return square * beta + rest * g * g; }
};

// The larger one; NaN where one of them is.
template <typename T>
CHAINRULE_HD inline T larger(T before, T now) {
  const T top = before > now ? before : now;
  return before != before ? before : top;
}

}  // namespace
}  // namespace chainrule::kernels
