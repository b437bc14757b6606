// Exponential units: scale * (x where x > 0, else alpha * (e^(x / width) - 1)). All derivatives at
// 0 are those from the left, as PyTorch's.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// Klambauer et al., Self-Normalizing Neural Networks (2017), equation 14.
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluScale = 1.0507009873554804934193349852946;

// The second derivative, alpha * scale / width^2 * e^(x / width) below 0; the exponential never
// sees a positive number, which could overflow into a gradient.
Tensor curvature(const Tensor& x, double alpha, double width, double scale) {
  const Tensor positive = gt(x, 0), below = where(positive, 0, x);
  return where(positive, 0, mul(exp(div(below, width)), alpha * scale / (width * width)));
}

}  // namespace

const OpDef kElu = {
    .name = "elu",
    .doc = "x where x > 0, else alpha * (e^x - 1). The derivative at 0 is alpha.",
    .signatures = {"elu(Tensor input, float alpha=1.0) -> Tensor"},
    .surface = kFunctional | kInPlace,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::exponential_unit, {c.as<EluAttrs>().alpha, 1, 1}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return exponential_unit_backward(b.dy(), b.value(0), b.as<EluAttrs>().alpha, 1, 1);
              }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kSelu = {
    .name = "selu",
    .doc = "1.0507 * (x where x > 0, else 1.6733 * (e^x - 1)): keeps mean 0 and variance 1.",
    .signatures = {"selu(Tensor input) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .infer = infer_map,
    .forward = forward_choice<[](const Call&) {
      return MapChoice{Map::exponential_unit, {kSeluAlpha, 1, kSeluScale}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return exponential_unit_backward(b.dy(), b.value(0), kSeluAlpha, 1, kSeluScale);
              }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kCelu = {
    .name = "celu",
    .doc = "x where x > 0, else alpha * (e^(x / alpha) - 1). The derivative at 0 is 1.",
    .signatures = {"celu(Tensor input, float alpha=1.0) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .infer =
        [](Infer& c) {
          if (c.as<CeluAttrs>().alpha == 0) {
            fail<ValueError>(c.name(), "expected alpha != 0; got 0.");
          }
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      const double alpha = c.as<CeluAttrs>().alpha;
      return MapChoice{Map::exponential_unit, {alpha, alpha, 1}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const double alpha = b.as<CeluAttrs>().alpha;
                return exponential_unit_backward(b.dy(), b.value(0), alpha, alpha, 1);
              }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kExponentialUnitBackward = {
    .name = "exponential_unit_backward",
    .doc = "dy * scale where x > 0, else dy * scale * alpha / width * e^(x / width).",
    .signatures = {"exponential_unit_backward(Tensor dy, Tensor x, float alpha, float width, "
                   "float scale) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<ExponentialUnitBackwardAttrs>();
      return MapChoice{Map::exponential_unit_backward, {a.alpha, a.width, a.scale}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ExponentialUnitBackwardAttrs>();
                return exponential_unit_backward(b.dy(), b.value(1), a.alpha, a.width, a.scale);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ExponentialUnitBackwardAttrs>();
                return absorb(mul(b.dy(), b.value(0)),
                              curvature(b.value(1), a.alpha, a.width, a.scale));
              }}},
    .traits = kElementwise,
    .cost = 14,
};

}  // namespace chainrule::ops
