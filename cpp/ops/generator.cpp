#include <random>

#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/random.h"

namespace chainrule {

namespace {

uint64_t system_seed() {
  std::random_device device;
  // 53 bits: the seed survives a trip through a JSON number or a float.
  return (static_cast<uint64_t>(device()) << 32 | device()) >> 11;
}

void check_state(const Tensor& state, const char* op) {
  if (state.dtype() != DType::kInt64 || !(state.sizes() == Dims{2})) {
    fail<TypeError>(op, "expected a generator's state, int64 of sizes (2,); got ",
                    dtype_name(state.dtype()), " of sizes ", state.sizes(), ".");
  }
}

}  // namespace

Generator::Generator() : Generator(system_seed()) {}

Generator::Generator(uint64_t seed) : state_(Tensor::empty(DType::kInt64, {2})) {
  state_.data<int64_t>()[0] = static_cast<int64_t>(seed);
  state_.data<int64_t>()[1] = 0;
}

void Generator::assign(int64_t seed, int64_t offset, const char* op) {
  if (modes.recorder) modes.recorder->on_host_code(op);
  state_.data<int64_t>()[0] = seed;
  state_.data<int64_t>()[1] = offset;
  state_->storage->bump_version(op);
}

void Generator::manual_seed(uint64_t seed) { assign(static_cast<int64_t>(seed), 0, "manual_seed"); }

uint64_t Generator::seed() {
  const uint64_t seed = system_seed();
  assign(static_cast<int64_t>(seed), 0, "seed");
  return seed;
}

uint64_t Generator::initial_seed() const {
  return static_cast<uint64_t>(state_.data<int64_t>()[0]);
}

Tensor Generator::get_state() const {
  if (modes.recorder) modes.recorder->on_read("get_state", "Read it outside.");
  Tensor copy = Tensor::empty(DType::kInt64, {2});
  copy.data<int64_t>()[0] = state_.data<int64_t>()[0];
  copy.data<int64_t>()[1] = state_.data<int64_t>()[1];
  return copy;
}

void Generator::set_state(const Tensor& state) {
  check_state(state, "set_state");
  const int64_t* words = state.data<int64_t>();
  const int64_t offset = words[state.strides()[0]];
  if (offset < 0) {
    fail<ValueError>("set_state", "expected an offset >= 0 as second number of the state; got ",
                     offset, ".");
  }
  assign(words[0], offset, "set_state");
}

Generator& default_generator() {
  static Generator generator;
  return generator;
}

Tensor take_random_state(const Tensor& generator, const char* op) {
  const Tensor& state = generator.defined() ? generator : default_generator().state();
  check_state(state, op);
  const Tensor snapshot = clone(state);
  write(state, random_next(snapshot), op);
  return snapshot;
}

}  // namespace chainrule
