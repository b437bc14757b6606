// Optimises a Program and runs it: compute, then commit. Bits equal eager's, for it calls the same
// kernels on the same operands. A replay takes blocks for tensors from the caching allocator and
// allocates nothing else, except the nodes that results hang on which require a gradient and what
// autograd hangs on a tensor when it first needs to.
#pragma once

#include <memory>
#include <optional>

#include "core/thread_lock.h"
#include "graph/hang.h"

namespace chainrule::graph {

// A tensor took another's memory, and its layout, in place of its own.
void layouts_changed();

class Executor {
 public:
  explicit Executor(Program program);
  ~Executor();

  // One replay: `results` in place of what it held. False when a guard does not hold any more, and
  // then nothing has run. A second thread waits for the first. An exception leaves everything
  // outside unchanged, for what can fail is done before the commit section begins.
  bool run(std::span<const Tensor> arguments, std::vector<Tensor>& results);
  const Program& program() const { return *program_; }
  // What a replay runs, one after the other: names of operations.
  std::vector<std::string> steps();
  // Nanoseconds of each step of such a replay (a real one: state is written).
  std::optional<std::vector<int64_t>> profile(std::span<const Tensor> arguments);

 private:
  struct Replay;
  bool run(std::span<const Tensor> arguments, std::vector<Tensor>& results,
           std::vector<int64_t>* ns);

  bool hooks_hold();
  bool layouts_hold();

  std::shared_ptr<const Program> program_;
  const Hanger hanger_;
  uint64_t hooks_seen_ = 0;  // the generation for which they held
  uint64_t layouts_seen_ = 0;
  // What the last replay worked with, for the next one. Null while one runs: dropping a tensor may
  // run the host's code, which may call this very plan; therefore the lock is recursive, too.
  std::unique_ptr<Replay> spare_;
  ThreadLock running_;  // a plan is locked while it runs
};

}  // namespace chainrule::graph
