// Captured training steps in C++: the bits of eager ones, nothing taken from the system, nothing
// changed by a replay that fails, threads that replay side by side.
#include <cstring>
#include <functional>
#include <thread>

#include "chainrule.h"
#include "kernel_checks.h"
#include "system_memory.h"

namespace {

using namespace chainrule;
using chainrule::checks::expect;

constexpr int64_t kRows = 12, kCols = 7, kClasses = 3;

// Two layers under Adam and a scale under SGD with momentum, dropout and a running average: what a
// replay writes at its end. The state of Adam comes into being in the first step.
struct Net {
  Generator generator;
  std::vector<Tensor> weights, means, squares, steps;
  Tensor scale = ones({1}), velocity = zeros({1}), running = zeros({16});
  Tensor adam = zeros({5}, DType::kFloat64), sgd = zeros({4}, DType::kFloat64);
  bool first = true;

  explicit Net(uint64_t seed) : generator(seed) {
    for (const Dims& sizes : {Dims{16, kCols}, Dims{16}, Dims{kClasses, 16}, Dims{kClasses}}) {
      weights.push_back(mul(randn(sizes, generator.state()), 0.5));
    }
    for (const Tensor& w : weights) autograd::set_requires_grad(w, true);
    autograd::set_requires_grad(scale, true);
    const double of_adam[] = {0.01, 0.9, 0.999, 1e-8, 0.1}, of_sgd[] = {0.05, 0.9, 0, 0};
    std::copy(of_adam, of_adam + 5, adam.data<double>());
    std::copy(of_sgd, of_sgd + 4, sgd.data<double>());
  }

  // The loss, with its history.
  Tensor forward(const Tensor& x, const Tensor& y) {
    const Tensor hidden =
        dropout(tanh(linear(x, weights[0], weights[1])), 0.25, true, generator.state());
    {
      const NoGrad off;
      write(running, add(mul(running, 0.9), mean(hidden, Dims{0})), "running");
    }
    return cross_entropy(mul(linear(hidden, weights[2], weights[3]), scale), y);
  }

  std::vector<Tensor> step(std::span<const Tensor> batch) {
    for (const Tensor& w : weights) autograd::set_grad(w, Tensor());
    autograd::set_grad(scale, Tensor());
    const Tensor loss = forward(batch[0], batch[1]);
    autograd::backward({&loss, 1}, {}, {});
    std::vector<Tensor> gradients;
    for (const Tensor& w : weights) {
      gradients.push_back(autograd::grad_of(w));
      if (!first) continue;
      means.push_back(zeros_like(w));
      squares.push_back(zeros_like(w));
      steps.push_back(zeros({}));
    }
    adam_update(weights, gradients, means, squares, {}, steps, adam, false, false, true);
    const Tensor slope = autograd::grad_of(scale);
    sgd_update({&scale, 1}, {&slope, 1}, {&velocity, 1}, sgd, false, false, first);
    first = false;
    return {loss};
  }

