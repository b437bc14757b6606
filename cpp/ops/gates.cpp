// Activations of the form x * gate(x): gelu, silu, mish and hardswish.
//
// Source: Hendrycks, Gimpel, Gaussian Error Linear Units (2016); Elfwing et al., Sigmoid-Weighted
// Linear Units (2017); Misra, Mish (2019); Howard et al., Searching for MobileNetV3 (2019).
#include <cmath>
#include <numbers>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

bool approximate(GeluForm form) { return form == GeluForm::tanh; }

// d/dx of cdf(x) + x pdf(x): pdf(x) (2 - x^2).
Tensor gelu_curvature(const Tensor& x) {
  const double peak = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
  const Tensor pdf = mul(exp(mul(square(x), -0.5)), peak);
  return mul(pdf, rsub(square(x), 2));
}

// With u = k (x + c x^3), t = tanh(u): d/dx of (1 + t) / 2 + x (1 - t^2) u' / 2.
Tensor gelu_tanh_curvature(const Tensor& x) {
  const double k = std::sqrt(2 / std::numbers::pi), c = 0.044715;
  const Tensor x2 = square(x);
  const Tensor t = tanh(mul(mul(x, add(mul(x2, c), 1)), k));
  const Tensor du = mul(add(mul(x2, 3 * c), 1), k);
  const Tensor bend = sub(mul(x2, 3 * k * c), mul(mul(x, t), square(du)));  // x u'' / 2 - x t u'^2
  return mul(rsub(square(t), 1), add(du, bend));
}

// With s = sigmoid(x), t = tanh(softplus(x)) and t' = (1 - t^2) s: d/dx of t + x t'.
Tensor mish_curvature(const Tensor& x) {
  const Tensor s = sigmoid(x), t = tanh(softplus(x, 1, HUGE_VAL));
  const Tensor bend = rsub(mul(s, add(mul(t, 2), 1)), 1);  // t'' / t'
  return mul(mul(rsub(square(t), 1), s), add(mul(x, bend), 2));
}

}  // namespace

const OpDef kGelu = {
    .name = "gelu",
    .doc =
        "x * Phi(x) with the standard normal distribution Phi, or its approximation by tanh, "
        "element by element.",
    .signatures = {"gelu(Tensor input, *, GeluForm approximate='none') -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{approximate(c.as<GeluAttrs>().approximate) ? Map::gelu_tanh : Map::gelu};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return gelu_backward(b.dy(), b.value(0), b.as<GeluAttrs>().approximate);
              }}},
    .traits = kElementwise,
    .cost = 24,
};

const OpDef kGeluBackward = {
    .name = "gelu_backward",
    .doc = "dy * (Phi(x) + x * phi(x)), or the same of the approximation.",
    .signatures = {"gelu_backward(Tensor dy, Tensor x, GeluForm approximate) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{approximate(c.as<GeluBackwardAttrs>().approximate) ? Map::gelu_tanh_backward
                                                                          : Map::gelu_backward};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return gelu_backward(b.dy(), b.value(1), b.as<GeluBackwardAttrs>().approximate);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor x = b.value(1);
                const bool rough = approximate(b.as<GeluBackwardAttrs>().approximate);
                return absorb(mul(b.dy(), b.value(0)),
                              rough ? gelu_tanh_curvature(x) : gelu_curvature(x));
              }}},
    .traits = kElementwise,
    .cost = 36,
};

const OpDef kSilu = {
    .name = "silu",
    .doc = "x * sigmoid(x), element by element; also called swish.",
    .signatures = {"silu(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_map<Map::silu>,
    .grad = {{0, reads_value(0), [](Backward& b) { return silu_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 13,
};

const OpDef kSiluBackward = {
    .name = "silu_backward",
    .doc = "dy * s * (1 + x * (1 - s)) with s = sigmoid(x).",
    .signatures = {"silu_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::silu_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return silu_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor x = b.value(1), s = sigmoid(x);
                const Tensor bend = add(mul(x, rsub(mul(s, 2), 1)), 2);  // 2 + x (1 - 2 s)
                return sigmoid_backward(mul(mul(b.dy(), b.value(0)), bend), s);
              }}},
    .traits = kElementwise,
    .cost = 16,
};

const OpDef kMish = {
    .name = "mish",
    .doc = "x * tanh(softplus(x)), element by element.",
    .signatures = {"mish(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_map<Map::mish>,
    .grad = {{0, reads_value(0), [](Backward& b) { return mish_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 16,
};

const OpDef kMishBackward = {
    .name = "mish_backward",
    .doc = "dy * (t + x * (1 - t^2) * sigmoid(x)) with t = tanh(softplus(x)).",
    .signatures = {"mish_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::mish_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return mish_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return absorb(mul(b.dy(), b.value(0)), mish_curvature(b.value(1)));
              }}},
    .traits = kElementwise,
    .cost = 20,
};

const OpDef kHardswish = {
    .name = "hardswish",
    .doc = "x * hardsigmoid(x). The derivative is 0 at -3 and 1 at 3.",
    .signatures = {"hardswish(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_map<Map::hardswish>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return hardswish_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 3,
};

const OpDef kHardswishBackward = {
    .name = "hardswish_backward",
    .doc = "0 where x <= -3, dy * (x / 3 + 1 / 2) where x < 3, else dy.",
    .signatures = {"hardswish_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::hardswish_backward>,
    .grad = {{0, reads_value(1),
              [](Backward& b) { return hardswish_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return inside_backward(mul(b.dy(), b.value(0)), b.value(1), -3, 3, 1.0 / 3);
              }}},
    .traits = kElementwise,
    .cost = 3,
};

}  // namespace chainrule::ops
