// Rectifiers with a slope below 0 that is a tensor, learned or random, and ReLU with another
// derivative at 0.
//
// Source: He et al., Delving Deep into Rectifiers (2015); Xu et al., Empirical Evaluation of
// Rectified Activations in Convolutional Network (2015).
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// One slope for all elements, or one for each place of dimension 1.
Tensor slope_of(const Call& c) {
  const Tensor &x = c[0], &weight = c[1];
  const int64_t channels = x.dim() > 1 ? x.size(1) : 1;
  if (weight.dim() > 1 || (weight.numel() != 1 && weight.numel() != channels)) {
    fail<ShapeError>(c.name(), "expected a weight of one element or of one for each place of ",
                     "dimension 1, ", channels, "; got weight ", weight.sizes(), " for input ",
                     x.sizes(), ".");
  }
  if (weight.numel() == 1) return weight.dim() ? reshape(weight, Dims{}) : weight;
  Dims sizes(x.dim(), 1);
  sizes[1] = channels;
  return reshape(weight, sizes);
}

}  // namespace

const OpDef kPrelu = {
    .name = "prelu",
    .doc =
        "x where x > 0, else weight * x, with a learned weight: one element, or as many as "
        "dimension 1 of the input has. The derivative by x at 0 is weight.",
    .signatures = {"prelu(Tensor input, Tensor weight) -> Tensor"},
    .surface = kEverywhere | kFunctional,
    .compose = [](const Call& c) { return just(leaky(c[0], slope_of(c))); },
};

const OpDef kRrelu = {
    .name = "rrelu",
    .doc =
        "x where x > 0, else a * x: while training a is random for each element, uniform in "
        "[lower, upper), otherwise it is (lower + upper) / 2. The derivative at 0 is a.",
    .signatures = {"rrelu(Tensor input, float lower=0.125, float upper=0.3333333333333333, "
                   "bool training=False, *, Tensor? generator=None) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RreluAttrs>();
          if (!(a.lower <= a.upper)) {
            fail<ValueError>(c.name(), "expected lower <= upper; got ", a.lower, " and ", a.upper,
                             ".");
          }
          const Tensor& x = c[0];
          if (!a.training) return just(leaky_relu(x, (a.lower + a.upper) / 2));
          if (!is_floating(x.dtype())) fail_dtype(c.name(), x.dtype(), kFloatDTypes);
          const DType wide = x.dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
          const Tensor u = random_uniform(take_random_state(c[1], c.name()), x.sizes(), wide);
          const Tensor slope = add(mul(u, a.upper - a.lower), a.lower);
          return just(leaky(x, cast(slope, x.dtype())));
        },
};

const OpDef kLeaky = {
    .name = "leaky",
    .doc = "x where x > 0, else slope * x; the shapes broadcast.",
    .signatures = {"leaky(Tensor input, Tensor slope) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::leaky>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) { return leaky_backward(b.dy(), b.value(0), b.value(1)); }},
             {1, reads_value(0),
              [](Backward& b) { return leaky_slope_backward(b.dy(), b.value(0)); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLeakyBackward = {
    .name = "leaky_backward",
    .doc = "dy where x > 0, else slope * dy.",
    .signatures = {"leaky_backward(Tensor dy, Tensor x, Tensor slope) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::leaky_backward>,
    .grad = {{0, reads_value(1) | reads_value(2),
              [](Backward& b) { return leaky_backward(b.dy(), b.value(1), b.value(2)); }},
             {2, reads_value(0) | reads_value(1),
              [](Backward& b) { return where(gt(b.value(1), 0), 0, mul(b.dy(), b.value(0))); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLeakySlopeBackward = {
    .name = "leaky_slope_backward",
    .doc = "0 where x > 0, else dy * x.",
    .signatures = {"leaky_slope_backward(Tensor dy, Tensor x) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::leaky_slope_backward>,
    .grad = {{0, reads_value(1),
              [](Backward& b) { return leaky_slope_backward(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return where(gt(b.value(1), 0), 0, mul(b.dy(), b.value(0))); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kReluKink = {
    .name = "relu_kink",
    .doc = "relu with a derivative at 0 of one's choice.",
    .signatures = {"relu_kink(Tensor input, float derivative_at_zero) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::relu>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return relu_kink_backward(b.dy(), b.value(0),
                                          b.as<ReluKinkAttrs>().derivative_at_zero);
              }}},
    .traits = kElementwise,
};

const OpDef kReluKinkBackward = {
    .name = "relu_kink_backward",
    .doc = "dy where x > 0, slope * dy where x is 0, else 0.",
    .signatures = {"relu_kink_backward(Tensor dy, Tensor x, float slope) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::relu_kink_backward, {c.as<ReluKinkBackwardAttrs>().slope}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return relu_kink_backward(b.dy(), b.value(1), b.as<ReluKinkBackwardAttrs>().slope);
              }}},
    .traits = kElementwise,
};

}  // namespace chainrule::ops
