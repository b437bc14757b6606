// Activations of straight pieces, whose derivative is constant on each piece: inside_backward and
// outside_backward serve several of them.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// For tensors of integers: the number without its fraction.
int64_t whole(const char* op, double number) {
  if (std::fabs(number) < 0x1p63) return static_cast<int64_t>(number);
  fail<ValueError>(op, "expected numbers that int64 has for integers; got ", number, ".");
}

}  // namespace

const OpDef kHardtanh = {
    .name = "hardtanh",
    .doc =
        "x limited to [min_val, max_val]. The derivative is 1 inside, 0 at the limits and beyond.",
    .signatures = {"hardtanh(Tensor input, float min_val=-1.0, float max_val=1.0) -> Tensor"},
    .surface = kFunctional | kInPlace,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<HardtanhAttrs>();
          if (!(a.min_val <= a.max_val)) {
            fail<ValueError>(c.name(), "expected min_val <= max_val; got ", a.min_val, " and ",
                             a.max_val, ".");
          }
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<HardtanhAttrs>();
      return MapChoice{Map::clamp, {a.min_val, a.max_val}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const auto& a = b.as<HardtanhAttrs>();
                return inside_backward(b.dy(), b.value(0), a.min_val, a.max_val, 1);
              }}},
    .traits = kElementwise,
    .dtypes = kFloatDTypes,
};

const OpDef kRelu6 = {
    .name = "relu6",
    .doc = "x limited to [0, 6]. The derivative is 1 inside, 0 at the limits and beyond.",
    .signatures = {"relu6(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return just(hardtanh(c[0], 0, 6)); },
};

const OpDef kHardsigmoid = {
    .name = "hardsigmoid",
    .doc = "x / 6 + 1 / 2 limited to [0, 1]. The derivative at -3 and 3 is 0.",
    .signatures = {"hardsigmoid(Tensor input) -> Tensor"},
    .surface = kFunctional,
    .infer = infer_map,
    .forward = forward_map<Map::hardsigmoid>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return inside_backward(b.dy(), b.value(0), -3, 3, 1.0 / 6); }}},
    .traits = kElementwise,
};

const OpDef kHardshrink = {
    .name = "hardshrink",
    .doc = "x where |x| > lambd, else 0. The derivative is 1 beyond, 0 at the limits and between.",
    .signatures = {"hardshrink(Tensor input, float lambd=0.5) -> Tensor"},
    .surface = kFunctional | kEverywhere,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::hardshrink, {c.as<HardshrinkAttrs>().lambd}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const double lambd = b.as<HardshrinkAttrs>().lambd;
                return outside_backward(b.dy(), b.value(0), -lambd, lambd);
              }}},
    .traits = kElementwise,
};

const OpDef kSoftshrink = {
    .name = "softshrink",
    .doc =
        "x moved towards 0 by lambd, and 0 where |x| <= lambd. The derivative is 1 beyond, 0 at "
        "the limits and between.",
    .signatures = {"softshrink(Tensor input, float lambd=0.5) -> Tensor"},
    .surface = kFunctional,
    .infer =
        [](Infer& c) {
          const double lambd = c.as<SoftshrinkAttrs>().lambd;
          if (!(lambd >= 0)) fail<ValueError>(c.name(), "expected lambd >= 0; got ", lambd, ".");
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::softshrink, {c.as<SoftshrinkAttrs>().lambd}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const double lambd = b.as<SoftshrinkAttrs>().lambd;
                return outside_backward(b.dy(), b.value(0), -lambd, lambd);
              }}},
    .traits = kElementwise,
};

const OpDef kThreshold = {
    .name = "threshold",
    .doc = "x where x > threshold, else value. The derivative is 1 above threshold, else 0.",
    .signatures = {"threshold(Tensor input, float threshold, float value) -> Tensor"},
    .surface = kFunction | kFunctional | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ThresholdAttrs>();
          if (is_floating(c[0].dtype())) return just(threshold_map(c[0], a.threshold, a.value));
          const int64_t limit = whole(c.name(), a.threshold), value = whole(c.name(), a.value);
          return just(where(le(c[0], limit), value, c[0]));
        },
    .dtypes = kNumberDTypes,
};

const OpDef kThresholdMap = {
    .name = "threshold_map",
    .doc = "threshold of a floating tensor.",
    .signatures = {"threshold_map(Tensor input, float threshold, float value) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<ThresholdMapAttrs>();
      return MapChoice{Map::threshold, {a.threshold, a.value}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return threshold_backward(b.dy(), b.value(0), b.as<ThresholdMapAttrs>().threshold);
              }}},
    .traits = kElementwise,
};

const OpDef kThresholdBackward = {
    .name = "threshold_backward",
    .doc = "0 where x <= threshold, else dy.",
    .signatures = {"threshold_backward(Tensor dy, Tensor x, float threshold) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::threshold_backward, {c.as<ThresholdBackwardAttrs>().threshold}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return threshold_backward(b.dy(), b.value(1),
                                          b.as<ThresholdBackwardAttrs>().threshold);
              }}},
    .traits = kElementwise,
};

const OpDef kInsideBackward = {
    .name = "inside_backward",
    .doc = "slope * dy where lo < x < hi, else 0.",
    .signatures = {"inside_backward(Tensor dy, Tensor x, float lo, float hi, float slope) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<InsideBackwardAttrs>();
      return MapChoice{Map::inside_backward, {a.lo, a.hi, a.slope}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<InsideBackwardAttrs>();
                return inside_backward(b.dy(), b.value(1), a.lo, a.hi, a.slope);
              }}},
    .traits = kElementwise,
};

const OpDef kOutsideBackward = {
    .name = "outside_backward",
    .doc = "dy where x < lo or x > hi, else 0.",
    .signatures = {"outside_backward(Tensor dy, Tensor x, float lo, float hi) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<OutsideBackwardAttrs>();
      return MapChoice{Map::outside_backward, {a.lo, a.hi}};
    }>,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<OutsideBackwardAttrs>();
                return outside_backward(b.dy(), b.value(1), a.lo, a.hi);
              }}},
    .traits = kElementwise,
};

}  // namespace chainrule::ops
