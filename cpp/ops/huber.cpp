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
          check_same_shape(c);
          if (!(a.beta >= 0)) fail<ValueError>(c.name(), "expected beta >= 0; got ", a.beta, ".");
          const Tensor error = sub(c[0], c[1]);
          const bool wide = error.dtype() == DType::kFloat64;
          const bool straight = a.beta == 0 || (!wide && static_cast<float>(a.beta) == 0);
          return reduced(straight ? abs(error) : huber(error, a.beta, a.beta), a.reduction);
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
          check_same_shape(c);
          if (!(a.delta > 0)) fail<ValueError>(c.name(), "expected delta > 0; got ", a.delta, ".");
          const Tensor loss = huber(sub(c[0], c[1]), a.delta, 1);
          return reduced(times_weight(c, loss), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHuber = {
    .name = "huber",
    .doc = "x^2 / 2 where |x| < delta, else delta (|x| - delta / 2), both over divisor.",
    .signatures = {"huber(Tensor x, float delta, float divisor) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<HuberAttrs>();
      return MapChoice{Map::huber, {a.delta, a.divisor}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const auto& a = b.as<HuberAttrs>();
                return huber_backward(b.dy(), b.value(0), a.delta, a.divisor);
              }}},
    .traits = kElementwise,
    .cost = 3,
};

const OpDef kHuberBackward = {
    .name = "huber_backward",
    .doc = "dy / divisor times x where |x| < delta, else times delta with the sign of x.",
    .signatures = {"huber_backward(Tensor dy, Tensor x, float delta, float divisor) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<HuberBackwardAttrs>();
      return MapChoice{Map::huber_backward, {a.delta, a.divisor}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<HuberBackwardAttrs>();
                return huber_backward(b.dy(), b.value(1), a.delta, a.divisor);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<HuberBackwardAttrs>();
                return inside_backward(mul(b.dy(), b.value(0)), b.value(1), -a.delta, a.delta,
                                       1 / a.divisor);
              }}},
    .traits = kElementwise,
    .cost = 3,
};

}  // namespace chainrule::ops
