// BackwardPlan: the backward section of a program as a program of its own, optimised, planned and
// run on a frame like a forward run. It makes all gradients before it hands over one; where some
// results have none, or one leaf gets several, which eager adds up as they come, hang.cpp runs the
// section instruction by instruction. print(program) shows the section as it was recorded, and its
// peak_bytes are those of the forward run.
#pragma once

#include <memory>

#include "core/thread_lock.h"
#include "graph/frame.h"

namespace chainrule::graph {

class BackwardPlan {
 public:
  // Null where a leaf gets several gradients, or the section writes.
  static std::unique_ptr<BackwardPlan> of(const Program& forward);

  // `arguments`: those of `backward_reads`, then the seeds, dense. The gradients of the
  // contributions, in their order.
  std::vector<Tensor> run(std::span<const Tensor> arguments);

 private:
  explicit BackwardPlan(const Program& forward);

  std::vector<int> result_of_;  // of each contribution; made with the program
  Program program_;
  std::unique_ptr<Frame> spare_;  // null while it runs; another thread then makes its own
  ThreadLock taking_;
};

}  // namespace chainrule::graph
