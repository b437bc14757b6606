// Losses of decisions with labels of +1 and -1, of rankings, and of several labels at once: the
// logistic loss and its relatives with a margin, beyond which a right decision costs nothing.
//
// Source: Cortes, Vapnik, Support-Vector Networks (1995).
#include <cmath>

#include "ops/loss.h"

namespace chainrule::ops {

namespace {

// max(x, 0), which passes a gradient at 0, as PyTorch's clamp_min.
Tensor above_zero(const Tensor& x) { return clamp(x, OptNumber(0.0)); }

}  // namespace

const OpDef kSoftMarginLoss = {
    .name = "soft_margin_loss",
    .doc =
        "The logistic loss log(1 + exp(-target * input)) for labels +1 and -1, finite for every "
        "finite input; its mean by default. Shapes must be equal.",
    .signatures = {"soft_margin_loss(Tensor input, Tensor target, *, Reduction reduction='mean') "
                   "-> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_floating_input(c);
          check_same_shape(c);
          const Tensor loss = softplus(neg(mul(c[1], c[0])), 1, HUGE_VAL);
          return reduced(loss, c.as<SoftMarginLossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHingeLoss = {
    .name = "hinge_loss",
    .doc =
        "max(0, margin - target * input)^p for labels +1 and -1, p = 1 or 2; its mean by default. "
        "The derivative at the margin is 0. Shapes must be equal.",
    .signatures = {"hinge_loss(Tensor input, Tensor target, *, float p=1.0, float margin=1.0, "
                   "Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<HingeLossAttrs>();
          check_floating_input(c);
          check_same_shape(c);
          check_margin_power(c, a.p);
          const Tensor gap = relu(rsub(mul(c[1], c[0]), a.margin));
          return reduced(a.p == 2 ? square(gap) : gap, a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHingeEmbeddingLoss = {
    .name = "hinge_embedding_loss",
    .doc =
        "input where the target is 1, max(0, margin - input) where it is -1; its mean by default. "
        "Shapes must be equal.",
    .signatures = {"hinge_embedding_loss(Tensor input, Tensor target, *, float margin=1.0, "
                   "Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<HingeEmbeddingLossAttrs>();
          check_floating_input(c);
          check_same_shape(c);
          const Tensor apart = where(ne(c[1], 1), above_zero(rsub(c[0], a.margin)), 0);
          const Tensor together = where(ne(c[1], -1), c[0], 0);
          return reduced(add(apart, together), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kMarginRankingLoss = {
    .name = "margin_ranking_loss",
    .doc =
        "max(0, margin - target * (input1 - input2)): a target of 1 wants input1 above input2, -1 "
        "below; its mean by default. Shapes must be equal.",
    .signatures = {"margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, *, float "
                   "margin=0.0, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<MarginRankingLossAttrs>();
          check_floating_input(c);
          check_three_shapes(c, "input1, input2 and target");
          const Tensor loss = above_zero(rsub(mul(c[2], sub(c[0], c[1])), a.margin));
          return reduced(loss, a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kMultilabelSoftMarginLoss = {
    .name = "multilabel_soft_margin_loss",
    .doc =
        "The mean over the classes, which are the last dim, of binary_cross_entropy_with_logits "
        "against targets 0 and 1; the mean of these by default. Shapes must be equal.",
    .signatures = {"multilabel_soft_margin_loss(Tensor input, Tensor target, Tensor? weight=None, "
                   "*, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_floating_input(c);
          check_same_shape(c);
          if (c[0].dim() == 0) {
            fail<IndexError>(c.name(), "expected scores (C,) or (N, C); got a 0-d tensor.");
          }
          const Tensor no = softplus(neg(c[0]), 1, HUGE_VAL);  // -log(sigmoid(x))
          const Tensor loss = times_weight(c, add(mul(rsub(c[1], 1), c[0]), no));
          return reduced(mean(loss, Dims{-1}), c.as<MultilabelSoftMarginLossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
