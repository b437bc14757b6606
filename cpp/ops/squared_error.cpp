// The squared error as one operation: one pass over input and target, one back.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kSquaredError = {
    .name = "squared_error",
    .doc = "(x - t)^2, element by element.",
    .signatures = {"squared_error(Tensor x, Tensor t) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::squared_error>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) { return squared_error_backward(b.dy(), b.value(0), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return squared_error_backward(b.dy(), b.value(1), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 2,
};

const OpDef kSquaredErrorBackward = {
    .name = "squared_error_backward",
    .doc = "dy * 2 (x - t).",
    .signatures = {"squared_error_backward(Tensor dy, Tensor x, Tensor t) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::squared_error_backward>,
    .grad = {{0, reads_value(1) | reads_value(2),
              [](Backward& b) { return squared_error_backward(b.dy(), b.value(1), b.value(2)); }},
             {1, reads_value(0), [](Backward& b) { return absorb(b.dy(), mul(b.value(0), 2)); }},
             {2, reads_value(0), [](Backward& b) { return absorb(b.dy(), mul(b.value(0), -2)); }}},
    .traits = kElementwise,
    .cost = 3,
};

}  // namespace chainrule::ops
