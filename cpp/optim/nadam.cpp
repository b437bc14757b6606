// NAdam and RAdam for all parameters of a group in one call.
//
// Sources: Dozat, Incorporating Nesterov Momentum into Adam (2016); Liu et al., On the Variance of
// the Adaptive Learning Rate and Beyond (2020).
#include "generated/ops.h"
#include "optim/update.h"

namespace chainrule::ops {

namespace {

// The share of the gradient's average in step t.
double nadam_momentum(const double* hyper, double t) {
  return hyper[1] * (1 - 0.5 * std::pow(0.96, t * hyper[5]));
}

constexpr UpdateRule kNadam = {
    .kernel = kernels::Update::nadam,
    .states = 2,
    .scalars = 2,
    .hyper = 6,
    .work = 4,
    .form = decoupled_form<NadamUpdateAttrs>,
    .advance =
        [](const Call&, const double* hyper, double* scalars, double* derived) {
          const double lr = hyper[0], step = scalars[0];
          const double mu = nadam_momentum(hyper, step), next = nadam_momentum(hyper, step + 1);
          scalars[1] *= mu;  // the product of all so far
          derived[0] = lr * (1 - mu) / (1 - scalars[1]);
          derived[1] = lr * next / (1 - scalars[1] * next);
          derived[2] = bias_correction(hyper[2], step);
        },
};

constexpr UpdateRule kRadam = {
    .kernel = kernels::Update::radam,
    .states = 2,
    .scalars = 1,
    .hyper = 5,
    .work = 4,
    .form = decoupled_form<RadamUpdateAttrs>,
    .advance =
        [](const Call&, const double* hyper, double* scalars, double* derived) {
          const double lr = hyper[0], beta2 = hyper[2], step = scalars[0];
          const double correction2 = bias_correction(beta2, step), longest = 2 / (1 - beta2) - 1;
          const double length = longest - 2 * step * std::pow(beta2, step) / correction2;
          const double rectified =
              (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length);
          derived[1] = length > 5;
          derived[0] = lr / bias_correction(hyper[1], step);
          if (derived[1] != 0) derived[0] *= std::sqrt(correction2) * std::sqrt(rectified);
        },
};

}  // namespace

const OpDef kNadamUpdate = {
    .name = "nadam_update",
    .doc =
        "One step of NAdam: m and v as Adam's, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2), P "
        "the product of mu_1 to mu_t, w -= lr ((1 - mu_t) g / (1 - P) + mu_(t+1) m / (1 - P "
        "mu_(t+1))) / (sqrt(v / (1 - beta2^t)) + eps). Weight decay is added to g, or taken from "
        "w when decoupled. hyper holds lr, beta1, beta2, eps, weight_decay, momentum_decay; steps "
        "count up by one, mu_products, which start as 1, are P.",
    .signatures =
        {"nadam_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, "
         "Tensor[] steps, Tensor[] mu_products, Tensor hyper, bool decoupled_weight_decay, bool "
         "maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kNadam>,
    .forward = forward_rule<kNadam>,
    .mutates = {0, 2, 3, 4, 5},
    .traits = kMutates,
    .cost = 18,
};

const OpDef kRadamUpdate = {
    .name = "radam_update",
    .doc =
        "One step of RAdam: m and v as Adam's; with R = 2 / (1 - beta2) - 1 and r = R - 2 t "
        "beta2^t / (1 - beta2^t) w -= lr m / (1 - beta1^t) while r <= 5, then that times sqrt((r "
        "- 4) (r - 2) R / ((R - 4) (R - 2) r)) sqrt(1 - beta2^t) / (sqrt(v) + eps). Weight decay "
        "is added to g, or taken from w when decoupled. hyper holds lr, beta1, beta2, eps, "
        "weight_decay; steps count up by one.",
    .signatures =
        {"radam_update(Tensor[] params, Tensor[] grads, Tensor[] exp_avgs, Tensor[] exp_avg_sqs, "
         "Tensor[] steps, Tensor hyper, bool decoupled_weight_decay, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kRadam>,
    .forward = forward_rule<kRadam>,
    .mutates = {0, 2, 3, 4},
    .traits = kMutates,
    .cost = 16,
};

}  // namespace chainrule::ops
