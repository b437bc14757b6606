// Trigonometry, the error function and rounding. Rounding has derivative 0.
#include <numbers>

#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kSin = {
    .name = "sin",
    .doc =
        "The sine of an angle in radians. Of float64 beyond 65536 it is the C library's, which has "
        "the angle to 2^-92 only: next to a multiple of pi the result loses digits.",
    .signatures = {"sin(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::sin>,
    .grad = {{0, reads_value(0), [](Backward& b) { return absorb(b.dy(), cos(b.value(0))); }}},
    .traits = kElementwise,
    .cost = 15,
};

const OpDef kCos = {
    .name = "cos",
    .doc = "The cosine of an angle in radians, far ones as by sin.",
    .signatures = {"cos(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::cos>,
    .grad = {{0, reads_value(0), [](Backward& b) { return neg(absorb(b.dy(), sin(b.value(0)))); }}},
    .traits = kElementwise,
    .cost = 15,
};

const OpDef kTan = {
    .name = "tan",
    .doc = "The tangent of an angle in radians, far ones as by sin.",
    .signatures = {"tan(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::tan>,
    .grad = {{0, reads_output(0),
              [](Backward& b) { return absorb(b.dy(), add(square(b.output(0)), 1)); }}},
    .traits = kElementwise,
    .cost = 20,
};

const OpDef kAtan = {
    .name = "atan",
    .doc = "The angle whose tangent is the element, in [-pi/2, pi/2].",
    .signatures = {"atan(Tensor input) -> Tensor", "arctan(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::atan>,
    .grad = {{0, reads_value(0),
              [](Backward& b) { return absorb_div(b.dy(), add(square(b.value(0)), 1)); }}},
    .traits = kElementwise,
    .cost = 15,
};

namespace {

// c / (y^2 + x^2), and 0 at the origin.
Tensor over_square_radius(const Tensor& c, const Tensor& y, const Tensor& x) {
  const Tensor r2 = add(square(x), square(y));
  return masked_fill(div(c, r2), eq(r2, 0), 0);
}

}  // namespace

const OpDef kAtan2 = {
    .name = "atan2",
    .doc =
        "The angle of the point (other, input) in (-pi, pi]; the shapes broadcast. Its derivative "
        "at the origin is taken as 0, and it is 0 where dy is 0.",
    .signatures = {"atan2(Tensor input, Tensor other) -> Tensor",
                   "arctan2(Tensor input, Tensor other) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::atan2>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor y = b.value(0), x = b.value(1);
                return absorb(b.dy(), over_square_radius(x, y, x));
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor y = b.value(0), x = b.value(1);
                return neg(absorb(b.dy(), over_square_radius(y, y, x)));
              }}},
    .traits = kElementwise | kBroadcasts,
    .cost = 25,
};

const OpDef kErf = {
    .name = "erf",
    .doc =
        "The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to the element.",
    .signatures = {"erf(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .promotion = Promotion::kFloat,
    .infer = infer_map,
    .forward = forward_map<Map::erf>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const Tensor density = exp(neg(square(b.value(0))));
                return absorb(b.dy(), mul(density, 2 * std::numbers::inv_sqrtpi));
              }}},
    .traits = kElementwise,
    .cost = 20,
};

namespace {

void infer_rounding(Infer& c) {
  if (is_bool(c[0])) fail<DtypeError>(c.name(), "expected numbers; got bool.");
  infer_map(c);
}

// Rounding leaves integers alone.
template <Map kMap>
void forward_rounding(Run& r) {
  if (is_floating(r[0].dtype())) return run_map(r, {kMap});
  copy_strided(r.out(), r[0]);
}

}  // namespace

const OpDef kFloor = {
    .name = "floor",
    .doc = "The largest integer not above each element.",
    .signatures = {"floor(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_rounding,
    .forward = forward_rounding<Map::floor>,
    .grad = {{0, kReadsNothing, zero_slope}},
    .traits = kElementwise,
};

const OpDef kCeil = {
    .name = "ceil",
    .doc = "The smallest integer not below each element.",
    .signatures = {"ceil(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_rounding,
    .forward = forward_rounding<Map::ceil>,
    .grad = {{0, kReadsNothing, zero_slope}},
    .traits = kElementwise,
};

const OpDef kRound = {
    .name = "round",
    .doc = "The nearest integer, halves to the even one.",
    .signatures = {"round(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_rounding,
    .forward = forward_rounding<Map::round>,
    .grad = {{0, kReadsNothing, zero_slope}},
    .traits = kElementwise,
};

const OpDef kTrunc = {
    .name = "trunc",
    .doc = "Each element without its fraction.",
    .signatures = {"trunc(Tensor input) -> Tensor", "fix(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_rounding,
    .forward = forward_rounding<Map::trunc>,
    .grad = {{0, kReadsNothing, zero_slope}},
    .traits = kElementwise,
};

const OpDef kRoundDecimals = {
    .name = "round_decimals",
    .doc = "Rounded to a number of decimals, halves to even.",
    .signatures = {"round(Tensor input, *, int decimals=0) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          const int64_t decimals = c.as<RoundDecimalsAttrs>().decimals;
          const double scale = std::pow(10.0, std::abs(decimals));
          if (decimals == 0) return just(round(c[0]));
          if (decimals > 0) return just(div(round(mul(c[0], scale)), scale));
          return just(mul(round(div(c[0], scale)), scale));
        },
    .dtypes = kWideDTypes,
};

const OpDef kFrac = {
    .name = "frac",
    .doc = "The fraction of each element, with its sign.",
    .signatures = {"frac(Tensor input) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose = [](const Call& c) { return just(sub(c[0], trunc(c[0]))); },
};

}  // namespace chainrule::ops
