// Which calls of a compiled C++ function are replayed, which are recorded, and which are refused.
#include <functional>
#include <stdexcept>

#include "chainrule.h"
#include "graph/plan.h"
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using chainrule::checks::expect;

Tensor leaf(const Dims& sizes) {
  const Tensor t = ones(sizes);
  autograd::set_requires_grad(t, true);
  return t;
}

Compiled doubling() {
  return compile([](std::span<const Tensor> in) -> std::vector<Tensor> {
    return {add(mul(in[0], 2.0), in[1])};
  });
}

// `call` begins a signature or a variant of one: two recordings, then replays.
void expect_new(const char* what, const Compiled& step, const std::function<void()>& call) {
  for (int i = 0; i < 4; ++i) {
    const int64_t recordings = step.recordings(), replays = step.replays();
    call();
    expect(step.recordings() - recordings == (i < 2), what, ": recordings at call ", i);
    expect(step.replays() - replays == (i >= 2), what, ": replays at call ", i);
  }
}

void expect_replay(const char* what, const Compiled& step, const std::function<void()>& call) {
  const int64_t recordings = step.recordings(), replays = step.replays();
  call();
  expect(step.recordings() == recordings && step.replays() == replays + 1, what, " is recorded");
}

// CaptureError that says `why`, and nothing left of the recording.
void expect_capture_error(const char* what, const std::string& why, Compiled& step,
                          std::initializer_list<Tensor> arguments = {}) {
  std::string said = "nothing";
  try {
    step(arguments);
  } catch (const CaptureError& error) {
    said = error.what();
  }
  expect(said.find(why) != std::string::npos, what, " says ", said);
  expect(modes.recorder == nullptr, what, ": the recording goes on");
}

void check_signatures() {
  Compiled step = doubling();
  const auto with = [&](const Tensor& x, const Tensor& y) {
    return [&step, x, y] {
      const Tensor expected = add(mul(x, 2.0), y), got = step({x, y})[0];
      expect(item<bool>(all(eq(expected, got))) && expected.dtype() == got.dtype(),
             "other numbers");
      expect(autograd::requires_grad(expected) == autograd::requires_grad(got), "other gradients");
    };
  };
  const Tensor x = randn({3, 4}), y = randn({3, 4});
  expect_new("the first call", step, with(x, y));
  expect_replay("another tensor", step, with(y, randn({3, 4})));
  expect_new("another dtype", step, with(x, ones({3, 4}, DType::kFloat64)));
  expect_new("other sizes", step, with(randn({4, 3}), randn({4, 3})));
  expect_new("other strides", step, with(permute(randn({4, 3}), {1, 0}), y));
  expect_new("a gradient", step, with(leaf({3, 4}), y));
  expect_new("one tensor twice", step, with(x, x));
  {
    const NoGrad off;
    expect_new("no_grad", step, with(x, y));
    modes.inference = true;
    expect_new("inference_mode", step, with(x, y));
    modes.inference = false;
  }
  set_default_dtype(DType::kFloat64);
  expect_new("another default dtype", step, with(x, y));
  set_default_dtype(DType::kFloat32);
  expect_replay("the first signature", step, with(x, y));
  expect(step.plans() == 9, step.plans(), " plans");
  step.clear();
  expect(step.plans() == 0 && !step.program(), "clear() leaves plans");
  expect_new("a call after clear()", step, with(x, y));
}

void check_many_signatures() {
  Compiled step = doubling();
  const auto call = [&](int64_t size) { step({ones({size}), ones({size})}); };
  for (int64_t size = 1; size <= 65; ++size) {
    for (int i = 0; i < 2; ++i) call(size);
  }
  expect(step.plans() == 64, step.plans(), " plans are kept");
  expect_replay("the second signature", step, [&] { call(2); });
  expect_new("the one that was used longest ago", step, [&] { call(1); });
  expect_replay("one that was used since", step, [&] { call(2); });
}

