#include "graph/executor.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "autograd/autograd.h"
#include "core/threads.h"
#include "graph/commit.h"
#include "graph/frame.h"
#include "graph/passes/passes.h"
#include "graph/thread_choice.h"
#include "ops/modes.h"

namespace chainrule::graph {

struct Executor::Replay {
  explicit Replay(const Program& program) : frame(program), commit(program, frame) {}
  Frame frame;
  Commit commit;
  ThreadChoice threads;
  GuardRoom room;
};

namespace {
std::shared_ptr<const Program> optimized(Program program) {
  optimize(program);
  return std::make_shared<Program>(std::move(program));
}
}  // namespace

Executor::Executor(Program program) : program_(optimized(std::move(program))), hanger_(program_) {}
Executor::~Executor() = default;

std::vector<std::string> Executor::steps() {
  std::vector<std::string> names = Frame(*program_).steps();
  for (size_t i = program_->commit_begin; i < program_->forward_end; ++i) {
    names.push_back(program_->code[i].op->name);
  }
  return names;
}

namespace {

// Arguments that the call makes leaves which require a gradient are that before results hang on
// them; unless the replay comes to its end, they are not.
class TurnedOn {
 public:
  TurnedOn(const Program& p, std::span<const Tensor> arguments) : p_(p), arguments_(arguments) {
    set(true);
  }
  ~TurnedOn() {
    if (!kept_) set(false);
  }
  void keep() { kept_ = true; }

 private:
  void set(bool value) {
    for (const auto& [argument, on] : p_.turned) {
      if (on) arguments_[argument]->requires_grad = value;
    }
  }

  const Program& p_;
  std::span<const Tensor> arguments_;
  bool kept_ = false;
};

// requires_grad_(False) and detach_().
void turn_off(const Program& p, std::span<const Tensor> arguments) {
  for (const auto& [argument, on] : p.turned) {
    if (on) continue;
    const Tensor& t = arguments[argument];
    t->requires_grad = false;
    t->grad_fn = nullptr;
    t->output = 0;
  }
}

}  // namespace

bool Executor::hooks_hold() {
  const uint64_t now = autograd::hooks_generation();
  if (now == hooks_seen_) return true;
  if (!program_->hooks_hold()) return false;
  hooks_seen_ = now;
  return true;
}

namespace {
std::atomic<uint64_t> layouts{1};
}  // namespace

void layouts_changed() { layouts.fetch_add(1, std::memory_order_relaxed); }

bool Executor::layouts_hold() {
  const uint64_t now = layouts.load(std::memory_order_relaxed);
  if (now == layouts_seen_) return true;
  if (!program_->layouts_hold()) return false;
  layouts_seen_ = now;
  return true;
}

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
    const Waiting wait;  // the call under way may need the host language's lock
    lock.lock();
  }
  const Program& p = *program_;
  results.clear();
  // From here until the frame has the gradients nothing lets another thread of the host run.
  if (!layouts_hold()) return false;  // before kernels are made ready for them
  std::unique_ptr<Replay> replay = std::exchange(spare_, nullptr);
  if (!replay) replay = std::make_unique<Replay>(p);
  Frame& frame = replay->frame;
  if (!hooks_hold() || !p.guards_hold(arguments, replay->room)) {
    spare_ = std::move(replay);
    return false;
  }
  std::optional<ThreadChoice::Turn> turn;  // a profile is of all threads, and no sample
  if (!ns) turn.emplace(replay->threads, frame.work());
  frame.enter(arguments);
  {
    const NoGrad off;
    frame.compute(ns);
    replay->commit.prepare(arguments);
  }
  for (ValueId id : p.own_leaves) frame[id]->requires_grad = true;
  for (ValueId id : p.results) results.push_back(frame[id]);
  TurnedOn turned(p, arguments);
  hanger_.hang(frame, results);
  for (const ResultWindow& w : p.windows) {
    const Tensor& owner = w.owner == Source::kArgument ? arguments[w.index]
                          : w.owner == Source::kState  ? p.states[w.index]
                                                       : results[w.index];
    autograd::make_window(results[w.result], owner);
  }
  turned.keep();
  replay->commit.run(ns);
  turn_off(p, arguments);
  replay->commit.clear();
  frame.clear();
  spare_ = std::move(replay);
  return true;
}

}  // namespace chainrule::graph
