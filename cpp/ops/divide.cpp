// Division in its three roundings, remainders, reciprocals. Gradients go through absorb_div, so
// that a zero dy stays zero against a zero divisor.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

// Integers have no infinity to answer with.
void check_divisor(const Run& r) {
  const Tensor& b = r.inputs[1];
  if (is_floating(b.dtype()) || r.out().numel() == 0) return;
  const int type = static_cast<int>(b.dtype());
  bool whole = true;  // no zero anywhere
  if (b.is_contiguous()) {
    kernels::table().reduce[static_cast<int>(kernels::Reduce::all)][type](0, 1, b.numel(), 1,
                                                                          &whole, b.raw());
  } else {
    const Tensor dense = Tensor::empty(b.dtype(), b.sizes());
    copy_strided(dense, b);
    kernels::table().reduce[static_cast<int>(kernels::Reduce::all)][type](0, 1, b.numel(), 1,
                                                                          &whole, dense.raw());
  }
  if (!whole) fail<ValueError>(r.name(), "expected an integer divisor without zeros; got a 0.");
}

template <Map kMap>
void forward_integer_division(Run& r) {
  check_divisor(r);
  run_map(r, {kMap});
}

}  // namespace

const OpDef kDiv = {
    .name = "div",
    .doc = "input / other, element by element; the shapes broadcast and integers become floats.",
    .signatures = {"div(Operand input, Operand other) -> Tensor",
                   "divide(Operand input, Operand other) -> Tensor",
                   "true_divide(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::div>,
    .grad = {{0, reads_value(1), [](Backward& b) { return absorb_div(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),  // not the output: `y = a / b; y += 1` is common
              [](Backward& b) {
                return neg(absorb(b.dy(), div(div(b.value(0), b.value(1)), b.value(1))));
              }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kDivRounded = {
    .name = "div_rounded",
    .doc =
        "input / other, rounded towards zero (\"trunc\"), down (\"floor\"), or not at all (None).",
    .signatures =
        {"div(Operand input, Operand other, *, Rounding rounding_mode=None) -> Tensor",
         "divide(Operand input, Operand other, *, Rounding rounding_mode=None) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          switch (c.as<DivRoundedAttrs>().rounding_mode) {
            case Rounding::trunc:
              return just(trunc_divide(c[0], c[1]));
            case Rounding::floor:
              return just(floor_divide(c[0], c[1]));
            case Rounding::none:
              break;
          }
          return just(div(c[0], c[1]));
        },
};

const OpDef kFloorDivide = {
    .name = "floor_divide",
    .doc =
        "input / other rounded down, element by element, as Python's //; the shapes broadcast. "
        "The derivative is 0.",
    .signatures = {"floor_divide(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_integer_division<Map::floor_divide>,
    .grad = {{0, kReadsNothing, zero_slope}, {1, kReadsNothing, zero_slope}},
    .traits = kElementwise | kBroadcasts,
    .cost = 8,
};

const OpDef kTruncDivide = {
    .name = "trunc_divide",
    .doc =
        "input / other rounded towards zero, element by element; the shapes broadcast. The "
        "derivative is 0.",
    .signatures = {"trunc_divide(Operand input, Operand other) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_integer_division<Map::trunc_divide>,
    .grad = {{0, kReadsNothing, zero_slope}, {1, kReadsNothing, zero_slope}},
    .traits = kElementwise | kBroadcasts,
    .cost = 2,
};

const OpDef kRemainder = {
    .name = "remainder",
    .doc =
        "input - other * floor(input / other), element by element: Python's %, with the sign of "
        "the divisor; the shapes broadcast.",
    .signatures = {"remainder(Operand input, Operand other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_integer_division<Map::remainder>,
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return neg(absorb(b.dy(), floor_divide(b.value(0), b.value(1))));
              }}},
    .traits = kElementwise | kBroadcasts,
    .cost = 8,
};

const OpDef kReciprocal = {
    .name = "reciprocal",
    .doc = "1 / input, element by element; integers become floats.",
    .signatures = {"reciprocal(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::reciprocal>,
    .grad = {{0, reads_output(0),
              [](Backward& b) { return neg(absorb(b.dy(), square(b.output(0)))); }}},
    .traits = kElementwise,
};

const OpDef kAbsorbDiv = {
    .name = "absorb_div",
    .doc = "dy / d, and 0 wherever dy is 0, also against a zero or undefined d. Linear in dy.",
    .signatures = {"absorb_div(Operand dy, Operand d) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::absorb_div>,
    .grad = {{0, reads_value(1), [](Backward& b) { return absorb_div(b.dy(), b.value(1)); }},
             {1, reads_value(1) | reads_output(0),
              [](Backward& b) {
                return neg(absorb(b.dy(), absorb_div(b.output(0), b.value(1))));
              }}},
    .traits = kElementwise | kBroadcasts,
};

}  // namespace chainrule::ops
