// Drawing places by weight, with and without replacement.
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/random.h"
#include "ops/ranges.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

void draw_uniform(int64_t n, const Tensor& state, double* out) {
  const auto fn = kernels::table().uniform[kernels::float_index(DType::kFloat64)];
  for_range(n, 8, [&](int64_t begin, int64_t end) { fn(begin, end, state.data<int64_t>(), out); });
}

void check_row(int64_t bad, const Tensor& weights) {
  if (bad < 0) return;
  fail<ValueError>("multinomial",
                   "expected finite weights >= 0 in every row, enough of them > 0 for ",
                   "what is drawn; got others in row ", bad, " of ", weights.sizes(), ".");
}

// What kMultinomial sees to before it calls the primitives.
void check_primitive(const Infer& c, int64_t count, bool replacement) {
  check_random_inputs(c.name(), c[1], c[0]);
  const int64_t n = c[0].dim() > 0 ? c[0].size(-1) : 0;
  if (n == 0 || count <= 0 || (!replacement && count > n)) {
    throw InternalError(str("[", c.name(), "] expected rows of weights to draw from."));
  }
}

}  // namespace

const OpDef kRandomTimes = {
    .name = "random_times",
    .doc = "For each place an arrival time whose rate is its weight, from a generator's snapshot.",
    .signatures = {"random_times(Tensor input, Tensor state, int needed) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_primitive(c, c.as<RandomTimesAttrs>().needed, false);
          c.out(DType::kFloat64, c[0].sizes());
        },
    .forward =
        [](Run& r) {
          const Tensor &weights = r[0], &out = r.out();
          const int64_t n = weights.size(-1), rows = leading_product(weights.sizes(), 1);
          draw_uniform(out.numel(), r[1], out.data<double>());
          int64_t bad;
          {
            const LongWork release(weights.numel());
            bad = kernels::arrival_times(weights.dtype(), rows, n, r.as<RandomTimesAttrs>().needed,
                                         weights.raw(), out.data<double>());
          }
          check_row(bad, weights);
        },
};

const OpDef kRandomPlaces = {
    .name = "random_places",
    .doc = "num_samples places a row, with replacement, from a generator's snapshot.",
    .signatures = {"random_places(Tensor input, Tensor state, int num_samples) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_primitive(c, c.as<RandomPlacesAttrs>().num_samples, true);
          Dims sizes = c[0].sizes();
          const int64_t n = c[0].size(-1);
          sizes[c[0].dim() - 1] = c.as<RandomPlacesAttrs>().num_samples;
          c.out(DType::kInt64, sizes);
          c.scratch_bytes = (checked_numel("multinomial", sizes) + n) * 8;
        },
    .forward =
        [](Run& r) {
          const Tensor &weights = r[0], &out = r.out();
          const int64_t n = weights.size(-1), rows = leading_product(weights.sizes(), 1);
          double* uniform = static_cast<double*>(r.scratch);
          draw_uniform(out.numel(), r[1], uniform);
          int64_t bad;
          {
            const LongWork release(weights.numel() + out.numel());
            bad = kernels::choose_places(weights.dtype(), rows, n, out.size(-1), weights.raw(),
                                         uniform, uniform + out.numel(), out.data<int64_t>());
          }
          check_row(bad, weights);
        },
};

const OpDef kMultinomial = {
    .name = "multinomial",
    .doc =
        "Indices drawn with probabilities in proportion to the weights: num_samples of them for a "
        "vector, or for each row of a matrix. Without replacement no index comes twice.",
    .signatures = {"multinomial(Tensor input, int num_samples, bool replacement=False, *, "
                   "Tensor? generator=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const auto& a = c.as<MultinomialAttrs>();
          if (x.dim() < 1 || x.dim() > 2 || x.size(-1) == 0) {
            fail<ShapeError>(c.name(), "expected a vector or a matrix of weights; got ", x.sizes(),
                             ".");
          }
          if (!is_floating(x.dtype())) {
            fail<DtypeError>(c.name(), "expected bfloat16, float32 or float64 weights; got ",
                             dtype_name(x.dtype()), ".");
          }
          if (a.num_samples <= 0 || (!a.replacement && a.num_samples > x.size(-1))) {
            fail<ValueError>(c.name(), "expected num_samples > 0, and at most ", x.size(-1),
                             " without replacement; got ", a.num_samples, ".");
          }
          const NoGrad off;
          const Tensor weights =
                           contiguous(x.dtype() == DType::kBFloat16 ? cast(x, DType::kFloat32) : x),
                       state = take_random_state(c[1], c.name());
          if (a.replacement) return just(random_places(weights, state, a.num_samples));
          const Tensor times = random_times(weights, state, a.num_samples);
          return just(sort_rows(times, a.num_samples, false)[1]);
        },
};

}  // namespace chainrule::ops
