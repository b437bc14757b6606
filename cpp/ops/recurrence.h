// What the recurrence, its gradient and their composition share.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/modes.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Recurrence;

// Sizes of one direction of a layer. Steps are numbered as they are taken: step 0 follows h0, and
// its place along the sequence is the last where that is read in reverse. Of an LSTM with a
// projection the state is what that makes of the `hidden` units.
struct Layer {
  Recurrence kind;
  int64_t steps, batch, hidden, state;
  bool reverse, projected;

  Layer(int64_t kind_, const Tensor& sequence, const Tensor& weight, const Tensor& projection,
        bool reverse_)
      : kind(static_cast<Recurrence>(kind_)),
        steps(sequence.size(0)),
        batch(sequence.size(1)),
        hidden(projection.defined() ? projection.size(1) : weight.size(1)),
        state(weight.size(1)),
        reverse(reverse_),
        projected(projection.defined()) {}

  int64_t place(int64_t step) const { return reverse ? steps - 1 - step : step; }
  int64_t weights() const { return kernels::weights_of(kind); }
  int64_t kept() const { return kernels::kept_of(kind); }
  bool has_cells() const { return kind == Recurrence::lstm; }
  bool is_gru() const { return kind == Recurrence::gru; }
  Dims sequence(int64_t parts) const {
    return parts ? Dims{steps, batch, parts * hidden} : Dims{0};
  }
  Dims states() const { return {steps, batch, state}; }
  int64_t multiplications() const {
    return steps * batch * (weights() + (projected ? 1 : 0)) * hidden * state;
  }
};

// The gradients as recurrence_backward has them, from calls that have gradients themselves.
struct RecurrenceTensors {
  Tensor weight, output, cells, gates, h0, c0, projection;
  Tensor dy, dcells, dgates, dunits;  // the last three may be undefined
};
Tensors composed_recurrence_backward(const Layer& layer, const RecurrenceTensors& t);

Tensors compose_recurrence(const Call& c);

// fn(first, last) for ranges of the batch, whose rows go through all the steps by themselves.
template <typename F>
void for_batch_rows(const Layer& layer, int64_t work, F&& fn) {
  constexpr int64_t kRows = 8;  // of a range, at least: fewer would not fill a product's vectors
  const int64_t tiles = (layer.batch + kRows - 1) / kRows;
  parallel_ranges(tiles, work, [&](int64_t first, int64_t last) {
    fn(first * kRows, std::min(layer.batch, last * kRows));
  });
}

// A product of the same sizes at every step, planned once.
class StepProduct {
 public:
  StepProduct(DType t, const kernels::ProductArgs& args)
      : fn_(kernels::table().product[static_cast<int>(t)]),
        plan_(kernels::table().product_plan[static_cast<int>(t)](args)),
        args_(args) {}
  void operator()(void* c, const void* a) const {
    kernels::ProductArgs args = args_;
    args.c = c;
    args.a = a;
    fn_(args, plan_, 0, plan_.tiles);
  }

 private:
  kernels::ProductFn fn_;
  kernels::ProductPlan plan_;
  kernels::ProductArgs args_;
};

}  // namespace chainrule::ops
