// Stochastic gradient descent, with momentum or with an average of the weights, for all parameters
// of a group in one call.
//
// Sources: Sutskever et al., On the importance of initialization and momentum in deep learning
// (2013), in PyTorch's form, where the learning rate stands outside of the velocity, and in the
// paper's; Polyak, Juditsky, Acceleration of Stochastic Approximation by Averaging (1992).
#include <algorithm>

#include "generated/ops.h"
#include "optim/update.h"

namespace chainrule::ops {

namespace {

constexpr UpdateRule kSgd = {
    .kernel = kernels::Update::sgd,
    .states = 1,
    .scalars = 0,
    .hyper = 4,
    .work = 2,  // from 3 us on
    .form =
        [](const Call& c, unsigned used) {
          const auto& a = c.as<SgdUpdateAttrs>();
          const int variant =
              1 + (a.nesterov != 0) + 2 * (a.first != 0) + 4 * (a.lr_in_velocity != 0);
          return UpdateForm{.variant = used ? variant : 0, .maximize = a.maximize != 0};
        },
    .needs = [](const Call& c) -> unsigned { return c[3].data<double>()[1] != 0; },
};

constexpr UpdateRule kAsgd = {
    .kernel = kernels::Update::asgd,
    .states = 1,
    .scalars = 3,
    .hyper = 5,
    .work = 3,
    .form = plain_form<AsgdUpdateAttrs>,
    .advance =
        [](const Call&, const double* hyper, double* scalars, double* derived) {
          const double lr = hyper[0], lambd = hyper[1], alpha = hyper[2], t0 = hyper[3];
          const double step = scalars[0];
          if (step == 1) scalars[1] = lr, scalars[2] = 1;
          derived[0] = scalars[1], derived[1] = scalars[2];
          scalars[1] = lr / std::pow(1 + lambd * lr * step, alpha);
          scalars[2] = 1 / std::max(1.0, step - t0);
        },
};

}  // namespace

const OpDef kSgdUpdate = {
    .name = "sgd_update",
    .doc =
        "One step of SGD: g += weight_decay * w; buffer = momentum * buffer + (1 - dampening) * g "
        "(g itself at the first step); w -= lr * buffer, or lr * (g + momentum * buffer) with "
        "nesterov. With lr_in_velocity g is multiplied by lr before and nothing is behind. hyper "
        "holds lr, momentum, dampening, weight_decay; no momentum_buffers are needed without "
        "momentum.",
    .signatures =
        {"sgd_update(Tensor[] params, Tensor[] grads, Tensor[] momentum_buffers, Tensor hyper, "
         "bool nesterov, bool maximize, bool first, bool lr_in_velocity=False) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kSgd>,
    .forward = forward_rule<kSgd>,
    .mutates = {0, 2},
    .traits = kMutates,
    .cost = 6,
};

const OpDef kAsgdUpdate = {
    .name = "asgd_update",
    .doc =
        "One step of averaged SGD: g += weight_decay * w, w = (1 - lambd * eta) w - eta g, ax += "
        "mu (w - ax); then eta = lr / (1 + lambd lr t)^alpha and mu = 1 / max(1, t - t0). hyper "
        "holds lr, lambd, alpha, t0, weight_decay; the first step sets eta = lr and mu = 1.",
    .signatures =
        {"asgd_update(Tensor[] params, Tensor[] grads, Tensor[] axs, Tensor[] steps, Tensor[] "
         "etas, Tensor[] mus, Tensor hyper, bool maximize) -> Tensor[]"},
    .surface = kPrivate,
    .infer = infer_rule<kAsgd>,
    .forward = forward_rule<kAsgd>,
    .mutates = {0, 2, 3, 4, 5},
    .traits = kMutates,
    .cost = 8,
};

}  // namespace chainrule::ops
