#include "graph/executor.h"

#include <chrono>
#include <cstring>

#include "autograd/autograd.h"
#include "core/threads.h"
#include "graph/frame.h"
#include "ops/elementwise.h"
#include "ops/modes.h"

namespace chainrule::graph {

namespace {

// Runs `work`; its nanoseconds go to `ns`, unless nobody asks.
template <typename F>
void timed(std::vector<int64_t>* ns, F&& work) {
  if (!ns) return work();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const auto passed = std::chrono::steady_clock::now() - begin;
  ns->push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
}

// In the commit section: straight on the state.
void run_in_place(const Instruction& in, Frame& frame) {
  const Tensors inputs = frame.inputs(in);
  run_kernel(in, inputs, {}, make_scratch(in.scratch_bytes).get());
  const Call call = call_of(in, inputs);
  for (int param : in.op->mutates) {
    for (const Tensor& t : call.list(param)) t->storage->bump_version(in.op->name);
  }
}

void commit(const Program& p, Frame& frame, std::span<const Tensor> arguments,
            std::vector<int64_t>* ns) {
  for (size_t i = p.commit_begin; i < p.forward_end; ++i)
    timed(ns, [&] { run_in_place(p.code[i], frame); });
  for (const WriteBack& w : p.writes) {
    const Tensor& row = frame[w.value];
    const Tensor& target = w.target == Source::kArgument ? arguments[w.index]
                           : w.target == Source::kState  ? p.states[w.index]
                                                         : frame[w.index];
    const int64_t begin = w.target == Source::kState ? 0 : target->offset;
    copy_strided(target.alias(row.sizes(), Dims{1}, begin), row);
    target->storage->bump_version("compile");
  }
  for (const GradBinding& g : p.gradients) {
    const Tensor& leaf = g.leaf.among(arguments);
    if (!leaf->autograd) leaf->autograd = std::make_unique<AutogradState>();
    if (g.value == kNone) {
      leaf->autograd->grad = Ref<TensorImpl>();
    } else {
      // After `x.grad = x.detach()` the value is x; a tensor that owned itself would never go.
      const Tensor& value = frame[g.value];
      leaf->autograd->grad = value.same_as(leaf) ? value.alias().ref() : value.ref();
    }
  }
}

// What the backward section reads of the forward run: dropped when the graph is freed.
struct Saved {
  std::vector<autograd::SavedTensor> values;  // one per id in `backward_reads`
  bool dropped = false;
};

constexpr const char* kSavedBy = "a compiled function";

autograd::Tensors run_backward(const Program& p, const Saved& saved, const autograd::Tensors& dys) {
  if (saved.dropped) {
    fail<StateError>("backward", "expected a graph that still holds its saved tensors; ", kSavedBy,
                     " has already been run backward. Use backward(retain_graph=True) the first "
                     "time.");
  }
  if (modes.grad_enabled) {
    fail<StateError>("backward", "expected create_graph=False through ", kSavedBy,
                     ", whose gradients have no history; got True. Call the function uncompiled "
                     "to differentiate twice.");
  }
  Frame frame(p);
  for (size_t i = 0; i < saved.values.size(); ++i) {
    frame[p.backward_reads[i]] = saved.values[i].unpack();
  }
  for (size_t i = 0; i < p.seeds.size(); ++i) {
    const Value& v = p.values[p.seeds[i]];
    Tensor seed = dys[i];
    if (!seed.defined()) {
      seed = Tensor::empty(v.dtype, v.sizes);
      std::memset(seed.raw(), 0, seed.numel() * itemsize(v.dtype));
    }
    frame[p.seeds[i]] = seed;
  }
  for (size_t i = p.forward_end; i < p.code.size(); ++i) frame.run(p.code[i]);
  autograd::Tensors gradients;
  for (ValueId id : p.leaf_gradients) gradients.push_back(id == kNone ? Tensor() : frame[id]);
  return gradients;
}

// Hangs the results that need a gradient on one node, whose backward is the backward section.
void hang_backward(const std::shared_ptr<const Program>& p, Frame& frame,
                   std::vector<Tensor>& results) {
  autograd::Tensors outputs, leaves;
  for (int i : p->differentiable) {
    results[i] = results[i].alias();
    outputs.push_back(results[i]);
  }
  for (ValueId id : p->leaves) leaves.push_back(frame[id]);
  auto saved = std::make_shared<Saved>();
  // Aliases have no history: a result that a user then changes in place makes no cycle.
  for (ValueId id : p->backward_reads) saved->values.emplace_back(frame[id].alias(), kSavedBy);
  autograd::CustomFunction function;
  function.name = "CompiledBackward";
  function.backward = [p, saved](const autograd::Tensors& dys) {
    return run_backward(*p, *saved, dys);
  };
  function.release = [saved] {
    saved->dropped = true;
    saved->values.clear();
  };
  const std::vector<char> yes(outputs.size(), 1);
  autograd::attach(std::move(function), {leaves.data(), leaves.size()},
                   {outputs.data(), outputs.size()},
                   {reinterpret_cast<const bool*>(yes.data()), yes.size()});
}

}  // namespace

Executor::Executor(Program program) : program_(std::make_shared<Program>(std::move(program))) {}

std::optional<std::vector<Tensor>> Executor::run(std::span<const Tensor> arguments) {
  return replay(arguments, nullptr);
}

std::optional<std::vector<int64_t>> Executor::profile(std::span<const Tensor> arguments) {
  std::vector<int64_t> ns;
  if (!replay(arguments, &ns)) return std::nullopt;
  return ns;
}

std::optional<std::vector<Tensor>> Executor::replay(std::span<const Tensor> arguments,
                                                    std::vector<int64_t>* ns) {
  std::unique_lock<std::recursive_mutex> lock(running_, std::try_to_lock);
  if (!lock.owns_lock()) {
    const LongWork wait(kSerialWork);  // the call under way may need the host language's lock
    lock.lock();
  }
  const Program& p = *program_;
  // From here until the frame has the gradients nothing lets another thread of the host run.
  if (!p.guards_hold(arguments)) return std::nullopt;
  Frame frame(p, arguments);
  {
    NoGrad off;
    for (size_t i = 0; i < p.commit_begin; ++i) timed(ns, [&] { frame.run(p.code[i]); });
    commit(p, frame, arguments, ns);
  }
  std::vector<Tensor> results;
  for (ValueId id : p.results) results.push_back(frame[id]);
  if (!p.differentiable.empty()) hang_backward(program_, frame, results);
  return results;
}

}  // namespace chainrule::graph
