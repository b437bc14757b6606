// Limiting values to a range. The gradient passes where the value lies in the closed range and is 0
// elsewhere, whatever it is there.
#include <cmath>
#include <limits>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// Beyond 2^53 a double no longer names every integer.
bool exact(const OptNumber& n) { return !n.has || std::fabs(n.value.real) <= 9007199254740992.0; }

Tensor as_tensor(const Number& n) {
  return n.is_float()             ? Tensor::number(n.real)
         : n.kind == Number::kInt ? Tensor::number(n.integer)
                                  : Tensor::number(n.integer != 0);
}

// x, or the limit where x lies `beyond` it. NaN, as a value or as a limit, gives NaN, which follows
// neither of them: no gradient reaches x or the limit there.
Tensor limited(const Tensor& x, const Tensor& limit, const Tensor& inside, const Tensor& beyond) {
  const Tensor both[] = {x, limit};
  const DType dtype = result_type(both);
  if (!is_floating(dtype)) return where(inside, x, limit);
  const Tensor kept = x.dtype() == dtype ? x : cast(x, dtype);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return where(beyond, limit, where(inside, kept, nan));
}
Tensor limited_below(const Tensor& x, const Tensor& low) {
  return limited(x, low, ge(x, low), lt(x, low));
}
Tensor limited_above(const Tensor& x, const Tensor& high) {
  return limited(x, high, le(x, high), gt(x, high));
}

Tensor clamp_to_numbers(const Call& c, const OptNumber& low, const OptNumber& high) {
  if (!low.has && !high.has)
    fail<ValueError>(c.name(), "expected at least one of min and max; got None.");
  Tensors parts;
  parts.push_back(c[0]);
  if (low.has) parts.push_back(as_tensor(low.value));
  if (high.has) parts.push_back(as_tensor(high.value));
  const DType dtype = result_type({parts.data(), parts.size()});
  const Tensor x = c[0].dtype() == dtype ? c[0] : cast(c[0], dtype);
  if (dtype == DType::kInt64 && !(exact(low) && exact(high))) {
    Tensor y = low.has ? limited_below(x, as_tensor(low.value)) : x;
    return high.has ? limited_above(y, as_tensor(high.value)) : y;
  }
  return clamp_range(x, low.has ? low.value.real : -HUGE_VAL,
                     high.has ? high.value.real : HUGE_VAL);
}

Tensor clamp_to_tensors(const Call& c, const Tensor& low, const Tensor& high) {
  if (!low.defined() && !high.defined()) {
    fail<ValueError>(c.name(), "expected at least one of min and max; got None.");
  }
  const Tensor x = low.defined() ? limited_below(c[0], low) : c[0];
  return high.defined() ? limited_above(x, high) : x;
}

// A number or a tensor.
Tensor clamp_to_operand(const Call& c, bool below) {
  const Tensor& limit = c[1];
  if (!limit->weak_number) return below ? limited_below(c[0], limit) : limited_above(c[0], limit);
  const OptNumber number(limit.dtype() == DType::kBool ? Number(limit.item_int() != 0)
                         : is_floating(limit.dtype())  ? Number(limit.item_double())
                                                       : Number(limit.item_int()));
  return below ? clamp_to_numbers(c, number, OptNumber())
               : clamp_to_numbers(c, OptNumber(), number);
}

}  // namespace

const OpDef kClampRange = {
    .name = "clamp_range",
    .doc =
        "input limited to [min, max]; max wins where the limits cross, a NaN limit makes "
        "everything NaN.",
    .signatures = {"clamp_range(Tensor input, float min, float max) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_choice<[](const Call& c) {
      const auto& a = c.as<ClampRangeAttrs>();
      return MapChoice{Map::clamp, {a.min, a.max}};
    }>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const auto& a = b.as<ClampRangeAttrs>();
                const Tensor x = b.value(0);
                if (a.max == HUGE_VAL) return where(ge(x, a.min), b.dy(), 0);
                if (a.min == -HUGE_VAL) return where(le(x, a.max), b.dy(), 0);
                return where(logical_and(ge(x, a.min), le(x, a.max)), b.dy(), 0);
              }}},
    .traits = kElementwise,
};

// Before the form with numbers, which reads the value of a 0-d tensor: a program could not repeat
// it.
const OpDef kClampTensors = {
    .name = "clamp_tensors",
    .doc = "input limited by two tensors of limits; the shapes broadcast.",
    .signatures = {"clamp(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
                   "clip(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose = [](const Call& c) { return just(clamp_to_tensors(c, c[1], c[2])); },
};

const OpDef kClamp = {
    .name = "clamp",
    .doc =
        "input limited to [min, max], element by element; an absent limit does not limit, max wins "
        "where the limits cross. The derivative is 1 in the closed range, else 0.",
    .signatures = {"clamp(Tensor input, Number? min=None, Number? max=None) -> Tensor",
                   "clip(Tensor input, Number? min=None, Number? max=None) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ClampAttrs>();
          return just(clamp_to_numbers(c, a.min, a.max));
        },
};

const OpDef kClampMin = {
    .name = "clamp_min",
    .doc = "input, or min where input is smaller.",
    .signatures = {"clamp_min(Tensor input, Operand min) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose = [](const Call& c) { return just(clamp_to_operand(c, true)); },
};

const OpDef kClampMax = {
    .name = "clamp_max",
    .doc = "input, or max where input is larger.",
    .signatures = {"clamp_max(Tensor input, Operand max) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose = [](const Call& c) { return just(clamp_to_operand(c, false)); },
};

}  // namespace chainrule::ops
