// Gives results of a replay the history of eager ones: those that can be run backward hang on one
// node, whose backward is the program's second section.
#pragma once

#include <memory>

#include "autograd/node.h"
#include "graph/backward_plan.h"

namespace chainrule::graph {

class Hanger {
 public:
  explicit Hanger(std::shared_ptr<const Program> program);
  void hang(Frame& frame, const std::vector<Tensor>& results) const;

 private:
  // What a result from which backward is an error leads to.
  struct Failing {
    Ref<autograd::Node> gate;  // to leaves from outside, of which there may be a thousand; or null
    std::vector<int> others;
  };

  std::shared_ptr<const Program> program_;
  std::shared_ptr<BackwardPlan> backward_;  // null: instruction by instruction
  std::vector<Failing> failing_;            // one for each failure
};

}  // namespace chainrule::graph
