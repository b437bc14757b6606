// Frame: the memory of one forward run of a Program, and its kernels made ready to run on it. Used
// again and again it allocates nothing but blocks for what outlives a run.
#pragma once

#include <chrono>
#include <memory>

#include "graph/kernel_call.h"

namespace chainrule::graph {

// Runs `work`; its nanoseconds go to `ns`, unless nobody asks.
template <typename F>
void timed(std::vector<int64_t>* ns, F&& work) {
  if (!ns) return work();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const auto passed = std::chrono::steady_clock::now() - begin;
  ns->push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(passed).count());
}

class GenericCall;

class Frame {
 public:
  explicit Frame(const Program& program);
  ~Frame();

  // Begins a run. Each `.grad` that the program reads must be there; it is looked up here and never
  // again, for another thread may set it while the program runs.
  void enter(std::span<const Tensor> arguments);
  // All compute instructions: they write only memory of this frame. Nanoseconds of each step are
  // added to `ns`; null: nobody asks.
  void compute(std::vector<int64_t>* ns);
  // Drops what a run has left.
  void clear();
  int64_t work() const { return work_; }  // elementary operations of a run

  // The tensor of a value, a view of what it lies on.
  const Tensor& operator[](ValueId id);
  bool is_passing(ValueId id) const;  // another tensor in every run
  void* scratch(const Instruction& in) const;
  // A tensor that was the value's in an earlier run and is nobody else's now.
  void keep(ValueId id, Tensor unused);
  // What compute() runs, one after the other: "linear_rows+relu".
  std::vector<std::string> steps() const;

 private:
  bool makes_something(const Instruction& in) const;
  void make_constant(const Instruction& in);
  void make_launch(const Instruction& in);
  void link_tails();
  bool resolve(const Instruction& in, Launch& launch);
  void set_address(ValueId id);
  void fill(ValueId id, Tensor t);
  // Places in the table: those of values, one that is always null, those of scratch memory.
  int32_t null_place() const { return static_cast<int32_t>(slots_.size()); }
  int32_t scratch_place(size_t i) const { return null_place() + 1 + static_cast<int32_t>(i); }

  const Program& program_;
  std::vector<char*> table_;      // addresses
  std::vector<Tensor> slots_;     // tensors of values, those there are
  std::vector<ValueId> filled_;   // of these in this run
  std::vector<ValueId> outside_;  // states and gradients
  std::vector<ValueId> fresh_;    // values that get a block of their own in every run
  std::vector<Tensor> kept_;      // for each of these, from the run before
  std::vector<ValueId> windows_;  // on what lies elsewhere in every run
  std::vector<Launch> launches_;
  std::vector<const Instruction*> launched_;  // which each of them is
  std::vector<Tail> tails_;                   // of each
  std::vector<std::unique_ptr<GenericCall>> generic_;
  Tensor arena_;
  int64_t work_ = 0;  // elementary operations of a run
};

}  // namespace chainrule::graph
