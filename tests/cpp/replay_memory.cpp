// Replays of a training step: they take nothing from the system once they are warm, a refusal of
// memory at any place changes nothing, and their bits are eager's. Refused eager work changes
// nothing either.
#include <functional>

#include "autograd/autograd.h"
#include "core/threads.h"
#include "generated/ops.h"
#include "graph/executor.h"
#include "graph/recorder.h"
#include "kernel_checks.h"
#include "ops/modes.h"
#include "system_memory.h"

namespace {

using namespace chainrule;
using chainrule::checks::expect;

constexpr int kParts = 70;  // more tensors in a list than any list holds in place

// Everything a replay may write: parameters and their state, a running average, a random counter,
// a gradient that accumulates and one that is replaced, and an argument.
struct Net {
  std::vector<Tensor> weights, averages, squares, steps;
  Tensor scale, running, hyper, counter;
  std::vector<Tensor> arguments;  // rows, classes, the number of calls

  Net(int64_t rows, int64_t cols) {
    Generator generator(3);
    const auto parameter = [&](const Dims& sizes) {
      Tensor t = randn(sizes, generator.state());
      autograd::set_requires_grad(t, true);
      return t;
    };
    for (int i = 0; i < kParts; ++i) weights.push_back(parameter({4, cols}));
    weights.push_back(parameter({3, 4 * kParts}));
    weights.push_back(parameter({3}));
    for (const Tensor& w : weights) {
      averages.push_back(zeros(w.sizes()));
      squares.push_back(zeros(w.sizes()));
      steps.push_back(zeros({}));
    }
    scale = parameter({});
    running = zeros({4 * kParts});
    hyper = Tensor::empty(DType::kFloat64, {5});
    const double values[] = {0.01, 0.9, 0.999, 1e-8, 0.1};
    std::copy(values, values + 5, hyper.data<double>());
    counter = generator.state();
    arguments = {randn({rows, cols}, generator.state()),
                 randint(0, 3, {rows}, generator.state(), DType::kInt64), zeros({1})};
  }

  // The loss, with its history.
  Tensor forward() {
    std::vector<Tensor> parts;
    for (int i = 0; i < kParts; ++i) parts.push_back(linear(arguments[0], weights[i]));
    const Tensor hidden = dropout(tanh(cat(parts, 1)), 0.25, true, counter);
    const Tensor scores = mul(linear(hidden, weights[kParts], weights[kParts + 1]), scale);
    const Tensor loss = cross_entropy(scores, arguments[1]);
    const NoGrad off;
    write(running, add(mul(running, 0.9), mean(hidden, Dims{0})), "running");
    write(arguments[2], add(arguments[2], 1), "calls");
    return loss;
  }

  Tensor step() {
    for (const Tensor& w : weights) autograd::set_grad(w, Tensor());
    const Tensor loss = forward();
    autograd::backward({&loss, 1}, {}, {});
    std::vector<Tensor> grads;
    for (const Tensor& w : weights) grads.push_back(autograd::grad_of(w));
    adam_update(weights, grads, averages, squares, {}, steps, hyper, false, false, true);
    return loss;
  }

  std::vector<Tensor> written() const {
    std::vector<Tensor> all = {running, counter, arguments[2], Tensor(scale->autograd->grad)};
    for (const auto* list : {&weights, &averages, &squares, &steps}) {
      all.insert(all.end(), list->begin(), list->end());
    }
    for (const Tensor& w : weights) all.push_back(Tensor(w->autograd->grad));
    return all;
  }
};

// What is to be the same before and after.
struct Snapshot {
  std::vector<const void*> tensors;  // which ones: a gradient may be another
  std::vector<uint32_t> versions;
  std::vector<char> bytes;

  explicit Snapshot(const std::vector<Tensor>& all) {
    for (const Tensor& t : all) {
      tensors.push_back(t.impl());
      versions.push_back(t->storage->version());
      const char* begin = t.data<char>();
      bytes.insert(bytes.end(), begin, begin + t.numel() * itemsize(t.dtype()));
    }
  }
  bool operator==(const Snapshot&) const = default;
};

using Work = Tensor (Net::*)();

struct Compiled {
  Net net;
  graph::Executor executor;
  std::vector<Tensor> results;

  Compiled(int64_t rows, int64_t cols, Work work = &Net::step)
      : net(rows, cols), executor(recorded(net, work)) {}
  bool replay() { return executor.run(net.arguments, results); }

