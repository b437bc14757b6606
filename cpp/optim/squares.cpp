// RMSprop, Adagrad and Adadelta for all parameters of a group in one call.
//
// Sources: Tieleman, Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012), centered
// as in Graves, Generating Sequences With Recurrent Neural Networks (2013); Duchi, Hazan, Singer,
// Adaptive Subgradient Methods (2011); Zeiler, ADADELTA (2012).
#include "generated/ops.h"
#include "optim/update.h"

namespace chainrule::ops {

namespace {

constexpr UpdateRule kRmsprop = {
    .kernel = kernels::Update::rmsprop,
    .states = 3,
    .scalars = 1,
    .hyper = 5,
    .work = 4,
    .form =
        [](const Call& c, unsigned used) {
          const auto& a = c.as<RmspropUpdateAttrs>();
          const int variant = static_cast<int>(used >> 1) + 4 * (a.eps_in_root != 0);
          return UpdateForm{.variant = variant, .maximize = a.maximize != 0};
        },
    .needs =
        [](const Call& c) {
          const auto& a = c.as<RmspropUpdateAttrs>();
          return 1u + 2u * (a.centered != 0) + 4u * (a.with_momentum != 0);
        },
    .advance = [](const Call&, const double*, double*, double*) {},
};

constexpr UpdateRule kAdagrad = {
    .kernel = kernels::Update::adagrad,
    .states = 1,
    .scalars = 1,
    .hyper = 4,
    .work = 4,
    .form =
        [](const Call& c, unsigned) {
          const auto& a = c.as<AdagradUpdateAttrs>();
          return UpdateForm{.variant = a.eps_in_root != 0, .maximize = a.maximize != 0};
        },
    .advance = [](const Call&, const double* hyper, double* step,
                  double* derived) { derived[0] = hyper[0] / (1 + (step[0] - 1) * hyper[1]); },
};

constexpr UpdateRule kAdadelta = {
    .kernel = kernels::Update::adadelta,
    .states = 2,
    .scalars = 1,
    .hyper = 4,
    .work = 4,
    .form = plain_form<AdadeltaUpdateAttrs>,
    .advance = [](const Call&, const double*, double*, double*) {},
};

}  // namespace

const OpDef kRmspropUpdate = {
    .name = "rmsprop_update",
    .doc =
        "One step of RMSprop: g += weight_decay * w, v = alpha v + (1 - alpha) g^2; centered, a = "
        "alpha a + (1 - alpha) g and v - a^2 stands for v below. d = g / (sqrt(v) + eps), or g / "
        "sqrt(v + eps) with eps_in_root; w -= lr d, or with momentum b = momentum b + d, w -= lr "
        "b. hyper holds lr, alpha, eps, weight_decay, momentum; steps count up by one.",
    .signatures =
        {"rmsprop_update(Tensor[] params, Tensor[] grads, Tensor[] square_avgs, Tensor[] "
         "grad_avgs, Tensor[] momentum_buffers, Tensor[] steps, Tensor hyper, bool centered, bool "
         "with_momentum, bool maximize, bool eps_in_root=False) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kRmsprop>,
    .forward = forward_rule<kRmsprop>,
    .mutates = {0, 2, 3, 4, 5},
    .traits = kMutates,
    .cost = 14,
};

const OpDef kAdagradUpdate = {
    .name = "adagrad_update",
    .doc =
        "One step of Adagrad: g += weight_decay * w, s += g^2, w -= lr / (1 + (t - 1) lr_decay) * "
        "g / (sqrt(s) + eps), or g / sqrt(s + eps) with eps_in_root. hyper holds lr, lr_decay, "
        "eps, weight_decay; steps count up by one.",
    .signatures =
        {"adagrad_update(Tensor[] params, Tensor[] grads, Tensor[] sums, Tensor[] steps, Tensor "
         "hyper, bool maximize, bool eps_in_root=False) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kAdagrad>,
    .forward = forward_rule<kAdagrad>,
    .mutates = {0, 2, 3},
    .traits = kMutates,
    .cost = 10,
};

const OpDef kAdadeltaUpdate = {
    .name = "adadelta_update",
    .doc =
        "One step of Adadelta: g += weight_decay * w, v = rho v + (1 - rho) g^2, d = g sqrt(u + "
        "eps) / sqrt(v + eps), u = rho u + (1 - rho) d^2, w -= lr d. hyper holds lr, rho, eps, "
        "weight_decay; steps count up by one.",
    .signatures =
        {"adadelta_update(Tensor[] params, Tensor[] grads, Tensor[] square_avgs, Tensor[] "
         "acc_deltas, Tensor[] steps, Tensor hyper, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kAdadelta>,
    .forward = forward_rule<kAdadelta>,
    .mutates = {0, 2, 3, 4},
    .traits = kMutates,
    .cost = 16,
};

}  // namespace chainrule::ops
