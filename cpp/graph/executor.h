// Runs a Program: compute, then commit. Bits equal eager's, for it calls the same kernels on the
// same operands.
#pragma once

#include <memory>
#include <mutex>

#include "graph/program.h"

namespace chainrule::graph {

class Executor {
 public:
  explicit Executor(Program program);

  // One replay. An exception before the commit section leaves everything outside unchanged.
  std::vector<Tensor> run(std::span<const Tensor> arguments);
  const Program& program() const { return *program_; }
  // Nanoseconds of each instruction in one run (which is a real one: state is written).
  std::vector<int64_t> profile(std::span<const Tensor> arguments);

 private:
  std::shared_ptr<const Program> program_;
  std::mutex running_;  // a plan is locked while it runs
};

}  // namespace chainrule::graph