// What a program relies on beside its arguments.
void check_guards() {
  const Tensor w = leaf({3});
  Compiled step = compile([&](std::span<const Tensor> in) -> std::vector<Tensor> {
    const Tensor loss = sum(mul(w, in[0]));
    if (autograd::requires_grad(loss)) autograd::backward({&loss, 1}, {}, {});
    return {loss};
  });
  const Tensor x = full({3}, 2.0);
  const auto call = [&] { step({x}); };
  const auto gradient = [&] { return autograd::grad_of(w).data<float>()[0]; };
  step({x});  // finds no gradient
  expect_new("a gradient that is there", step, call);
  expect(gradient() == 10, "the gradients add up to ", gradient());
  const auto from_none = [&] {
    autograd::set_grad(w, Tensor());
    step({x});
  };
  from_none();
  expect_replay("no gradient, for the third time", step, from_none);
  expect(gradient() == 2, "the gradient is ", gradient());
  expect_replay("a gradient again", step, call);
  autograd::set_requires_grad(w, false);
  expect_new("a frozen tensor from outside", step, call);
  expect(gradient() == 4, "a frozen tensor gets a gradient");
  autograd::set_requires_grad(w, true);
  int hooks = 0;
  autograd::HookHandle handle =
      autograd::add_post_accumulate_hook(w, [&](const Tensor&) { ++hooks; });
  expect_capture_error("a hook", "expected no hook while recording", step, {x});
  expect(hooks == 0, "a hook was called while recording");
  handle.remove();
  expect_replay("a call without the hook", step, call);
}

// Written arguments that share memory, in another way each time: other calls, not changing ones.
void check_places() {
  Compiled step = compile([](std::span<const Tensor> in) -> std::vector<Tensor> {
    write(in[0], add(in[0], 1), "add_");
    return {sum(in[1])};
  });
  const auto call = [&](int64_t offset, int64_t shared) {
    const Tensor base = zeros({25});
    const Tensor first = narrow(base, 0, offset, 12);
    const Tensor second = narrow(base, 0, offset + 12 - shared, 12);
    expect(item<int>(step({first, second})[0]) == shared, "the sum of ", shared, " elements");
  };
  constexpr int64_t kept = graph::kMaxVariants;
  for (int64_t shared = 0; shared <= kept; ++shared) {
    for (int again = 0; again < 3; ++again) call(0, shared);
  }
  for (int64_t shared = 1; shared <= kept; ++shared) {  // those that were used last
    expect_replay("memory shared as before", step, [&] { call(1, shared); });
  }
  for (int64_t other : {int64_t{0}, kept + 1, kept + 2, int64_t{1}, int64_t{2}}) call(0, other);
  expect(step.recordings() == 2 * (kept + 1) + 5, step.recordings(), " recordings");
}

void check_refusals() {
  const Tensor x = ones({3});
  const auto of = [](std::function<Tensor(const Tensor&)> work) {
    return compile([work = std::move(work)](std::span<const Tensor> in) -> std::vector<Tensor> {
      return {work(in[0])};
    });
  };
  const auto refused = [&](const char* what, const char* why,
                           const std::function<Tensor(const Tensor&)>& work) {
    Compiled step = of(work);
    for (int i = 0; i < 3; ++i) expect_capture_error(what, why, step, {x});
    expect(step.recordings() == 0, what, " leaves a recording");
  };
  refused("item()", "got item", [](const Tensor& t) { return mul(t, item<double>(sum(t))); });
  refused("a size that depends on data", "nonzero", [](const Tensor& t) { return nonzero(t); });
  refused("a seed", "manual_seed", [](const Tensor& t) {
    default_generator().manual_seed(1);
    return t;
  });
  refused("a hook inside", "register_hook", [](const Tensor& t) {
    autograd::add_hook(mul(leaf({3}), t), [](const Tensor& gradient) { return gradient; });
    return t;
  });
  refused("no result", "an undefined one", [](const Tensor&) { return Tensor(); });
  refused("a number", "a number", [](const Tensor&) { return Tensor::number(2.0); });
  refused("history from outside", "backward to stay inside",
          [y = sum(mul(leaf({3}), 2.0))](const Tensor& t) {
            autograd::backward({&y, 1}, {}, {});
            return t;
          });

  // The fourth that differs, each time.
  const auto changing = [&](const char* what, const std::string& why,
                            const std::function<Tensor(const Tensor&)>& work) {
    Compiled step = of(work);
    for (int call = 1; call <= 8; ++call) {
      if (call % 4) {
        step({x});
      } else {
        expect_capture_error(what, "two successive calls to do the same; got " + why, step, {x});
      }
    }
    expect(step.replays() == 0 && step.plans() == 0, what, " is replayed");
  };
  changing("a number that changes", "",
           [n = 0](const Tensor& t) mutable { return mul(t, static_cast<double>(++n)); });
  changing("data made inside", "one tensor of sizes (3,), then another",
           [](const Tensor& t) { return add(t, Tensor::empty(DType::kInt64, {3})); });
}

