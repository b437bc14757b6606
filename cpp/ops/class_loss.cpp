// Losses against classes: cross_entropy and nll_loss in all their shapes. Scores are (C,), (N, C)
// or (N, C, d1, ...); a target is a class per score vector, or (cross_entropy) a distribution of
// the scores' own shape.
#include <limits>

#include "ops/class_targets.h"
#include "ops/modes.h"

namespace chainrule::ops {

namespace {

// NaN where a formula divides by the number of classes and there are none.
Tensor by_classes(const Tensor& loss, int64_t classes) {
  return classes == 0 ? mul(loss, std::numeric_limits<double>::quiet_NaN()) : loss;
}

// -sum over classes of target * weight * log_softmax; the mean divides by the number of rows, which
// is numel / classes.
Tensors against_distribution(const Call& c, const CrossEntropyAttrs& a) {
  const int dim = class_dim(c[0]);
  const int64_t classes = c[0].size(dim);
  Tensor target = c[1];
  if (a.label_smoothing > 0) {
    target = add(mul(target, 1 - a.label_smoothing), a.label_smoothing / classes);
  }
  Tensor products = mul(target, log_softmax(c[0], dim));
  if (const Tensor weight = class_weight(c); weight.defined()) {
    Dims sizes(c[0].dim(), 1);
    sizes[dim] = classes;
    products = mul(products, reshape(weight, sizes));
  }
  const Tensor loss = neg(sum(products, Dims{dim}));
  return reduced(a.reduction == Reduction::mean ? by_classes(loss, classes) : loss, a.reduction);
}

// Whether a gradient goes to the class weights: the fused operations have none.
bool is_learned(const Tensor& weight) {
  return modes.grad_enabled && any_requires_grad({&weight, 1});
}

}  // namespace

const OpDef kCrossEntropy = {
    .name = "cross_entropy",
    .doc =
        "-log(softmax(input)[target]) along the class dim, with class weights and label "
        "smoothing; its (weighted) mean over the targets other than ignore_index by default. "
        "`input` holds raw scores (C,), (N, C) or (N, C, d1, ...); `target` class indices, or "
        "probabilities of input's shape.",
    .signatures =
        {"cross_entropy(Tensor input, Tensor target, Tensor? weight=None, *, "
         "int ignore_index=-100, Reduction reduction='mean', float label_smoothing=0.0) -> "
         "Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<CrossEntropyAttrs>();
          check_scores(c);
          if (!(a.label_smoothing >= 0 && a.label_smoothing <= 1)) {
            fail<ValueError>(c.name(), "expected label_smoothing in [0, 1]; got ",
                             a.label_smoothing, ".");
          }
          if (is_floating(c[1].dtype()) && c[1].sizes() == c[0].sizes() && c[0].dim() > 0) {
            if (a.ignore_index >= 0) {
              fail<ValueError>(c.name(),
                               "expected no ignore_index with a target of probabilities; got ",
                               a.ignore_index, ".");
            }
            return against_distribution(c, a);
          }
          const Tensor target = target_rows(c), weight = class_weight(c);
          const bool learned = is_learned(weight);
          const SoftmaxCrossEntropyAttrs how{a.ignore_index, a.label_smoothing, a.reduction};
          const Tensor rows = score_rows(c[0]);
          Tensor loss = learned ? composed_class_loss(log_softmax(rows, 1), target, weight, how)
                                : softmax_cross_entropy(rows, target, weight, how.ignore_index,
                                                        how.label_smoothing, how.reduction);
          if (how.label_smoothing > 0) loss = by_classes(loss, rows.size(1));
          if (a.reduction != Reduction::none || c[1].dim() == 1) return just(loss);
          return just(reshape(loss, c[1].sizes()));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kNllLoss = {
    .name = "nll_loss",
    .doc =
        "-input[target] along the class dim, for log-probabilities (C,), (N, C) or (N, C, d1, "
        "...), with class weights; its weighted mean over the targets other than ignore_index by "
        "default.",
    .signatures = {"nll_loss(Tensor input, Tensor target, Tensor? weight=None, *, "
                   "int ignore_index=-100, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NllLossAttrs>();
          check_scores(c);
          const Tensor target = target_rows(c), x = score_rows(c[0]);
          const Tensor weight = class_weight(c);
          const Tensor loss =
              is_learned(weight)
                  ? composed_class_loss(x, target, weight, {a.ignore_index, 0.0, a.reduction})
                  : nll(x, target, weight, a.ignore_index, a.reduction);
          if (a.reduction != Reduction::none || c[1].dim() == 1) return just(loss);
          return just(reshape(loss, c[1].sizes()));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
