// The binary step. Its derivative is 0 wherever there is one, and by convention at 0.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kHeaviside = {
    .name = "heaviside",
    .doc =
        "0 where input < 0, values where it is 0, 1 above; 0 for NaN. Both have one dtype; the "
        "shapes broadcast. The derivative by input is 0, by values 1 where input is 0.",
    .signatures = {"heaviside(Tensor input, Tensor values) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::heaviside>,
    .grad = {{0, kReadsNothing, zero_slope},
             {1, reads_value(0), [](Backward& b) { return where(eq(b.value(0), 0), b.dy(), 0); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kStep = {
    .name = "step",
    .doc =
        "Binary step: 0 where x < 0, 1 where x > 0, value_at_zero where x is 0. The derivative is "
        "0, also at 0.",
    .signatures = {"step(Tensor input, float value_at_zero=1.0) -> Tensor"},
    .surface = kFunctional,
    .promotion = Promotion::kFloat,
    .compose =
        [](const Call& c) {
          const Tensor at_zero = full_like(c[0], c.as<StepAttrs>().value_at_zero);
          return just(heaviside(c[0], at_zero));
        },
};

}  // namespace chainrule::ops
