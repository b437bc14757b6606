// The kernel of one instruction on tensors, and the tensors that a Program describes.
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

Tensor make_number(const Number& n);
// The view `v` of `owner`.
Tensor window_of(const Tensor& owner, const Value& v);
// A new tensor is marked as made in inference_mode, or not, as recorded.
void mark(const Tensor& t, const Value& v);

// The sizes and strides of a value without its memory; a state itself. Undefined for kNone.
Tensor stand_in(const Program& p, ValueId id);
// Elementary operations of an instruction, and the bytes of what it reads and writes.
int64_t work_of(const Program& p, const Instruction& in);
int64_t bytes_of(const Program& p, const Instruction& in);

}  // namespace chainrule::graph
