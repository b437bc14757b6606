// Rprop and Lion, which step by signs, for all parameters of a group in one call.
//
// Sources: Riedmiller, Braun, A direct adaptive method for faster backpropagation learning: the
// RPROP algorithm (1993); Chen et al., Symbolic Discovery of Optimization Algorithms (2023).
#include "generated/ops.h"
#include "optim/update.h"

namespace chainrule::ops {

namespace {

constexpr UpdateRule kRprop = {
    .kernel = kernels::Update::rprop,
    .states = 2,
    .scalars = 1,
    .hyper = 5,
    .work = 3,
    .form = plain_form<RpropUpdateAttrs>,
    .advance = [](const Call&, const double*, double* step,
                  double* derived) { derived[0] = step[0] == 1; },
};

constexpr UpdateRule kLion = {
    .kernel = kernels::Update::lion,
    .states = 1,
    .scalars = 0,
    .hyper = 4,
    .work = 3,
    .form = plain_form<LionUpdateAttrs>,
};

}  // namespace

const OpDef kRpropUpdate = {
    .name = "rprop_update",
    .doc =
        "One step of Rprop, element by element: size *= eta_plus where g has the sign of prev, "
        "eta_minus where it has the other, then is clamped; w -= sign(g) * size with g = 0 where "
        "it had the other sign; prev = g. hyper holds lr, eta_minus, eta_plus, the smallest and "
        "the largest size; the first step starts with size = lr. steps count up by one.",
    .signatures =
        {"rprop_update(Tensor[] params, Tensor[] grads, Tensor[] prevs, Tensor[] step_sizes, "
         "Tensor[] steps, Tensor hyper, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kRprop>,
    .forward = forward_rule<kRprop>,
    .mutates = {0, 2, 3, 4},
    .traits = kMutates,
    .cost = 10,
};

const OpDef kLionUpdate = {
    .name = "lion_update",
    .doc =
        "One step of Lion: w = (1 - lr weight_decay) w - lr sign(beta1 m + (1 - beta1) g), then m "
        "= beta2 m + (1 - beta2) g. hyper holds lr, beta1, beta2, weight_decay.",
    .signatures =
        {"lion_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor hyper, bool "
         "maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kLion>,
    .forward = forward_rule<kLion>,
    .mutates = {0, 2},
    .traits = kMutates,
    .cost = 8,
};

}  // namespace chainrule::ops
