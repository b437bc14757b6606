#include "graph/commit.h"

#include <algorithm>

#include "ops/elementwise.h"
#include "ops/write.h"

namespace chainrule::graph {

namespace {

// The memory that a write-back replaces, as one row.
Tensor target_row(const Program& p, const WriteBack& w, Frame& frame,
                  std::span<const Tensor> arguments) {
  const Dims& sizes = p.values[w.value].sizes;
  if (w.target == Source::kState) return p.states[w.index].alias(sizes, Dims{1}, 0);
  const Tensor& t = w.target == Source::kArgument ? arguments[w.index] : frame[w.index];
  return t.alias(sizes, Dims{1}, t->offset);
}

// After `x.grad = x.detach()` the value is x; a tensor that owned itself would never go.
Ref<TensorImpl> gradient_of(const Tensor& leaf, const Tensor& value) {
  return value.same_as(leaf) ? value.alias().ref() : value.ref();
}

}  // namespace

Commit::Commit(const Program& program)
    : program_(program), operands_(program.forward_end - program.commit_begin) {}

void Commit::prepare(Frame& frame, std::span<const Tensor> arguments) {
  const Program& p = program_;
  int64_t scratch = 0;
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Instruction& update = p.code[p.commit_begin + i];
    frame.read(update, operands_[i]);
    scratch = std::max(scratch, update.scratch_bytes);
  }
  scratch_ = make_scratch(scratch);
  for (const WriteBack& w : p.writes) {
    rows_.push_back({target_row(p, w, frame, arguments), frame[w.value]});
  }
  for (const GradBinding& g : p.gradients) {
    const Tensor& leaf = g.leaf.among(arguments);
    if (!leaf->autograd) leaf->autograd = std::make_unique<AutogradState>();
    gradients_.push_back(
        {leaf, g.value == kNone ? Ref<TensorImpl>() : gradient_of(leaf, frame[g.value])});
  }
}

void Commit::run(std::vector<int64_t>* ns) noexcept {
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Instruction& update = program_.code[program_.commit_begin + i];
    timed(ns, [&] {
      run_kernel(update, operands_[i], {}, scratch_.get());
      bump_mutated(call_of(update, operands_[i]));
    });
  }
  for (const Row& row : rows_) {
    copy_strided(row.target, row.value);
    row.target->storage->bump_version("compile");
  }
  for (Gradient& g : gradients_) std::swap(g.leaf->autograd->grad, g.value);
}

void Commit::clear() {
  for (Tensors& operands : operands_) operands.clear();
  scratch_.reset();
  rows_.clear();
  gradients_.clear();
}

}  // namespace chainrule::graph
