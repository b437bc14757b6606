// Activations. An activation is five places: its functor pair in kernels/functors.h, its oracle in
// kernels/reference/maths.cpp, its line in kernels/kernel_list.h, its block here and its case in
// tests/op_cases.py. cpp/README.md takes these steps and says where its name in Python stands.
#include "generated/ops.h"
#include "ops/elementwise.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kRelu = {
    .name = "relu",
    .doc =
        "Rectified linear unit, max(x, 0), element by element. The derivative at 0 is 0. "
        "NaN stays NaN.",
    .signatures = {"relu(Tensor input) -> Tensor"},
    .surface = kEverywhere | kFunctional | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::relu>,
    .grad = {{0, reads_output(0), [](Backward& b) { return relu_backward(b.dy(), b.output(0)); }}},
    .traits = kElementwise,
};

const OpDef kReluBackward = {
    .name = "relu_backward",
    .doc = "dy where y > 0, else 0.",
    .signatures = {"relu_backward(Tensor dy, Tensor y) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::relu_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return relu_backward(b.dy(), b.value(1)); }}},
    .traits = kElementwise,
};

const OpDef kTanh = {
    .name = "tanh",
    .doc = "Hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x), element by element; range [-1, 1].",
    .signatures = {"tanh(Tensor input) -> Tensor"},
    .surface = kEverywhere | kFunctional | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::tanh>,
    .grad = {{0, reads_output(0), [](Backward& b) { return tanh_backward(b.dy(), b.output(0)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kTanhBackward = {
    .name = "tanh_backward",
    .doc = "dy * (1 - y^2) for y = tanh(x).",
    .signatures = {"tanh_backward(Tensor dy, Tensor y) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::tanh_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return tanh_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return absorb(mul(b.dy(), b.value(0)), mul(b.value(1), -2.0)); }}},
    .traits = kElementwise,
    .cost = 3,
};

const OpDef kLeakyRelu = {
    .name = "leaky_relu",
    .doc = "x where x > 0, else negative_slope * x. The derivative at 0 is negative_slope.",
    .signatures = {"leaky_relu(Tensor input, float negative_slope=0.01) -> Tensor"},
    .surface = kFunctional | kInPlace,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::leaky_relu, {c.as<LeakyReluAttrs>().negative_slope}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return leaky_relu_backward(b.dy(), b.value(0),
                                           b.as<LeakyReluAttrs>().negative_slope);
              }}},
    .traits = kElementwise,
};

const OpDef kLeakyReluBackward = {
    .name = "leaky_relu_backward",
    .doc = "dy where x > 0, else negative_slope * dy.",
    .signatures = {"leaky_relu_backward(Tensor dy, Tensor x, float negative_slope) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::leaky_relu_backward, {c.as<LeakyReluBackwardAttrs>().negative_slope}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return leaky_relu_backward(b.dy(), b.value(1),
                                           b.as<LeakyReluBackwardAttrs>().negative_slope);
              }}},
    .traits = kElementwise,
};

const OpDef kSigmoid = {
    .name = "sigmoid",
    .doc = "1 / (1 + e^-x), element by element; range [0, 1], without overflow.",
    .signatures = {"sigmoid(Tensor input) -> Tensor"},
    .surface = kEverywhere | kFunctional | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::sigmoid>,
    .grad = {{0, reads_output(0),
              [](Backward& b) { return sigmoid_backward(b.dy(), b.output(0)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kSigmoidBackward = {
    .name = "sigmoid_backward",
    .doc = "dy * y * (1 - y) for y = sigmoid(x).",
    .signatures = {"sigmoid_backward(Tensor dy, Tensor y) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::sigmoid_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return sigmoid_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return absorb(mul(b.dy(), b.value(0)), rsub(mul(b.value(1), 2), 1));
              }}},
    .traits = kElementwise,
    .cost = 3,
};

const OpDef kSoftplus = {
    .name = "softplus",
    .doc = "log(1 + e^(beta x)) / beta, element by element; x itself where beta x > threshold.",
    .signatures = {"softplus(Tensor input, float beta=1.0, float threshold=20.0) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<SoftplusAttrs>();
      return MapChoice{Map::softplus, {a.beta, a.threshold}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const auto& a = b.as<SoftplusAttrs>();
                return softplus_backward(b.dy(), b.value(0), a.beta, a.threshold);
              }}},
    .traits = kElementwise,
    .cost = 24,
};

const OpDef kSoftplusBackward = {
    .name = "softplus_backward",
    .doc = "dy * sigmoid(beta x); dy itself where beta x > threshold.",
    .signatures = {"softplus_backward(Tensor dy, Tensor x, float beta, float threshold) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<SoftplusBackwardAttrs>();
      return MapChoice{Map::softplus_backward, {a.beta, a.threshold}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<SoftplusBackwardAttrs>();
                return softplus_backward(b.dy(), b.value(1), a.beta, a.threshold);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<SoftplusBackwardAttrs>();
                const Tensor z = mul(b.value(1), a.beta), dy = mul(mul(b.dy(), b.value(0)), a.beta);
                return where(gt(z, a.threshold), 0, sigmoid_backward(dy, sigmoid(z)));
              }}},
    .traits = kElementwise,
    .cost = 14,
};

}  // namespace chainrule::ops
