// Frame: the values of one run of a section of a Program, instruction by instruction. It computes;
// it writes nothing that was there before.
#pragma once

#include <memory>

#include "graph/program.h"

namespace chainrule::graph {

struct FreeScratch {
  int64_t bytes;
  void operator()(void* p) const { deallocate(p, bytes); }
};
using Scratch = std::unique_ptr<void, FreeScratch>;
Scratch make_scratch(int64_t bytes);  // null for 0 bytes

Call call_of(const Instruction& in, const Tensors& inputs);
void run_kernel(const Instruction& in, const Tensors& inputs, const Tensors& outputs,
                void* scratch);

class Frame {
 public:
  // With the immediates alone.
  explicit Frame(const Program& program);
  // Of a forward run. Each `.grad` that the program reads must be there; it is looked up here and
  // never again, for another thread may set it while the program runs.
  Frame(const Program& program, std::span<const Tensor> arguments);

  Tensor& operator[](ValueId id) { return slots_[id]; }
  Tensors inputs(const Instruction& in) const;
  // Values that nobody reads later are dropped. Updates work on copies.
  void run(const Instruction& in);

 private:
  void run_value(const Instruction& in, const Tensors& inputs);
  void run_update(const Instruction& in, Tensors& inputs);

  const Program& program_;
  std::vector<Tensor> slots_;
};

}  // namespace chainrule::graph
