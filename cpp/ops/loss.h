// What the losses share: no silent broadcasting, one way to reduce.
#pragma once

#include "kernels/kernel_table.h"
#include "ops/rules.h"

namespace chainrule {

// ShapeError unless input and target have one shape; shows both and the mend.
void check_same_shape(const Call& c);
// The same, and DtypeError for a target of bools.
void check_numbers(const Call& c);

// A weight may broadcast where the result keeps the input's shape.
inline void check_weight(const Call& c, const Tensor& weight, const char* what) {
  Dims common;
  if (broadcast_shapes(c[0].sizes(), weight.sizes(), &common) && common == c[0].sizes()) return;
  fail<ShapeError>(c.name(), "expected a ", what, " that broadcasts to the input's ", c[0].sizes(),
                   "; got ", weight.sizes(), ".");
}

// DtypeError unless the first input, the one that is learned, is floating.
void check_floating_input(const Call& c);

// ShapeError unless the first three inputs have one shape; `names` says what they are.
inline void check_three_shapes(const Call& c, const char* names) {
  if (c[0].sizes() == c[1].sizes() && c[0].sizes() == c[2].sizes()) return;
  fail<ShapeError>(c.name(), "expected ", names, " of one shape; got ", c[0].sizes(), ", ",
                   c[1].sizes(), " and ", c[2].sizes(), ".");
}

// ValueError unless a margin's gap is taken as it is or squared.
inline void check_margin_power(const Call& c, double p) {
  if (p != 1 && p != 2) fail<ValueError>(c.name(), "expected p to be 1 or 2; got ", p, ".");
}

// The label of no class, at `row` of the targets put in a line.
[[noreturn]] void fail_target(const char* op, int64_t classes, int64_t ignore_index, int64_t target,
                              int64_t row);

namespace ops {
// The least or the largest element (amin, amax) of one or more, or NaN where there is one.
double extreme(kernels::Reduce op, const Tensor& x);
// loss * input 2, where that weight is given.
Tensor times_weight(const Call& c, const Tensor& loss);

// softmax_cross_entropy after log_softmax, and nll, from elementary operations: the picked entries,
// the weighted mean. Differentiable by the class weights, too.
Tensor composed_class_loss(const Tensor& log_p, const Tensor& target, const Tensor& weight,
                           const SoftmaxCrossEntropyAttrs& a);
}  // namespace ops

inline Tensors reduced(const Tensor& loss, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean:
      return just(mean(loss));
    case Reduction::sum:
      return just(sum(loss));
    case Reduction::none:
      break;
  }
  return just(loss);
}

}  // namespace chainrule
