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

// A gradient that nobody but the leaf had: the next run may write it again.
bool is_unused(const TensorImpl& t, const Value& v) {
  return t.use_count() == 1 && t.storage->use_count() == 1 && !t.storage->foreign() && !t.base &&
         !t.grad_fn && !t.requires_grad && !t.autograd && !t.python && !t.inference &&
         !t.parameter && v.mark == Mark::kAsMade && t.dtype == v.dtype && t.sizes == v.sizes &&
         t.contiguous && t.offset == 0;
}

}  // namespace

Commit::Commit(const Program& program, Frame& frame) : program_(program), frame_(frame) {
  for (size_t i = program.commit_begin; i < program.forward_end; ++i) {
    updates_.push_back(std::make_unique<GenericCall>(program, program.code[i], frame));
  }
}

void Commit::prepare(std::span<const Tensor> arguments) {
  const Program& p = program_;
  for (const auto& update : updates_) update->fill(frame_);
  for (const WriteBack& w : p.writes) {
    rows_.push_back({target_row(p, w, frame_, arguments), frame_[w.value]});
  }
  for (const GradBinding& g : p.gradients) {
    const Tensor& leaf = g.leaf.among(arguments);
    if (!leaf->autograd) leaf->autograd = std::make_unique<AutogradState>();
    gradients_.push_back(
        {leaf, g.value == kNone ? Ref<TensorImpl>() : gradient_of(leaf, frame_[g.value]), g.value});
  }
}

void Commit::run(std::vector<int64_t>* ns) noexcept {
  for (const auto& update : updates_) {
    timed(ns, [&] { update->run_in_place(); });
  }
  for (const Row& row : rows_) {
    copy_strided(row.target, row.value);
    row.target->storage->bump_version("compile");
  }
  for (Gradient& g : gradients_) std::swap(g.leaf->autograd->grad, g.value);
}

void Commit::clear() {
  for (const auto& update : updates_) update->clear();
  rows_.clear();
  for (Gradient& g : gradients_) {
    if (g.id == kNone || !g.value || !is_unused(*g.value, program_.values[g.id])) continue;
    frame_.keep(g.id, Tensor(std::move(g.value)));
  }
  gradients_.clear();
}

}  // namespace chainrule::graph
