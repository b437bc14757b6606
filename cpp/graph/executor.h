// Runs a Program: compute, then commit. Bits equal eager's, for it calls the same kernels on the
// same operands.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "graph/program.h"

namespace chainrule::graph {

class Executor {
 public:
  explicit Executor(Program program);

  // One replay; nothing when a guard does not hold any more, and then nothing has run. A second
  // thread waits for the first. An exception before the commit section leaves everything outside
  // unchanged.
  std::optional<std::vector<Tensor>> run(std::span<const Tensor> arguments);
  const Program& program() const { return *program_; }
  // Nanoseconds of each instruction in such a replay (a real one: state is written).
  std::optional<std::vector<int64_t>> profile(std::span<const Tensor> arguments);

 private:
  std::optional<std::vector<Tensor>> replay(std::span<const Tensor> arguments,
                                            std::vector<int64_t>* ns);

  std::shared_ptr<const Program> program_;
  // A plan is locked while it runs; recursive, for dropping an old gradient may run the host's
  // code.
  std::recursive_mutex running_;
};

}  // namespace chainrule::graph
