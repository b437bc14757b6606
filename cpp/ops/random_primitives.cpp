// The pure functions behind random.cpp: values from a generator's snapshot {seed, offset}.
#include <limits>

#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/random.h"
#include "ops/ranges.h"
#include "ops/view_rules.h"

namespace chainrule {

void check_random_inputs(const char* op, const Tensor& state, const Tensor& values) {
  if (state.dtype() != DType::kInt64 || !(state.sizes() == Dims{2}) || !state.is_contiguous()) {
    throw InternalError(str("[", op, "] expected a generator's state."));
  }
  if (!values.defined()) return;
  const bool known = values.dtype() == DType::kFloat32 || values.dtype() == DType::kFloat64;
  if (!known || !values.is_contiguous()) {
    throw InternalError(str("[", op, "] expected a dense float32 or float64 tensor."));
  }
}

namespace ops {

namespace {

constexpr int64_t kCost = 8;  // operations an element, about

template <typename Slot>
auto slot_for(const char* op, const Slot* slots, DType t) {
  if (!is_floating(t) || !slots[kernels::float_index(t)]) {
    fail<DtypeError>(op, "expected float32 or float64; got ", dtype_name(t), ".");
  }
  return slots[kernels::float_index(t)];
}

void draw(Run& r, kernels::RandomFn fn) {
  for_range(r.out().numel(), kCost, [&](int64_t begin, int64_t end) {
    fn(begin, end, r[0].data<int64_t>(), r.out().raw());
  });
}

void draw_bits(Run& r, int64_t n) {
  for_range(n, kCost, [&](int64_t begin, int64_t end) {
    kernels::table().random_bits(begin, end, r[0].data<int64_t>(), r.scratch);
  });
}

// The largest integer a dtype counts up to without gaps, and the lowest.
void integer_range(DType t, int64_t* low, int64_t* high) {
  switch (t) {
    case DType::kBool:
      *low = 0, *high = 1;
      return;
    case DType::kUInt8:
      *low = 0, *high = 255;
      return;
    case DType::kInt32:
      *low = std::numeric_limits<int32_t>::min(), *high = std::numeric_limits<int32_t>::max();
      return;
    case DType::kInt64:
      *low = std::numeric_limits<int64_t>::min(), *high = std::numeric_limits<int64_t>::max();
      return;
    default:
      *high = int64_t{1} << (t == DType::kFloat64 ? 53 : t == DType::kFloat32 ? 24 : 8);
      *low = -*high;
  }
}

void infer_random_integers(Infer& c) {
  check_random_inputs(c.name(), c[0]);
  const auto& a = c.as<RandomIntegersAttrs>();
  const DType t = a.dtype.value();
  if (a.low >= a.high) {
    fail<ValueError>("randint", "expected low < high; got ", a.low, " and ", a.high, ".");
  }
  int64_t low, high;
  integer_range(t, &low, &high);
  if (a.low < low || a.high - 1 > high) {
    fail<ValueError>("randint", "expected values in [", low, ", ", high, "] for ", dtype_name(t),
                     "; got [", a.low, ", ", a.high - 1, "].");
  }
  c.out(t, a.size);
  c.scratch_bytes = checked_numel("randint", a.size) * 8;
}

}  // namespace

const OpDef kRandomNext = {
    .name = "random_next",
    .doc = "The state after one random call: offset + 1.",
    .signatures = {"random_next(Tensor state) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_random_inputs(c.name(), c[0]);
          c.out(DType::kInt64, {2});
        },
    .forward =
        [](Run& r) {
          const int64_t* state = r[0].data<int64_t>();
          r.out().data<int64_t>()[0] = state[0];
          // Unsigned: the counter wraps instead of overflowing.
          r.out().data<int64_t>()[1] = static_cast<int64_t>(static_cast<uint64_t>(state[1]) + 1);
        },
};

const OpDef kRandomUniform = {
    .name = "random_uniform",
    .doc = "Uniform random numbers in [0, 1) from a generator's snapshot.",
    .signatures = {"random_uniform(Tensor state, int[] size, dtype dtype) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_random_inputs(c.name(), c[0]);
          const auto& a = c.as<RandomUniformAttrs>();
          slot_for("rand", kernels::table().uniform, a.dtype.value());
          c.out(a.dtype.value(), a.size);
        },
    .forward = [](Run& r) { draw(r, slot_for("rand", kernels::table().uniform, r.out().dtype())); },
    .cost = kCost,
};

const OpDef kRandomNormal = {
    .name = "random_normal",
    .doc = "Normal random numbers of mean 0 and variance 1 from a generator's snapshot.",
    .signatures = {"random_normal(Tensor state, int[] size, dtype dtype) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_random_inputs(c.name(), c[0]);
          const auto& a = c.as<RandomNormalAttrs>();
          slot_for("randn", kernels::table().normal, a.dtype.value());
          c.out(a.dtype.value(), a.size);
        },
    .forward = [](Run& r) { draw(r, slot_for("randn", kernels::table().normal, r.out().dtype())); },
    .cost = 4 * kCost,
};

const OpDef kRandomIntegers = {
    .name = "random_integers",
    .doc = "Random integers of low ... high - 1 from a generator's snapshot.",
    .signatures = {"random_integers(Tensor state, int low, int high, int[] size, dtype dtype) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer = infer_random_integers,
    .forward =
        [](Run& r) {
          const auto& a = r.as<RandomIntegersAttrs>();
          const uint64_t range = static_cast<uint64_t>(a.high) - static_cast<uint64_t>(a.low);
          const int64_t n = r.out().numel();
          draw_bits(r, n);
          kernels::random_integers(r.out().dtype(), 0, n, static_cast<const uint64_t*>(r.scratch),
                                   a.low, range, r.out().raw());
        },
    .cost = kCost,
};

const OpDef kRandomPermutation = {
    .name = "random_permutation",
    .doc = "A random permutation of 0 ... n - 1 from a generator's snapshot.",
    .signatures = {"random_permutation(Tensor state, int n) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_random_inputs(c.name(), c[0]);
          const int64_t n = c.as<RandomPermutationAttrs>().n;
          if (n < 0) fail<ValueError>("randperm", "expected n >= 0; got ", n, ".");
          c.out(DType::kInt64, {n});
          c.scratch_bytes = checked_numel("randperm", {n}) * 8;
        },
    .forward =
        [](Run& r) {
          const int64_t n = r.out().numel();
          draw_bits(r, n);
          const LongWork release(n);
          kernels::permutation(n, static_cast<const uint64_t*>(r.scratch), r.out().data<int64_t>());
        },
    .cost = kCost,
};

const OpDef kRandomBernoulli = {
    .name = "random_bernoulli",
    .doc = "1 with the probability the input gives, else 0, from a generator's snapshot.",
    .signatures = {"random_bernoulli(Tensor input, Tensor state) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_random_inputs(c.name(), c[1]);
          slot_for("bernoulli", kernels::table().uniform, c[0].dtype());
          c.out(c[0].dtype(), c[0].sizes());
          c.scratch_bytes = c[0].numel() * itemsize(c[0].dtype());
        },
    .forward =
        [](Run& r) {
          const Tensor &p = r[0], &out = r.out();
          const kernels::RandomFn fn = slot_for("bernoulli", kernels::table().uniform, p.dtype());
          for_range(p.numel(), kCost, [&](int64_t begin, int64_t end) {
            fn(begin, end, r[1].data<int64_t>(), r.scratch);
          });
          copy_strided(out, p);  // dense; the kernel then works in place
          int64_t bad;
          {
            const LongWork release(p.numel());
            bad = kernels::bernoulli(p.dtype(), p.numel(), r.scratch, out.raw(), 1, out.raw());
          }
          if (bad >= 0) {
            fail<ValueError>("bernoulli", "expected probabilities in [0, 1]; got another value at ",
                             "element ", bad, " of ", p.sizes(), ".");
          }
        },
    .dtypes = kRealDTypes,
    .cost = kCost,
};

const OpDef kRandomDropout = {
    .name = "random_dropout",
    .doc = "Zero with probability p, else input / (1 - p), from a generator's snapshot.",
    .signatures = {"random_dropout(Tensor input, Tensor state, float p) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          slot_for("dropout", kernels::table().dropout, c[0].dtype());
          check_random_inputs(c.name(), c[1], c[0]);
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward =
        [](Run& r) {
          const double p = r.as<RandomDropoutAttrs>().p;
          const double params[] = {p, p < 1 ? 1 / (1 - p) : 0.0};
          const auto fn = slot_for("dropout", kernels::table().dropout, r[0].dtype());
          for_range(r.out().numel(), kCost, [&](int64_t begin, int64_t end) {
            fn(begin, end, r[1].data<int64_t>(), r.out().raw(), r[0].raw(), params);
          });
        },
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return random_dropout(contiguous(b.dy()), b.value(1), b.as<RandomDropoutAttrs>().p);
              }}},
    .dtypes = kRealDTypes,
    .cost = kCost,
};

}  // namespace ops
}  // namespace chainrule
