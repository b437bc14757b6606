// Random numbers: Philox4x32-10 with key = seed and counter = (call offset, logical element index),
// so that values depend neither on threads nor on layout and are equal eager and replayed.
//
// A generator is its state, an int64 tensor {seed, offset}. A parameter `Tensor? generator` of an
// op is such a state tensor: a binding unwraps its Generator object with state(); absent means the
// default generator. A random call takes a snapshot of the state, advances the offset by one
// through the write path (so that a recorded program carries it as persistent state), and hands the
// snapshot to a primitive op that is a pure function of it. A backward rule saves the snapshot and
// can make the same numbers again.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace chainrule {

class Generator {
 public:
  Generator();  // seeded from the system
  explicit Generator(uint64_t seed);

  const Tensor& state() const { return state_; }  // what ops take
  void manual_seed(uint64_t seed);                // also sets the offset to 0
  uint64_t seed();                                // seeds from the system; returns the new seed
  uint64_t initial_seed() const;
  Tensor get_state() const;             // a copy
  void set_state(const Tensor& state);  // int64 of sizes (2,), else an error

 private:
  void assign(int64_t seed, int64_t offset, const char* op);
  Tensor state_;
};

Generator& default_generator();

}  // namespace chainrule
