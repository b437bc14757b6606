// GenericCall: an instruction that is not resolved to a kernel but runs on tensors, as eager calls
// do.
#pragma once

#include "graph/kernel_call.h"

namespace chainrule::graph {

class Frame;

class GenericCall {
 public:
  GenericCall(const Program& program, const Instruction& in, Frame& frame);

  // Tensors that are others in every run are put in place before it and taken away after it.
  void fill(Frame& frame);
  void clear();
  // An update before the commit section works on copies, which are its last outputs.
  void run();
  // An update in the commit section.
  void run_in_place() noexcept;

 private:
  struct Passing {
    Tensor* place;
    ValueId id;
  };
  void add(ValueId id, Frame& frame, Tensors& to);

  const Instruction& instruction_;
  Tensors inputs_, outputs_;
  std::vector<Passing> passing_;
  void* const scratch_;
};

}  // namespace chainrule::graph
