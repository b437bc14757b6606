// Exponentials, logarithms, roots and powers. Derivatives that can be infinite go through absorb,
// so that a zero dy stays zero.
#include <numbers>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kExp = {
    .name = "exp",
    .doc = "e to the power of each element.",
    .signatures = {"exp(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::exp>,
    .grad = {{0, reads_output(0), [](Backward& b) { return absorb(b.dy(), b.output(0)); }}},
    .traits = kElementwise,
    .cost = 10,
};

const OpDef kExpm1 = {
    .name = "expm1",
    .doc = "exp(input) - 1 without loss of digits near 0.",
    .signatures = {"expm1(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::expm1>,
    .grad = {{0, reads_output(0), [](Backward& b) { return absorb(b.dy(), add(b.output(0), 1)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kLog = {
    .name = "log",
    .doc = "The natural logarithm; -inf at 0, NaN below.",
    .signatures = {"log(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::log>,
    .grad = {{0, reads_value(0), [](Backward& b) { return absorb_div(b.dy(), b.value(0)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kLog1p = {
    .name = "log1p",
    .doc = "log(1 + input) without loss of digits near 0.",
    .signatures = {"log1p(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::log1p>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return absorb_div(b.dy(), add(b.value(0), 1)); }}},
    .traits = kElementwise,
    .cost = 14,
};

const OpDef kLog2 = {
    .name = "log2",
    .doc = "The logarithm to base 2; -inf at 0, NaN below.",
    .signatures = {"log2(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::log2>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return absorb_div(b.dy(), mul(b.value(0), std::numbers::ln2)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kLog10 = {
    .name = "log10",
    .doc = "The logarithm to base 10; -inf at 0, NaN below.",
    .signatures = {"log10(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::log10>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return absorb_div(b.dy(), mul(b.value(0), std::numbers::ln10)); }}},
    .traits = kElementwise,
    .cost = 12,
};

const OpDef kSqrt = {
    .name = "sqrt",
    .doc = "The square root; NaN below 0. The derivative at 0 is infinite, and 0 where dy is 0.",
    .signatures = {"sqrt(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::sqrt>,
    .grad = {{0, reads_output(0),
              [](Backward& b) { return absorb_div(b.dy(), mul(b.output(0), 2)); }}},
    .traits = kElementwise,
    .cost = 4,
};

const OpDef kRsqrt = {
    .name = "rsqrt",
    .doc = "1 / sqrt(input); infinite at 0, NaN below.",
    .signatures = {"rsqrt(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::rsqrt>,
    .grad = {{0, reads_output(0),
              [](Backward& b) {
                const Tensor y = b.output(0);
                return absorb(b.dy(), mul(mul(square(y), y), -0.5));
              }}},
    .traits = kElementwise,
    .cost = 6,
};

const OpDef kRoot = {
    .name = "root",
    .doc =
        "The square root whose derivative at 0 is 0: the convention of norms and standard "
        "deviations.",
    .signatures = {"root(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::sqrt>,
    .grad = {{0, reads_output(0),
              [](Backward& b) {
                const Tensor y = b.output(0), zero = eq(y, 0);
                return where(zero, 0, absorb_div(b.dy(), mul(where(zero, 1, y), 2)));
              }}},
    .traits = kElementwise,
    .cost = 4,
};

const OpDef kPow = {
    .name = "pow",
    .doc =
        "input to the power of exponent, element by element; the shapes broadcast. Integers wrap; "
        "a negative Python number as exponent of integers is an error. The derivative by the "
        "exponent is 0 where the base is 0 and the exponent is not negative.",
    .signatures = {"pow(Operand input, Operand exponent) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kPromote,
    .infer =
        [](Infer& c) {
          const Tensor& e = c.inputs[1];
          if (!is_floating(e.dtype()) && e->weak_number && e.item_int() < 0) {
            fail<ValueError>(c.name(), "expected an exponent >= 0 for integers; got ", e.item_int(),
                             ". Use .float() on the base.");
          }
          infer_map(c);
        },
    .forward = forward_map<Map::pow>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor x = b.value(0), e = b.value(1);
                if (e->weak_number && e.item_double() == 2) return absorb(b.dy(), mul(x, 2));
                return absorb(b.dy(), absorb(e, pow(x, sub(strong(e), 1))));
              }},
             {1, reads_value(0) | reads_value(1) | reads_output(0),
              [](Backward& b) {
                const Tensor x = strong(b.value(0));
                const Tensor flat = logical_and(eq(x, 0), ge(b.value(1), 0));
                // Where it is 0 the logarithm takes no part in second derivatives either.
                const Tensor slope = mul(b.output(0), log(where(flat, 1, x)));
                return absorb(b.dy(), where(flat, 0, slope));
              }}},
    .traits = kElementwise | kBroadcasts,
    .cost = 30,
};

}  // namespace chainrule::ops
