// Interpreter: runs a backward section instruction by instruction, on tensors that it makes as it
// goes, for which of its gradients are there is known only then. Values that nobody reads later are
// dropped.
#pragma once

#include "graph/program.h"

namespace chainrule::graph {

class Interpreter {
 public:
  // With the immediates and the states.
  explicit Interpreter(const Program& program);

  void run(const Instruction& in);
  Tensor& operator[](ValueId id) { return slots_[id]; }

 private:
  const Program& program_;
  std::vector<Tensor> slots_;
  Tensors inputs_, outputs_;  // of the instruction that runs
};

}  // namespace chainrule::graph