  std::vector<Tensor> written() const {
    std::vector<Tensor> all = {scale, velocity, running, generator.state()};
    for (const auto* list : {&weights, &means, &squares, &steps}) {
      all.insert(all.end(), list->begin(), list->end());
    }
    for (const Tensor& w : weights) all.push_back(autograd::grad_of(w));
    return all;
  }
};

std::vector<char> bytes_of(const std::vector<Tensor>& all) {
  std::vector<char> bytes;
  for (const Tensor& t : all) {
    const char* begin = t.data<char>();
    bytes.insert(bytes.end(), begin, begin + t.numel() * static_cast<int64_t>(itemsize(t.dtype())));
  }
  return bytes;
}

std::vector<Tensor> batch(uint64_t seed) {
  Generator generator(seed);
  return {randn({kRows, kCols}, generator.state()),
          randint(0, kClasses, {kRows}, generator.state(), DType::kInt64)};
}

struct Captured : Net {
  Compiled call;
  explicit Captured(uint64_t seed)
      : Net(seed), call(compile([this](std::span<const Tensor> in) { return step(in); })) {}
};

void check_bits() {
  Net eager(1);
  Captured captured(1);
  for (uint64_t i = 0; i < 12; ++i) {
    if (i == 8) {  // settings are read where they are
      eager.adam.data<double>()[0] = captured.adam.data<double>()[0] = 0.002;
    }
    const std::vector<Tensor> in = batch(i);
    const std::vector<Tensor> loss = eager.step(in), same = captured.call(in);
    expect(bytes_of(loss) == bytes_of(same), "step ", i, ": the losses differ");
    expect(bytes_of(eager.written()) == bytes_of(captured.written()), "step ", i,
           ": states differ");
  }
  // The first differs from the second, which has all state; the third is equal to that.
  expect(captured.call.recordings() == 3, captured.call.recordings(), " recordings");
  expect(captured.call.replays() == 9, captured.call.replays(), " replays");
  expect(captured.call.plans() == 1, captured.call.plans(), " plans");
  const auto program = captured.call.program();
  expect(program && program->to_string().find("adam_update") != std::string::npos,
         "the program has no update");
}

// A class that does not exist is found after the forward pass has drawn numbers.
void check_failed_replay() {
  Net eager(2);
  Captured captured(2);
  for (uint64_t i = 0; i < 5; ++i) eager.step(batch(i)), captured.call(batch(i));
  const std::vector<char> before = bytes_of(captured.written());
  std::vector<Tensor> bad = batch(9);
  bad[1].data<int64_t>()[kRows - 1] = kClasses;
  for (int again = 0; again < 3; ++again) {
    bool refused = false;
    try {
      captured.call(bad);
    } catch (const IndexError&) {
      refused = true;
    }
    expect(refused, "a class that does not exist is taken");
    expect(bytes_of(captured.written()) == before, "a replay that fails has changed something");
  }
  expect(captured.call.recordings() == 3, "a replay that fails was recorded");
  eager.step(batch(6)), captured.call(batch(6));
  expect(bytes_of(eager.written()) == bytes_of(captured.written()), "the next step differs");
}

void check_gradients_outside() {
  Net eager(3), captured(3);
  Compiled forward = compile([&](std::span<const Tensor> in) -> std::vector<Tensor> {
    return {captured.forward(in[0], in[1])};
  });
  for (uint64_t i = 0; i < 6; ++i) {  // gradients add up
    const std::vector<Tensor> in = batch(i), made = forward(in);
    const Tensor loss = eager.forward(in[0], in[1]);
    autograd::backward({&loss, 1}, {}, {});
    autograd::backward(made, {}, {});
    expect(bytes_of(eager.written()) == bytes_of(captured.written()), "gradients differ at ", i);
  }
  expect(forward.replays() == 4, forward.replays(), " replays of a forward pass");
}

void check_allocates_nothing() {
  if (checks::kNotCounted) return;
  Captured captured(4);
  const std::vector<Tensor> in = batch(0);
  std::vector<Tensor> results;
  for (int i = 0; i < 10; ++i) captured.call.run(in, results);
  for (int i = 0; i < 20; ++i) {
    const int64_t before = checks::system_calls;
    captured.call.run(in, results);
    const int64_t taken = checks::system_calls - before;
    expect(taken == 0, "call ", i, " allocates ", taken, " times");
  }
  expect(captured.call.replays() > 20, "these were no replays");
}

// Each of two threads has a program of its own, and both then share one.
void check_threads() {
  constexpr uint64_t kSteps = 200;
  std::vector<char> alone[2], beside[2];
  const auto train = [](uint64_t seed, std::vector<char>& into) {
    Captured captured(seed);
    for (uint64_t i = 0; i < kSteps; ++i) captured.call(batch(i % 7));
    expect(captured.call.replays() == kSteps - 3, captured.call.replays(), " replays in a thread");
    into = bytes_of(captured.written());
  };
  for (uint64_t i = 0; i < 2; ++i) train(i + 5, alone[i]);
  {
    std::thread other([&] { train(6, beside[1]); });
    train(5, beside[0]);
    other.join();
  }
  expect(alone[0] == beside[0] && alone[1] == beside[1], "a thread changes another's results");

  const Tensor total = zeros({1000}, DType::kInt64);
  Compiled add_up = compile([&](std::span<const Tensor> in) -> std::vector<Tensor> {
    write(total, add(total, in[0]), "add_");
    return {sum(total)};
  });
  const Tensor one = ones({1000}, DType::kInt64);
  for (int i = 0; i < 3; ++i) add_up({one});
  const auto add_many = [&] {
    for (uint64_t i = 0; i < kSteps; ++i) add_up({one});
  };
  std::thread other(add_many);
  add_many();
  other.join();
  expect(item<int64_t>(sum(total)) == 1000 * (2 * kSteps + 3), "calls of two threads were lost");
  expect(add_up.recordings() == 2, add_up.recordings(), " recordings of a shared function");
}

}  // namespace

int main() {
  check_bits();
  check_failed_replay();
  check_gradients_outside();
  check_allocates_nothing();
  check_threads();
  return checks::finish("compile_steps");
}
