#include "graph/compile.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "graph/plan.h"
#include "graph/recorder.h"
#include "graph/signature.h"
#include "ops/modes.h"

namespace chainrule {

namespace {

// A number would be part of the program.
template <typename E>
void require_tensors(std::span<const Tensor> tensors, const char* what) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].defined() && !tensors[i]->weak_number) continue;
    fail<E>("compile", "expected tensors as ", what, "; got ",
            tensors[i].defined() ? "a number" : "an undefined one", " at ", i, ".");
  }
}

}  // namespace

struct Compiled::State {
  struct Entry {
    graph::Signature signature;
    std::shared_ptr<graph::Plan> plan = std::make_shared<graph::Plan>();
  };

  Function function;
  std::vector<Entry> entries;  // of the calls that came last, the latest first
  mutable ThreadLock lock;     // of `entries`, for moments
  std::atomic<int64_t> replays{0}, recordings{0};

  std::shared_ptr<graph::Plan> plan_of(std::span<const Tensor> arguments);
  std::vector<Tensor> record(graph::Plan& plan, std::span<const Tensor> arguments);
};

std::shared_ptr<graph::Plan> Compiled::State::plan_of(std::span<const Tensor> arguments) {
  std::vector<Entry> oldest;  // ends without the lock, and its tensors with it
  const std::unique_lock held(lock);
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
    return entry.signature.fits(arguments);
  });
  if (found != entries.end()) {
    std::rotate(entries.begin(), found, found + 1);
  } else {
    entries.insert(entries.begin(), Entry{graph::Signature(arguments)});
    if (entries.size() > graph::kMaxPlans) {
      oldest.push_back(std::move(entries.back()));
      entries.pop_back();
    }
  }
  return entries.front().plan;
}

std::vector<Tensor> Compiled::State::record(graph::Plan& plan, std::span<const Tensor> arguments) {
  const graph::Plan::Known known = plan.known(arguments);
  std::vector<Tensor> results;
  graph::Program program;
  {
    graph::ProgramRecorder recorder(arguments);
    results = function(arguments);
    require_tensors<CaptureError>(results, "results");
    program = recorder.finish(results);
  }
  program.verify();
  ++recordings;
  plan.put(std::move(program), known);
  return results;
}

Compiled::Compiled(Function function) : state_(std::make_unique<State>()) {
  if (!function) fail<ValueError>("compile", "expected a function; got an empty one.");
  state_->function = std::move(function);
}
Compiled::~Compiled() = default;
Compiled::Compiled(Compiled&&) noexcept = default;
Compiled& Compiled::operator=(Compiled&&) noexcept = default;

void Compiled::run(std::span<const Tensor> arguments, std::vector<Tensor>& results) {
  State& state = *state_;
  if (modes.recorder) {
    results = state.function(arguments);
    return;
  }
  require_tensors<ValueError>(arguments, "arguments");
  const std::shared_ptr<graph::Plan> plan = state.plan_of(arguments);
  if (plan->replay(arguments, results)) {
    ++state.replays;
  } else {
    results = state.record(*plan, arguments);
  }
}

std::vector<Tensor> Compiled::operator()(std::span<const Tensor> arguments) {
  std::vector<Tensor> results;
  run(arguments, results);
  return results;
}

std::vector<Tensor> Compiled::operator()(std::initializer_list<Tensor> arguments) {
  return (*this)(std::span<const Tensor>(arguments.begin(), arguments.size()));
}

void Compiled::clear() {
  std::vector<State::Entry> dropped;
  const std::unique_lock held(state_->lock);
  dropped.swap(state_->entries);
}

int Compiled::plans() const {
  const std::unique_lock held(state_->lock);
  return static_cast<int>(
      std::count_if(state_->entries.begin(), state_->entries.end(),
                    [](const State::Entry& entry) { return entry.plan->adopted() != nullptr; }));
}

int64_t Compiled::replays() const { return state_->replays; }
int64_t Compiled::recordings() const { return state_->recordings; }

std::shared_ptr<const graph::Program> Compiled::program() const {
  std::shared_ptr<const graph::Recorded> latest;
  {
    const std::unique_lock held(state_->lock);
    if (!state_->entries.empty()) latest = state_->entries.front().plan->adopted();
  }
  if (!latest) return nullptr;
  return {latest, &latest->program};
}

}  // namespace chainrule
