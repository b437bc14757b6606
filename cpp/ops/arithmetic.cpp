// Sums, products and the signs: what `+ - *` and their relatives mean. Results take PyTorch's
// promoted dtype; integers wrap; bool adds as "or" and multiplies as "and".
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

void check_alpha(const Infer& c, const Number& alpha) {
  const DType dtype = c.inputs[0].dtype();
  if (alpha.is_float() && !is_floating(dtype)) {
    fail<DtypeError>(c.name(), "expected an integer alpha for ", dtype_name(dtype),
                     " tensors; got ", alpha.real, ".");
  }
  if (alpha.kind == Number::kBool && dtype != DType::kBool) {
    fail<DtypeError>(c.name(), "expected a number as alpha for ", dtype_name(dtype),
                     " tensors; got ", alpha.integer ? "True" : "False", ".");
  }
}

Tensor times(const Tensor& t, const Number& alpha) {
  return alpha.real == 1 ? t : alpha.is_float() ? mul(t, alpha.real) : mul(t, alpha.integer);
}

// a + alpha * b; the product is left out where it is the identity.
MapChoice axpy(const Call& c, Map plain, double plain_alpha, double alpha) {
  if (alpha == plain_alpha) return {plain};
  // Unsigned kernels wrap modulo 256 but take no negative parameter.
  if (c.inputs[0].dtype() == DType::kUInt8) alpha -= 256 * std::floor(alpha / 256);
  return {Map::axpy, {alpha}};
}

}  // namespace

