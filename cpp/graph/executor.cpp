#include "graph/executor.h"

#include <cstring>
#include <mutex>
#include <utility>

#include "autograd/autograd.h"
#include "core/threads.h"
#include "generated/ops.h"
#include "graph/commit.h"
#include "ops/modes.h"

namespace chainrule::graph {

namespace {

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
    // The plan knows dense ones: the gradient of a sum comes expanded, that of a transpose turned.
    frame[p.seeds[i]] = contiguous(seed);
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
  for (const auto& [i, first] : p->repeated) results[i] = results[first];
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

struct Executor::Replay {
  explicit Replay(const Program& program) : frame(program), commit(program) {}
  Frame frame;
  Commit commit;
  std::vector<const Storage*> room;  // of the guards
};

Executor::Executor(Program program) : program_(std::make_shared<Program>(std::move(program))) {}
Executor::~Executor() = default;

bool Executor::run(std::span<const Tensor> arguments, std::vector<Tensor>& results) {
  return run(arguments, results, nullptr);
}

std::optional<std::vector<int64_t>> Executor::profile(std::span<const Tensor> arguments) {
  std::vector<Tensor> results;
  std::vector<int64_t> ns;
  ns.reserve(program_->code.size());
  if (!run(arguments, results, &ns)) return std::nullopt;
  return ns;
}

bool Executor::run(std::span<const Tensor> arguments, std::vector<Tensor>& results,
                   std::vector<int64_t>* ns) {
  std::unique_lock lock(running_, std::try_to_lock);
  if (!lock.owns_lock()) {
    const LongWork wait(kSerialWork);  // the call under way may need the host language's lock
    lock.lock();
  }
  const Program& p = *program_;
  std::unique_ptr<Replay> replay = std::exchange(spare_, nullptr);
  if (!replay) replay = std::make_unique<Replay>(p);
  Frame& frame = replay->frame;
  results.clear();
  // From here until the frame has the gradients nothing lets another thread of the host run.
  if (!p.guards_hold(arguments, replay->room)) {
    spare_ = std::move(replay);
    return false;
  }
  frame.enter(arguments);
  {
    const NoGrad off;
    for (size_t i = 0; i < p.commit_begin; ++i) timed(ns, [&] { frame.run(p.code[i]); });
    replay->commit.prepare(frame, arguments);
  }
  for (ValueId id : p.results) results.push_back(frame[id]);
  if (!p.differentiable.empty()) hang_backward(program_, frame, results);
  for (const ResultWindow& w : p.windows) {
    const Tensor& owner = w.owner == Source::kArgument ? arguments[w.index]
                          : w.owner == Source::kState  ? p.states[w.index]
                                                       : results[w.index];
    autograd::make_window(results[w.result], owner);
  }
  replay->commit.run(ns);
  replay->commit.clear();
  frame.clear();
  spare_ = std::move(replay);
  return true;
}

}  // namespace chainrule::graph
