// Negative logarithms of likelihoods, and how far one distribution is from another: Gaussian,
// Poisson, Kullback-Leibler. 0 * log(0) is 0 in all of them.
//
// Source: Nix, Weigend, Estimating the Mean and Variance of the Target Probability Distribution
// (1994); McCullagh, Nelder, Generalized Linear Models (1989); Kullback, Leibler, On Information
// and Sufficiency (1951).
#include <cmath>
#include <numbers>

#include "ops/elementwise.h"
#include "ops/loss.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// A variance of each element, of each row (sizes without the last), or one that is stretched along
// dims of size 1; a number stands for all.
Tensor variance_of(const Call& c, double eps) {
  const Dims& sizes = c[0].sizes();
  Tensor var = c[2];
  if (var->weak_number || !is_floating(var.dtype())) var = cast(var, c[0].dtype());
  if (var.dim() > 0 && !(var.sizes() == sizes)) {
    Dims rows = sizes, common;
    if (!rows.empty()) rows.erase(c[0].dim() - 1);
    const bool stretches =
        var.dim() == c[0].dim() && broadcast_shapes(sizes, var.sizes(), &common) && common == sizes;
    if (var.sizes() == rows) {
      var = unsqueeze(var, -1);
    } else if (!stretches) {
      fail<ShapeError>(c.name(), "expected var of the input's sizes ", sizes, ", of ", rows,
                       ", or of the input's with 1 in some places; got ", var.sizes(), ".");
    }
  }
  return variance_floor(var, eps);
}

// log(t!) after Stirling, t log(t) - t + log(2 pi t) / 2; 0 for t <= 1.
Tensor log_factorial(const Tensor& target) {
  const Tensor small = le(target, 1), t = where(small, 1, target);
  const Tensor bend = mul(log(mul(t, 2 * std::numbers::pi)), 0.5);
  return where(small, 0, add(sub(mul(t, log(t)), t), bend));
}

// t log(t), 0 at 0, where its derivative is finite, too.
Tensor entropy_term(const Tensor& t) { return mul(t, log(where(eq(t, 0), 1, t))); }

}  // namespace

const OpDef kGaussianNllLoss = {
    .name = "gaussian_nll_loss",
    .doc =
        "(log(v) + (input - target)^2 / v) / 2 with v = max(var, eps), and log(2 pi) / 2 more if "
        "`full`; its mean by default. Gradients reach var as if it were not limited.",
    .signatures = {"gaussian_nll_loss(Tensor input, Tensor target, Operand var, *, bool "
                   "full=False, float eps=1e-6, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<GaussianNllLossAttrs>();
          check_floating_input(c);
          check_same_shape(c);
          if (!(a.eps >= 0)) fail<ValueError>(c.name(), "expected eps >= 0; got ", a.eps, ".");
          const Tensor var = variance_of(c, a.eps);
          Tensor loss = mul(add(log(var), div(square(sub(c[0], c[1])), var)), 0.5);
          if (a.full) loss = add(loss, 0.5 * std::log(2 * std::numbers::pi));
          return reduced(loss, a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kVarianceFloor = {
    .name = "variance_floor",
    .doc =
        "max(var, eps), whose gradient passes below eps as well; ValueError where var is negative.",
    .signatures = {"variance_floor(Tensor var, float eps) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward =
        [](Run& r) {
          const double low = r[0].numel() > 0 ? extreme(kernels::Reduce::amin, r[0]) : 0;
          if (low < 0) fail<ValueError>("gaussian_nll_loss", "expected var >= 0; got ", low, ".");
          run_map(r, {Map::clamp, {r.as<VarianceFloorAttrs>().eps, HUGE_VAL}});
        },
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }}},
    .traits = kElementwise,
};

const OpDef kPoissonNllLoss = {
    .name = "poisson_nll_loss",
    .doc =
        "exp(input) - target * input, or without `log_input` input - target * log(input + eps); "
        "Stirling's log(target!) more where target > 1 if `full`. Its mean by default.",
    .signatures = {"poisson_nll_loss(Tensor input, Tensor target, *, bool log_input=True, bool "
                   "full=False, float eps=1e-8, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<PoissonNllLossAttrs>();
          check_floating_input(c);
          check_same_shape(c);
          if (!(a.eps >= 0)) fail<ValueError>(c.name(), "expected eps >= 0; got ", a.eps, ".");
          Tensor loss = a.log_input ? sub(exp(c[0]), mul(c[1], c[0]))
                                    : sub(c[0], mul(c[1], log(add(c[0], a.eps))));
          if (a.full) loss = add(loss, log_factorial(c[1]));
          return reduced(loss, a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kKlDiv = {
    .name = "kl_div",
    .doc =
        "target * (log(target) - input) for log-probabilities `input`, with `log_target` "
        "exp(target) * (target - input); its mean over all elements by default, with `batchmean` "
        "the sum divided by the first size. What the target gives no probability adds 0, also "
        "where input is -inf.",
    .signatures = {"kl_div(Tensor input, Tensor target, *, Reduction reduction='mean', bool "
                   "log_target=False, bool batchmean=False) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<KlDivAttrs>();
          check_floating_input(c);
          check_same_shape(c);
          const Tensor loss = a.log_target ? absorb(exp(c[1]), sub(c[1], c[0]))
                                           : sub(entropy_term(c[1]), absorb(c[1], c[0]));
          if (!a.batchmean) return reduced(loss, a.reduction);
          return just(c[0].dim() > 0 ? div(sum(loss), c[0].size(0)) : loss);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
