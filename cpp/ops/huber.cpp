// Squared near zero, straight beyond: smooth_l1_loss and huber_loss, one shape in two scales.
//
// Source: Huber, Robust Estimation of a Location Parameter (1964); Girshick, Fast R-CNN (2015).
#include "ops/elementwise.h"
#include "ops/loss.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kSmoothL1Loss = {
    .name = "smooth_l1_loss",
    .doc =
        "d^2 / (2 beta) where d = |input - target| is below beta, else d - beta / 2; its mean by "
        "default. Shapes must be equal.",
    .signatures = {"smooth_l1_loss(Tensor input, Tensor target, *, Reduction reduction='mean', "
                   "float beta=1.0) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SmoothL1LossAttrs>();
          check_numbers(c);
          if (!(a.beta >= 0)) fail<ValueError>(c.name(), "expected beta >= 0; got ", a.beta, ".");
          const bool wide = promote_types(c[0].dtype(), c[1].dtype()) == DType::kFloat64;
          const bool straight = a.beta == 0 || (!wide && static_cast<float>(a.beta) == 0);
          return reduced(straight ? abs(sub(c[0], c[1])) : huber(c[0], c[1], a.beta, a.beta),
                         a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHuberLoss = {
    .name = "huber_loss",
    .doc =
        "d^2 / 2 where d = |input - target| is below delta, else delta * (d - delta / 2); its "
        "mean by default. Shapes must be equal.",
    .signatures = {"huber_loss(Tensor input, Tensor target, *, Reduction reduction='mean', "
                   "float delta=1.0, Tensor? weight=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<HuberLossAttrs>();
          check_numbers(c);
          if (!(a.delta > 0)) fail<ValueError>(c.name(), "expected delta > 0; got ", a.delta, ".");
          const Tensor loss = huber(c[0], c[1], a.delta, 1);
          return reduced(times_weight(c, loss), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHuber = {
    .name = "huber",
    .doc = "d^2 / 2 where d = |x - t| < delta, else delta (d - delta / 2), both over divisor.",
    .signatures = {"huber(Tensor x, Tensor t, float delta, float divisor) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<HuberAttrs>();
      return MapChoice{Map::huber, {a.delta, a.divisor}};
    }>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<HuberAttrs>();
                return huber_backward(b.dy(), b.value(0), b.value(1), a.delta, a.divisor);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<HuberAttrs>();
                return huber_backward(b.dy(), b.value(1), b.value(0), a.delta, a.divisor);
              }}},
    .traits = kElementwise,
    .cost = 3,
};

namespace {

// By x, and with the sign turned by t: the gradient that came, where x - t lies within delta.
Tensor huber_bend(Backward& b, double sign) {
  const auto& a = b.as<HuberBackwardAttrs>();
  return inside_backward(absorb(b.dy(), b.value(0)), sub(b.value(1), b.value(2)), -a.delta, a.delta,
                         sign / a.divisor);
}

constexpr auto kAllThree = reads_value(0) | reads_value(1) | reads_value(2);

}  // namespace

const OpDef kHuberBackward = {
    .name = "huber_backward",
    .doc = "dy / divisor times x - t, limited to delta and -delta.",
    .signatures = {"huber_backward(Tensor dy, Tensor x, Tensor t, float delta, float divisor) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<HuberBackwardAttrs>();
      return MapChoice{Map::huber_backward, {a.delta, a.divisor}};
    }>,
    .grad = {{0, reads_value(1) | reads_value(2),
              [](Backward& b) {
                const auto& a = b.as<HuberBackwardAttrs>();
                return huber_backward(b.dy(), b.value(1), b.value(2), a.delta, a.divisor);
              }},
             {1, kAllThree, [](Backward& b) { return huber_bend(b, 1); }},
             {2, kAllThree, [](Backward& b) { return huber_bend(b, -1); }}},
    .traits = kElementwise,
    .cost = 4,
};

}  // namespace chainrule::ops
