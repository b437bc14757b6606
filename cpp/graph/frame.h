// Frame: the values of one run of a section of a Program, instruction by instruction. It computes;
// it writes nothing that was there before. Used again and again it allocates nothing but blocks for
// tensors.
#pragma once

#include <chrono>
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

// Runs `work`; its nanoseconds go to `ns`, unless nobody asks.
template <typename F>
void timed(std::vector<int64_t>* ns, F&& work) {
  if (!ns) return work();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const auto passed = std::chrono::steady_clock::now() - begin;
  ns->push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
}

class Frame {
 public:
  // With the immediates and the states.
  explicit Frame(const Program& program);

  // Begins a forward run. Each `.grad` that the program reads must be there; it is looked up here
  // and never again, for another thread may set it while the program runs.
  void enter(std::span<const Tensor> arguments);
  // Values that nobody reads later are dropped. Updates work on copies.
  void run(const Instruction& in);
  // Drops what enter() and run() have left.
  void clear();

  Tensor& operator[](ValueId id) { return slots_[id]; }
  // The instruction's inputs, in place of what `inputs` held.
  void read(const Instruction& in, Tensors& inputs) const;

 private:
  void run_value(const Instruction& in);
  void run_update(const Instruction& in);

  const Program& program_;
  std::vector<Tensor> slots_;
  std::vector<ValueId> passing_;  // the slots of one run; the others stay from run to run
  Tensors inputs_, outputs_;      // of the instruction that runs
};

}  // namespace chainrule::graph
