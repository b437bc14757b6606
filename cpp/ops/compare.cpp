// Comparisons and tests. The result is bool; operands of two dtypes are promoted first, and a
// comparison with NaN is false except `ne`. No gradient.
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kEq = {
    .name = "eq",
    .doc = "input == other, element by element; the shapes broadcast.",
    .signatures = {"eq(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::eq>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kNe = {
    .name = "ne",
    .doc = "input != other, element by element; the shapes broadcast.",
    .signatures = {"ne(Tensor input, Operand other) -> Tensor",
                   "not_equal(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::ne>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLt = {
    .name = "lt",
    .doc = "input < other, element by element; the shapes broadcast.",
    .signatures = {"lt(Tensor input, Operand other) -> Tensor",
                   "less(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::lt>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kLe = {
    .name = "le",
    .doc = "input <= other, element by element; the shapes broadcast.",
    .signatures = {"le(Tensor input, Operand other) -> Tensor",
                   "less_equal(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::le>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kGt = {
    .name = "gt",
    .doc = "input > other, element by element; the shapes broadcast.",
    .signatures = {"gt(Tensor input, Operand other) -> Tensor",
                   "greater(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::gt>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kGe = {
    .name = "ge",
    .doc = "input >= other, element by element; the shapes broadcast.",
    .signatures = {"ge(Tensor input, Operand other) -> Tensor",
                   "greater_equal(Tensor input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_predicate,
    .forward = forward_map<Map::ge>,
    .traits = kElementwise | kBroadcasts,
};

const OpDef kIsnan = {
    .name = "isnan",
    .doc = "Whether each element is NaN.",
    .signatures = {"isnan(Tensor input) -> Tensor"},
    .surface = kEverywhere,
    .infer = infer_predicate,
    .forward = forward_map<Map::isnan>,
    .traits = kElementwise,
};

const OpDef kIsinf = {
    .name = "isinf",
    .doc = "Whether each element is +inf or -inf.",
    .signatures = {"isinf(Tensor input) -> Tensor"},
    .surface = kEverywhere,
    .infer = infer_predicate,
    .forward = forward_map<Map::isinf>,
    .traits = kElementwise,
};

const OpDef kIsfinite = {
    .name = "isfinite",
    .doc = "Whether each element is neither infinite nor NaN.",
    .signatures = {"isfinite(Tensor input) -> Tensor"},
    .surface = kEverywhere,
    .infer = infer_predicate,
    .forward = forward_map<Map::isfinite>,
    .traits = kElementwise,
};

const OpDef kIsclose = {
    .name = "isclose",
    .doc =
        "Whether |input - other| <= atol + rtol * |other|, element by element; equal infinities "
        "are close, NaNs only with equal_nan.",
    .signatures = {"isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, "
                   "bool equal_nan=False) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<IscloseAttrs>();
          if (a.rtol < 0 || a.atol < 0) {
            fail<ValueError>(c.name(), "expected rtol >= 0 and atol >= 0; got ", a.rtol, " and ",
                             a.atol, ".");
          }
          if (c[0].dtype() != c[1].dtype()) fail_mixed(c.name(), c[0].dtype(), c[1].dtype());
          NoGrad off;
          Tensor close = eq(c[0], c[1]);
          if (a.equal_nan) close = logical_or(close, logical_and(ne(c[0], c[0]), ne(c[1], c[1])));
          if (a.rtol == 0 && a.atol == 0) return just(close);
          // In float64 for integers and bools: their differences must not wrap.
          const DType wide = is_floating(c[0].dtype()) ? c[0].dtype() : DType::kFloat64;
          const Tensor x = c[0].dtype() == wide ? c[0] : cast(c[0], wide);
          const Tensor y = c[1].dtype() == wide ? c[1] : cast(c[1], wide);
          const Tensor error = abs(sub(x, y));
          const Tensor allowed = add(mul(abs(y), a.rtol), a.atol);
          return just(logical_or(close, logical_and(isfinite(error), le(error, allowed))));
        },
};

const OpDef kAllclose = {
    .name = "allclose",
    .doc = "Whether isclose holds everywhere.",
    .signatures = {"allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, "
                   "bool equal_nan=False) -> bool"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<AllcloseAttrs>();
          return just(all(isclose(c[0], c[1], a.rtol, a.atol, a.equal_nan)));
        },
};

const OpDef kEqual = {
    .name = "equal",
    .doc = "Whether two tensors have the same shape and the same elements.",
    .signatures = {"equal(Tensor input, Tensor other) -> bool"},
    .compose =
        [](const Call& c) {
          if (!(c[0].sizes() == c[1].sizes())) return just(full({}, false, DType::kBool));
          return just(all(eq(c[0], c[1])));
        },
};

}  // namespace chainrule::ops
