// Adam, AdamW, AMSGrad, AdaMax and QHAdam for all parameters of a group in one call.
//
// Source: Kingma, Ba, Adam (2015), with AdaMax; Loshchilov, Hutter, Decoupled Weight Decay
// Regularization (2019); Reddi, Kale, Kumar, On the Convergence of Adam and Beyond (2018); Ma,
// Yarats, Quasi-hyperbolic momentum and Adam for deep learning (2019).
#include "generated/ops.h"
#include "optim/update.h"

namespace chainrule::ops {

namespace {

void bias_corrections(const Call&, const double* hyper, double* step, double* derived) {
  derived[0] = bias_correction(hyper[1], step[0]);
  derived[1] = bias_correction(hyper[2], step[0]);
}

constexpr UpdateRule kAdam = {
    .kernel = kernels::Update::adam,
    .states = 3,
    .scalars = 1,
    .hyper = 5,
    .work = 4,  // from 3 us on
    .form =
        [](const Call& c, unsigned used) {
          UpdateForm form = decoupled_form<AdamUpdateAttrs>(c, used);
          form.variant = static_cast<int>(used >> 2);
          return form;
        },
    .needs = [](const Call& c) { return c.as<AdamUpdateAttrs>().amsgrad ? 0b111u : 0b011u; },
    .advance =
        [](const Call& c, const double* hyper, double* step, double* derived) {
          double first = 1;
          const bool constant = c.as<AdamUpdateAttrs>().constant_bias_correction != 0;
          bias_corrections(c, hyper, constant ? &first : step, derived);
        },
};

constexpr UpdateRule kAdamax = {
    .kernel = kernels::Update::adamax,
    .states = 2,
    .scalars = 1,
    .hyper = 5,
    .work = 4,
    .form = plain_form<AdamaxUpdateAttrs>,
    .advance = bias_corrections,
};

constexpr UpdateRule kQhadam = {
    .kernel = kernels::Update::qhadam,
    .states = 2,
    .scalars = 1,
    .hyper = 7,
    .work = 4,
    .form = decoupled_form<QhadamUpdateAttrs>,
    .advance = bias_corrections,
};

}  // namespace

const OpDef kAdamUpdate = {
    .name = "adam_update",
    .doc =
        "One step of Adam: m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= lr m' "
        "/ (sqrt(v') + eps) with m' = m / (1 - beta1^t) and v' alike corrected for their start at "
        "0, in every step as in the first with constant_bias_correction. Weight decay is added to "
        "g, or taken from w when decoupled (AdamW); amsgrad divides by the largest v so far. "
        "hyper holds lr, beta1, beta2, eps, weight_decay; steps count up by one.",
    .signatures =
        {"adam_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, "
         "Tensor[] max_exp_avg_sqs, Tensor[] steps, Tensor hyper, bool amsgrad, bool maximize, "
         "bool decoupled_weight_decay, bool constant_bias_correction=False) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kAdam>,
    .forward = forward_rule<kAdam>,
    .mutates = {0, 2, 3, 4, 5},
    .traits = kMutates,
    .cost = 16,
};

const OpDef kAdamaxUpdate = {
    .name = "adamax_update",
    .doc =
        "One step of AdaMax: g += weight_decay * w, m = beta1 m + (1 - beta1) g, u = max(beta2 u, "
        "|g| + eps), w -= lr / (1 - beta1^t) * m / u. hyper holds lr, beta1, beta2, eps, "
        "weight_decay; steps count up by one.",
    .signatures =
        {"adamax_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_infs, "
         "Tensor[] steps, Tensor hyper, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kAdamax>,
    .forward = forward_rule<kAdamax>,
    .mutates = {0, 2, 3, 4},
    .traits = kMutates,
    .cost = 14,
};

const OpDef kQhadamUpdate = {
    .name = "qhadam_update",
    .doc =
        "One step of QHAdam: m and v as Adam's, m' = m / (1 - beta1^t), v' = v / (1 - beta2^t), w "
        "-= lr ((1 - nu1) g + nu1 m') / (sqrt((1 - nu2) g^2 + nu2 v') + eps). Weight decay is "
        "added to g, or taken from w when decoupled. hyper holds lr, beta1, beta2, nu1, nu2, eps, "
        "weight_decay; steps count up by one.",
    .signatures =
        {"qhadam_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, "
         "Tensor[] steps, Tensor hyper, bool decoupled_weight_decay, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kQhadam>,
    .forward = forward_rule<kQhadam>,
    .mutates = {0, 2, 3, 4},
    .traits = kMutates,
    .cost = 20,
};

}  // namespace chainrule::ops