  static graph::Program recorded(Net& net, Work work) {
    net.step();  // makes the gradients that later calls find
    graph::ProgramRecorder recorder(net.arguments);
    const Tensor loss = (net.*work)();
    return recorder.finish({&loss, 1});
  }
};

void check_bits(int64_t rows, int64_t cols) {
  Net eager(rows, cols);
  Compiled compiled(rows, cols);
  Tensor loss;
  for (int i = 0; i < 5; ++i) loss = eager.step();
  for (int i = 0; i < 3; ++i) expect(compiled.replay(), "a guard has failed");
  expect(Snapshot(eager.written()).bytes == Snapshot(compiled.net.written()).bytes,
         "replays and eager calls differ");
  expect(loss.item_double() == compiled.results[0].item_double(), "the losses differ");
}

void expect_no_allocation(const std::string& what, const std::function<void()>& replay) {
  // Among these is a look at the other number of threads, whose tiles want scratch of another size.
  for (int i = 0; i < 20; ++i) replay();
  for (int i = 0; i < 50; ++i) {
    const int64_t before = checks::system_calls;
    replay();
    const int64_t taken = checks::system_calls - before;
    expect(taken == 0, "replay ", i, " of ", what, " allocates ", taken, " times");
  }
}

void check_training_allocates_nothing(int64_t rows, int64_t cols, int threads) {
  set_num_threads(threads);
  Compiled compiled(rows, cols);
  expect_no_allocation("training", [&] { compiled.replay(); });
  set_num_threads(1);
}

// Products, sums, sorting, indexing and joining in several dtypes, of square matrices.
std::vector<Tensor> work_of_all_kinds(const Tensor& x, const Tensor& places) {
  std::vector<Tensor> made;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt64}) {
    const Tensor a = cast(x, dtype);
    made.insert(made.end(), {matmul(a, permute(a, {1, 0})), sum(a, Dims{0}), prod(a, 1), max(a),
                             cumsum(a, 0), gather(a, 0, places), scatter_add(a, 1, places, a),
                             sort(a, 0)[1], topk(a, 3)[0], roll(a, {3}), tril(a),
                             where(gt(a, 0), a, 1), index_select(a, 0, select(places, 0, 0))});
  }
  const std::vector<Tensor> some(9, permute(x, {1, 0}));
  made.insert(made.end(), {bmm(stack(some), stack(some)), softmax(x, 0), var(x, Dims{1}), norm(x),
                           logsumexp(x, {1}), huber_loss(x, add(x, 1)), randperm(100),
                           multinomial(abs(x), 4), normal(x, 2.0), repeat(x, {2, 3})});
  return made;
}

void check_all_kinds_allocate_nothing(int64_t size) {
  const Tensor arguments[] = {randn({size, size}),
                              randint(0, size, {size, size}, Tensor(), DType::kInt64)};
  graph::ProgramRecorder recorder(arguments);
  const std::vector<Tensor> made = work_of_all_kinds(arguments[0], arguments[1]);
  graph::Executor executor(recorder.finish(made));
  std::vector<Tensor> results;
  expect_no_allocation("all kinds of work", [&] { executor.run(arguments, results); });
}

// Whether the replay ran to its end although the system gives memory only `given` times.
bool replays_with(int64_t given, Compiled& compiled) {
  empty_cache();
  const checks::Scarce scarce(given);
  try {
    return compiled.replay();
  } catch (const OutOfMemory&) {
  } catch (const std::bad_alloc&) {
  }
  return false;
}

// Refused at the first place, at the second, ..., until a replay needs no more.
void check_refusal(int64_t rows, int64_t cols, Work work) {
  Compiled compiled(rows, cols, work);
  const Snapshot before(compiled.net.written());
  int64_t given = 0;
  for (; !replays_with(given, compiled); ++given) {
    expect(before == Snapshot(compiled.net.written()), "refusal ", given, " changed something");
  }
  expect(given > 20, "a replay took memory only ", given, " times");
  expect(before.bytes != Snapshot(compiled.net.written()).bytes, "the last replay wrote nothing");
}

// Nodes whose attributes do not fit into them give their memory back when they cannot be made.
void check_refused_node() {
  const Tensor x = ones({64, 64});
  autograd::set_requires_grad(x, true);
  as_strided(x, {8}, {1});
  bool refused = false;
  for (int64_t given = 0; given < 8; ++given) {
    const int64_t before = memory_stats().allocated;
    {
      const checks::Scarce scarce(given);
      try {
        as_strided(x, {8}, {1});
      } catch (const std::bad_alloc&) {
        refused = true;
      }
    }
    expect(memory_stats().allocated == before, "a refused node keeps its memory");
  }
  expect(refused, "no node was refused memory");
}

bool writes_with(int64_t given, const Tensor& to, const Tensor& from) {
  empty_cache();
  const checks::Scarce scarce(given);
  try {
    write(to, from, "write");
  } catch (const std::bad_alloc&) {
    return false;
  } catch (const OutOfMemory&) {
    return false;
  }
  return true;
}

// A write that reads its own target copies it first: where that is refused, neither data nor
// version nor history of the target has changed.
void check_refused_write() {
  const int64_t size = 1 << 20;
  const Tensor w = ones({size});
  autograd::set_requires_grad(w, true);
  const Tensor x = cumsum(w, 0);
  const Tensor to = as_strided(x, {size - 1}, {1}, 1), from = as_strided(x, {size - 1}, {1}, 0);
  const void* history = x->grad_fn.get();
  const Snapshot before({x});
  int64_t given = 0;
  for (; !writes_with(given, to, from); ++given) {
    expect(before == Snapshot({x}), "refusal ", given, " of a write has changed its target");
    expect(x->grad_fn.get() == history, "refusal ", given, " of a write has left its history");
  }
  expect(given > 0 && x.data<float>()[1] == 1, "the last write wrote nothing");
}

}  // namespace

int main() {
  check_bits(5, 7);
  if (checks::kNotCounted) return checks::skip("replay_memory", checks::kNotCounted);
  check_training_allocates_nothing(5, 7, 1);
  check_training_allocates_nothing(512, 64, 2);
  check_all_kinds_allocate_nothing(6);
  check_all_kinds_allocate_nothing(200);
  check_refusal(5, 7, &Net::step);
  check_refusal(512, 64, &Net::step);
  check_refusal(5, 7, &Net::forward);
  check_refused_node();
  check_refused_write();
  return checks::finish("replay_memory");
}