const OpDef kAdd = {
    .name = "add",
    .doc = "input + alpha * other, element by element; the shapes broadcast.",
    .signatures = {"add(Operand input, Operand other, *, Number alpha=1) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer =
        [](Infer& c) {
          check_alpha(c, c.as<AddAttrs>().alpha);
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      return axpy(c, Map::add, 1, c.as<AddAttrs>().alpha.real);
    }>,
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }},
             {1, kReadsNothing, [](Backward& b) { return times(b.dy(), b.as<AddAttrs>().alpha); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kSub = {
    .name = "sub",
    .doc = "input - alpha * other, element by element; the shapes broadcast.",
    .signatures = {"sub(Operand input, Operand other, *, Number alpha=1) -> Tensor",
                   "subtract(Operand input, Operand other, *, Number alpha=1) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kNumbers,
    .infer =
        [](Infer& c) {
          check_alpha(c, c.as<SubAttrs>().alpha);
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      return axpy(c, Map::sub, -1, -c.as<SubAttrs>().alpha.real);
    }>,
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }},
             {1, kReadsNothing,
              [](Backward& b) { return neg(times(b.dy(), b.as<SubAttrs>().alpha)); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kRsub = {
    .name = "rsub",
    .doc = "other - alpha * input: sub with its operands exchanged.",
    .signatures = {"rsub(Tensor input, Operand other, *, Number alpha=1) -> Tensor"},
    .surface = kFunction,
    .compose = [](const Call& c) { return just(sub(c[1], c[0], c.as<RsubAttrs>().alpha)); },
};

const OpDef kMul = {
    .name = "mul",
    .doc = "input * other, element by element; the shapes broadcast.",
    .signatures = {"mul(Operand input, Operand other) -> Tensor",
                   "multiply(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::mul>,
    .grad = {{0, reads_value(1), [](Backward& b) { return mul(b.dy(), b.value(1)); }},
             {1, reads_value(0), [](Backward& b) { return mul(b.dy(), b.value(0)); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kAbsorb = {
    .name = "absorb",
    .doc =
        "dy * d, and 0 wherever dy is 0, also against an infinite or undefined d: the product of "
        "the chain rule for derivatives that may not be finite. Linear in dy.",
    .signatures = {"absorb(Operand dy, Operand d) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::absorb>,
    .grad = {{0, reads_value(1), [](Backward& b) { return absorb(b.dy(), b.value(1)); }},
             {1, reads_value(0), [](Backward& b) { return absorb(b.value(0), b.dy()); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kNeg = {
    .name = "neg",
    .doc = "-input, element by element.",
    .signatures = {"neg(Tensor input) -> Tensor", "negative(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::neg>,
    .grad = {{0, kReadsNothing, [](Backward& b) { return neg(b.dy()); }}},
    .traits = kElementwise,
};

const OpDef kAbs = {
    .name = "abs",
    .doc = "The absolute value, element by element. The derivative at 0 is 0.",
    .signatures = {"abs(Tensor input) -> Tensor", "absolute(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::abs>,
    .grad = {{0, reads_value(0), [](Backward& b) { return mul(b.dy(), sign(b.value(0))); }}},
    .traits = kElementwise,
};

const OpDef kSign = {
    .name = "sign",
    .doc = "-1, 0 or 1 by the sign of each element; 0 for NaN. The derivative is 0.",
    .signatures = {"sign(Tensor input) -> Tensor", "sgn(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::sign>,
    .grad = {{0, kReadsNothing, zero_slope}},
    .traits = kElementwise,
};

const OpDef kSquare = {
    .name = "square",
    .doc = "input * input, element by element.",
    .signatures = {"square(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward = forward_map<Map::square>,
    .grad = {{0, reads_value(0), [](Backward& b) { return absorb(b.dy(), mul(b.value(0), 2)); }}},
    .traits = kElementwise,
};

const OpDef kAddcmul = {
    .name = "addcmul",
    .doc = "input + value * tensor1 * tensor2, element by element; the shapes broadcast.",
    .signatures =
        {"addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer =
        [](Infer& c) {
          if (is_bool(c[0])) fail<DtypeError>(c.name(), "expected numbers; got bool.");
          infer_map(c);
        },
    .forward = forward_choice<[](const Call& c) {
      return MapChoice{Map::mul_add, {c.as<AddcmulAttrs>().value.real}};
    }>,
    .grad =
        {{0, kReadsNothing, [](Backward& b) { return b.dy(); }},
         {1, reads_value(2),
          [](Backward& b) { return mul(times(b.dy(), b.as<AddcmulAttrs>().value), b.value(2)); }},
         {2, reads_value(1),
          [](Backward& b) { return mul(times(b.dy(), b.as<AddcmulAttrs>().value), b.value(1)); }}},
    .traits = kElementwise | kBroadcasts,
    .cost = 3,
};

const OpDef kAddcdiv = {
    .name = "addcdiv",
    .doc = "input + value * tensor1 / tensor2, element by element; the shapes broadcast.",
    .signatures =
        {"addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          for (const Tensor& t : c.inputs) {
            if (is_floating(t.dtype())) continue;
            fail<DtypeError>(c.name(), "expected floating tensors; got ", dtype_name(t.dtype()),
                             ".");
          }
          return just(add(c[0], div(times(c[1], c.as<AddcdivAttrs>().value), c[2])));
        },
    .dtypes = kWideDTypes,
};

const OpDef kLerp = {
    .name = "lerp",
    .doc =
        "input + weight * (end - input), element by element, computed from the nearer end; the "
        "shapes broadcast.",
    .signatures = {"lerp(Tensor input, Tensor end, Operand weight) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          if (c[0].dtype() != c[1].dtype() || !is_floating(c[0].dtype())) {
            fail<DtypeError>(c.name(), "expected floating tensors of one dtype; got ",
                             dtype_name(c[0].dtype()), " and ", dtype_name(c[1].dtype()), ".");
          }
          const Tensor span = sub(c[1], c[0]);
          if (c[2]->weak_number) {
            const double w = c[2].item_double();
            return just(std::fabs(w) < 0.5 ? add(c[0], mul(span, w)) : sub(c[1], mul(span, 1 - w)));
          }
          const Tensor from_start = add(c[0], mul(c[2], span));
          const Tensor from_end = sub(c[1], mul(span, rsub(c[2], 1)));
          return just(where(lt(abs(c[2]), 0.5), from_start, from_end));
        },
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