// What the function throws comes out, and the next call is recorded as if nothing had been.
void check_exceptions() {
  bool fails = true;
  Compiled step = compile([&](std::span<const Tensor> in) -> std::vector<Tensor> {
    const Tensor y = mul(in[0], 2.0);
    if (fails) throw std::runtime_error("of the function");
    return {y};
  });
  std::string said;
  try {
    step({ones({2})});
  } catch (const std::runtime_error& error) {
    said = error.what();
  }
  expect(said == "of the function" && modes.recorder == nullptr, "an exception says ", said);
  fails = false;
  expect_new("a call after an exception", step, [&] { step({ones({2})}); });

  const auto value_error = [](const std::function<void()>& work) {
    try {
      work();
    } catch (const ValueError&) {
      return true;
    }
    return false;
  };
  expect(value_error([&] { step({Tensor()}); }), "an undefined argument is taken");
  expect(value_error([&] { step({Tensor::number(2.0)}); }), "a number is taken");
  expect(value_error([] { compile(nullptr); }), "no function is taken");
}

// A compiled function that another one calls; arguments that are returned; no arguments.
void check_nesting() {
  Compiled inner = doubling();
  Compiled outer = compile(
      [&](std::span<const Tensor> in) -> std::vector<Tensor> { return {inner(in)[0], in[1]}; });
  const Tensor x = full({2}, 3.0), y = full({2}, 4.0);
  for (int i = 0; i < 4; ++i) {
    const std::vector<Tensor> results = outer({x, y});
    expect(results[0].data<float>()[1] == 10 && results[1].same_as(y), "other results at ", i);
  }
  expect(outer.replays() == 2 && inner.recordings() == 0, "the inner function is recorded");

  Generator generator(1), same(1);
  Compiled draw = compile([&](std::span<const Tensor>) -> std::vector<Tensor> {
    return {rand({5}, generator.state())};
  });
  for (int i = 0; i < 4; ++i) {
    const Tensor expected = rand({5}, same.state());
    expect(item<bool>(all(eq(expected, draw({})[0]))), "other random numbers at ", i);
  }
  Compiled moved = std::move(draw);
  expect(moved.replays() == 2, moved.replays(), " replays without arguments");
}

void check_item() {
  expect(item<double>(full({1, 1}, 0.5)) == 0.5 && item<bool>(full({}, 0.5)), "a fraction");
  const int64_t large = (int64_t{1} << 62) + 1;
  expect(item<int64_t>(full({}, large)) == large && item<int>(full({}, -2.5)) == -2, "integers");
  bool refused = false;
  try {
    item<float>(ones({2}));
  } catch (const ShapeError&) {
    refused = true;
  }
  expect(refused, "item() of two elements");
}

}  // namespace

int main() {
  check_signatures();
  check_many_signatures();
  check_guards();
  check_places();
  check_refusals();
  check_exceptions();
  check_nesting();
  check_item();
  return checks::finish("compile_calls");
}
