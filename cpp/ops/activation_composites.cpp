// Activations that are a line or two of other operations, each a pass over memory: those that
// networks of this library use much have kernels of their own, in activation.cpp and gates.cpp.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

void check_floating(const Call& c) {
  if (is_floating(c[0].dtype())) return;
  fail<DtypeError>(c.name(), "expected a floating tensor; got ", dtype_name(c[0].dtype()), ".");
}

// scale * (x where x > 0, else alpha * (e^(x / width) - 1)); the exponential never sees a positive
// number, so that it does not overflow into the gradient.
Tensor exponential_unit(const Call& c, double alpha, double width, double scale) {
  check_floating(c);
  const Tensor& x = c[0];
  const Tensor positive = gt(x, 0), below = where(positive, 0, x);
  const Tensor left = mul(expm1(width == 1 ? below : div(below, width)), alpha);
  const Tensor y = where(positive, x, left);
  return scale == 1 ? y : mul(y, scale);
}

// Klambauer et al., Self-Normalizing Neural Networks (2017), equation 14.
constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
constexpr double kSeluScale = 1.0507009873554804934193349852946;

}  // namespace

const OpDef kElu = {
    .name = "elu",
    .doc = "x where x > 0, else alpha * (e^x - 1). The derivative at 0 is alpha.",
    .signatures = {"elu(Tensor input, float alpha=1.0) -> Tensor"},
    .surface = kFunctional | kInPlace,
    .compose =
        [](const Call& c) { return just(exponential_unit(c, c.as<EluAttrs>().alpha, 1, 1)); },
    .dtypes = kWideDTypes,
};

const OpDef kSelu = {
    .name = "selu",
    .doc = "1.0507 * (x where x > 0, else 1.6733 * (e^x - 1)): keeps mean 0 and variance 1.",
    .signatures = {"selu(Tensor input) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .compose = [](const Call& c) { return just(exponential_unit(c, kSeluAlpha, 1, kSeluScale)); },
    .dtypes = kWideDTypes,
};

const OpDef kCelu = {
    .name = "celu",
    .doc = "x where x > 0, else alpha * (e^(x / alpha) - 1). The derivative at 0 is 1.",
    .signatures = {"celu(Tensor input, float alpha=1.0) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .compose =
        [](const Call& c) {
          const double alpha = c.as<CeluAttrs>().alpha;
          if (alpha == 0) fail<ValueError>(c.name(), "expected alpha != 0; got 0.");
          return just(exponential_unit(c, alpha, alpha, 1));
        },
    .dtypes = kWideDTypes,
};

const OpDef kHardtanh = {
    .name = "hardtanh",
    .doc =
        "x limited to [min_val, max_val]. The derivative is 1 inside, 0 at the limits and beyond.",
    .signatures = {"hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0) -> Tensor"},
    .surface = kFunctional | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<HardtanhAttrs>();
          check_floating(c);
          if (!(a.min_val <= a.max_val)) {
            fail<ValueError>(c.name(), "expected min_val <= max_val; got ", a.min_val, " and ",
                             a.max_val, ".");
          }
          const Tensor low = where(le(c[0], a.min_val), a.min_val, c[0]);
          return just(where(ge(low, a.max_val), a.max_val, low));
        },
    .dtypes = kWideDTypes,
};

const OpDef kRelu6 = {
    .name = "relu6",
    .doc = "x limited to [0, 6]. The derivative is 1 inside, 0 at the limits and beyond.",
    .signatures = {"relu6(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(hardtanh(c[0], 0, 6)); },
    .dtypes = kWideDTypes,
};

const OpDef kHardsigmoid = {
    .name = "hardsigmoid",
    .doc = "x / 6 + 1 / 2 limited to [0, 1].",
    .signatures = {"hardsigmoid(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(div(hardtanh(add(c[0], 3), 0, 6), 6)); },
    .dtypes = kWideDTypes,
};

const OpDef kHardswish = {
    .name = "hardswish",
    .doc = "x * hardsigmoid(x).",
    .signatures = {"hardswish(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(div(mul(c[0], hardtanh(add(c[0], 3), 0, 6)), 6)); },
    .dtypes = kWideDTypes,
};

const OpDef kMish = {
    .name = "mish",
    .doc = "x * tanh(softplus(x)).",
    .signatures = {"mish(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(mul(c[0], tanh(softplus(c[0], 1, HUGE_VAL)))); },
    .dtypes = kWideDTypes,
};

const OpDef kSoftsign = {
    .name = "softsign",
    .doc = "x / (1 + |x|).",
    .signatures = {"softsign(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(div(c[0], add(abs(c[0]), 1))); },
    .dtypes = kWideDTypes,
};

const OpDef kTanhshrink = {
    .name = "tanhshrink",
    .doc = "x - tanh(x).",
    .signatures = {"tanhshrink(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(sub(c[0], tanh(c[0]))); },
    .dtypes = kWideDTypes,
};

const OpDef kLogsigmoid = {
    .name = "logsigmoid",
    .doc = "log(sigmoid(x)) = -log(1 + e^-x), without overflow.",
    .signatures = {"logsigmoid(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(neg(softplus(neg(c[0]), 1, HUGE_VAL))); },
    .dtypes = kWideDTypes,
};

const OpDef kHardshrink = {
    .name = "hardshrink",
    .doc = "x where |x| > lambd, else 0.",
    .signatures = {"hardshrink(Tensor input, float lambd=0.5) -> Tensor"},
    .surface = kFunctional | kEverywhere,
    .compose =
        [](const Call& c) {
          check_floating(c);
          return just(where(le(abs(c[0]), c.as<HardshrinkAttrs>().lambd), 0, c[0]));
        },
    .dtypes = kWideDTypes,
};

const OpDef kSoftshrink = {
    .name = "softshrink",
    .doc = "x moved towards 0 by lambd, and 0 where |x| <= lambd.",
    .signatures = {"softshrink(Tensor input, float lambd=0.5) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const double lambd = c.as<SoftshrinkAttrs>().lambd;
          check_floating(c);
          if (!(lambd >= 0)) fail<ValueError>(c.name(), "expected lambd >= 0; got ", lambd, ".");
          const Tensor& x = c[0];
          const Tensor left = where(lt(x, -lambd), add(x, lambd), mul(x, 0));
          return just(where(gt(x, lambd), sub(x, lambd), left));
        },
    .dtypes = kWideDTypes,
};

const OpDef kThreshold = {
    .name = "threshold",
    .doc = "x where x > threshold, else value.",
    .signatures = {"threshold(Tensor input, float threshold, float value) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ThresholdAttrs>();
          return just(where(le(c[0], a.threshold), a.value, c[0]));
        },
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
