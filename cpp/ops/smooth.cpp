// Smooth activations that are no gates: softsign, tanhshrink, logsigmoid and squareplus.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kSoftsign = {
    .name = "softsign",
    .doc = "x / (1 + |x|). The derivative at 0 is 1.",
    .signatures = {"softsign(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::softsign>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return softsign_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 4,
};

const OpDef kSoftsignBackward = {
    .name = "softsign_backward",
    .doc = "dy / (1 + |x|)^2.",
    .signatures = {"softsign_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::softsign_backward>,
    .grad = {{0, reads_value(1), [](Backward& b) { return softsign_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor x = b.value(1), share = reciprocal(add(abs(x), 1));
                const Tensor bend = mul(mul(square(share), share), mul(sign(x), -2.0));
                return absorb(mul(b.dy(), b.value(0)), bend);
              }}},
    .traits = kElementwise,
    .cost = 4,
};

const OpDef kTanhshrink = {
    .name = "tanhshrink",
    .doc = "x - tanh(x), without loss of digits near 0.",
    .signatures = {"tanhshrink(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::tanhshrink>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return tanhshrink_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kTanhshrinkBackward = {
    .name = "tanhshrink_backward",
    .doc = "dy * tanh(x)^2.",
    .signatures = {"tanhshrink_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::tanhshrink_backward>,
    .grad = {{0, reads_value(1),
              [](Backward& b) { return tanhshrink_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor t = tanh(b.value(1));
                return tanh_backward(mul(mul(b.dy(), b.value(0)), mul(t, 2.0)), t);
              }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kLogsigmoid = {
    .name = "logsigmoid",
    .doc = "log(sigmoid(x)) = -log(1 + e^-x), without overflow.",
    .signatures = {"logsigmoid(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_map<Map::logsigmoid>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return logsigmoid_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 24,
};

const OpDef kLogsigmoidBackward = {
    .name = "logsigmoid_backward",
    .doc = "dy * sigmoid(-x).",
    .signatures = {"logsigmoid_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::logsigmoid_backward>,
    .grad = {{0, reads_value(1),
              [](Backward& b) { return logsigmoid_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return neg(sigmoid_backward(mul(b.dy(), b.value(0)), sigmoid(b.value(1))));
              }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kSquareplus = {
    .name = "squareplus",
    .doc = "(x + sqrt(x^2 + b)) / 2, a smooth ReLU; b = 0 is ReLU with 1/2 as derivative at 0.",
    .signatures = {"squareplus(Tensor input, float b=4.0) -> Tensor"},
    .surface = kFunctional,
    .infer =
        [](Infer& c) {
          const double b = c.as<SquareplusAttrs>().b;
          if (!(b >= 0)) fail<ValueError>(c.name(), "expected b >= 0; got ", b, ".");
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::squareplus, {c.as<SquareplusAttrs>().b}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return squareplus_backward(b.dy(), b.value(0), b.as<SquareplusAttrs>().b);
              }}},
    .traits = kElementwise,
    .cost = 6,
};

const OpDef kSquareplusBackward = {
    .name = "squareplus_backward",
    .doc = "dy * (1 + x / sqrt(x^2 + b)) / 2.",
    .signatures = {"squareplus_backward(Tensor dy, Tensor x, float b) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::squareplus_backward, {c.as<SquareplusBackwardAttrs>().b}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return squareplus_backward(b.dy(), b.value(1), b.as<SquareplusBackwardAttrs>().b);
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const double hyper = b.as<SquareplusBackwardAttrs>().b;
                const Tensor inverse = rsqrt(add(square(b.value(1)), hyper));
                const Tensor bend = mul(mul(square(inverse), inverse), hyper / 2);
                return absorb(mul(b.dy(), b.value(0)), bend);
              }}},
    .traits = kElementwise,
    .cost = 8,
};

}  // namespace chainrule::ops
