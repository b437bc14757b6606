// From the words of a Philox block to values. Element i of a call takes
//   float32: word i % 4 of block i / 4 (normal: a pair of words makes a pair of elements);
//   float64: words 2 (i % 2) and the next of block i / 2 (normal: all four make a pair);
//   bits:    as float64, one uint64;
//   dropout: word i % 4 of block i / 4, whatever the dtype, so that float32 and float64 drop alike.
// Normals are Box and Muller's: sqrt(-2 log u) (cos, sin)(2 pi v) for u in (0, 1], v in [0, 1).
#pragma once

#include "kernels/maths/logarithm.h"
#include "kernels/maths/turn.h"

namespace chainrule::kernels {
namespace {

// [0, 1) with 24 and with 53 bits.
CHAINRULE_HD inline float uniform_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 8)) * 0x1p-24f;
}
CHAINRULE_HD inline double uniform_double(uint32_t low, uint32_t high) {
  const double upper = static_cast<double>(static_cast<int32_t>(high >> 5));
  const double lower = static_cast<double>(static_cast<int32_t>(low >> 6));
  return (upper * 0x1p26 + lower) * 0x1p-53;
}
// (0, 1]. The smallest float is 2^-32, so that normals reach 6.6 standard deviations; 2^-53
// gives 8.5.
CHAINRULE_HD inline float positive_uniform_float(uint32_t word) {
  return static_cast<float>(static_cast<int32_t>(word >> 1)) * 0x1p-31f + 0x1p-32f;
}
CHAINRULE_HD inline double positive_uniform_double(uint32_t low, uint32_t high) {
  return 1.0 - uniform_double(low, high);
}

template <typename T>
struct NormalPair {
  T first, second;
};
template <typename T>
CHAINRULE_HD inline NormalPair<T> box_muller(T u, T v) {
  const T radius = maths::sqrt(T(-2) * maths::log(u));
  const maths::SinCos<T> direction = maths::sin_cos_of_turn(v);
  return {radius * direction.cos, radius * direction.sin};
}

// P(keep) = 1 - p to within 2^-24: an element is kept if its upper 24 bits reach the threshold.
CHAINRULE_HD inline int32_t dropout_threshold(double p) {
  return static_cast<int32_t>(p * 0x1p24 + 0.5);
}
CHAINRULE_HD inline bool dropout_keeps(uint32_t word, int32_t threshold) {
  return static_cast<int32_t>(word >> 8) >= threshold;
}

}  // namespace
}  // namespace chainrule::kernels
