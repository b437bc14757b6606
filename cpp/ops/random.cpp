// Random tensors. Each public op takes a snapshot of its generator and calls a primitive that is a
// pure function of it (random.h); the primitives stand in random_primitives.cpp.
#include "ops/random.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// Of bfloat16 the 256 values that stand at equal distances below 1: a rounded float32 could be 1.
Tensor uniform_values(const Tensor& state, const Dims& sizes, DType dtype) {
  if (dtype != DType::kBFloat16) return random_uniform(state, sizes, dtype);
  const Tensor places = floor(mul(random_uniform(state, sizes, DType::kFloat32), 256.0));
  return cast(mul(places, 1.0 / 256), dtype);
}

Tensor normal_values(const Tensor& state, const Dims& sizes, DType dtype) {
  if (dtype != DType::kBFloat16) return random_normal(state, sizes, dtype);
  return cast(random_normal(state, sizes, DType::kFloat32), dtype);
}

Tensor uniform_like(const Tensor& x, const Tensor& generator, const char* op) {
  return uniform_values(take_random_state(generator, op), x.sizes(), x.dtype());
}

double largest_below(double limit, DType dtype) {
  if (dtype == DType::kFloat64) return std::nextafter(limit, -HUGE_VAL);
  const float near = static_cast<float>(limit);
  const float below = near < limit ? near : std::nextafter(near, -HUGE_VALF);
  if (dtype != DType::kBFloat16) return below;
  const uint32_t bits = std::bit_cast<uint32_t>(below);  // cut away from or towards 0
  return std::bit_cast<float>((below < 0 ? bits + 0xFFFFu : bits) & 0xFFFF0000u);
}

void check_probability(const char* op, double p) {
  if (!(p >= 0 && p <= 1)) {
    fail<ValueError>(op, "expected a probability p in [0, 1]; got ", p, ".");
  }
}

void check_std(const char* op, double std) {
  if (!(std >= 0)) fail<ValueError>(op, "expected std >= 0; got ", std, ".");
}

}  // namespace

const OpDef kRand = {
    .name = "rand",
    .doc = "Uniform random numbers in [0, 1).",
    .signatures = {"rand(int[] size, *, Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RandAttrs>();
          return just(uniform_values(take_random_state(c[0], c.name()), a.size,
                                     a.dtype.value_or(default_dtype())));
        },
};

const OpDef kRandn = {
    .name = "randn",
    .doc = "Normal random numbers of mean 0 and variance 1.",
    .signatures = {"randn(int[] size, *, Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RandnAttrs>();
          return just(normal_values(take_random_state(c[0], c.name()), a.size,
                                    a.dtype.value_or(default_dtype())));
        },
};

const OpDef kRandLike = {
    .name = "rand_like",
    .doc = "rand(input.shape) of the input's dtype unless another is given.",
    .signatures =
        {"rand_like(Tensor input, *, Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const DType t = c.as<RandLikeAttrs>().dtype.value_or(c[0].dtype());
          return just(uniform_values(take_random_state(c[1], c.name()), c[0].sizes(), t));
        },
};

const OpDef kRandnLike = {
    .name = "randn_like",
    .doc = "randn(input.shape) of the input's dtype unless another is given.",
    .signatures =
        {"randn_like(Tensor input, *, Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const DType t = c.as<RandnLikeAttrs>().dtype.value_or(c[0].dtype());
          return just(normal_values(take_random_state(c[1], c.name()), c[0].sizes(), t));
        },
};

const OpDef kRandint = {
    .name = "randint",
    .doc = "Random integers, each of low ... high - 1 equally likely.",
    .signatures = {"randint(int low, int high, int[] size, *, Tensor? generator=None, "
                   "dtype? dtype=None) -> Tensor",
                   "randint(int high, int[] size, *, Tensor? generator=None, dtype? dtype=None) -> "
                   "Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RandintAttrs>();
          return just(random_integers(take_random_state(c[0], c.name()), a.low, a.high, a.size,
                                      a.dtype.value_or(DType::kInt64)));
        },
};

const OpDef kRandintLike = {
    .name = "randint_like",
    .doc = "randint(low, high, input.shape) of the input's dtype unless another is given.",
    .signatures = {"randint_like(Tensor input, int low, int high, *, Tensor? generator=None, "
                   "dtype? dtype=None) -> Tensor",
                   "randint_like(Tensor input, int high, *, Tensor? generator=None, "
                   "dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RandintLikeAttrs>();
          return just(random_integers(take_random_state(c[1], c.name()), a.low, a.high,
                                      c[0].sizes(), a.dtype.value_or(c[0].dtype())));
        },
};

const OpDef kRandperm = {
    .name = "randperm",
    .doc = "A random permutation of 0 ... n - 1.",
    .signatures = {"randperm(int n, *, Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<RandpermAttrs>();
          const DType t = a.dtype.value_or(DType::kInt64);
          const Tensor order = random_permutation(take_random_state(c[0], c.name()), a.n);
          return just(t == DType::kInt64 ? order : cast(order, t));
        },
};

const OpDef kBernoulli = {
    .name = "bernoulli",
    .doc = "1 with the probability that the input (or p) gives, else 0. No gradient.",
    .signatures = {"bernoulli(Tensor input, float? p=None, *, Tensor? generator=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const NoGrad off;
          const OptFloat& p = c.as<BernoulliAttrs>().p;
          if (p.has) return just(bernoulli_fill(c[0], p.value, c[1]));
          return just(random_bernoulli(c[0], take_random_state(c[1], c.name())));
        },
};

const OpDef kBernoulliFill = {
    .name = "bernoulli_fill",
    .doc = "Fills with 1 with probability p, else 0.",
    .signatures = {"bernoulli(Tensor input, float p=0.5, *, Tensor? generator=None) -> Tensor"},
    .surface = kInPlace,
    .compose =
        [](const Call& c) {
          const double p = c.as<BernoulliFillAttrs>().p;
          check_probability("bernoulli", p);
          const DType t = is_floating(c[0].dtype()) ? c[0].dtype() : default_dtype();
          const Tensor drawn =
              lt(uniform_values(take_random_state(c[1], "bernoulli"), c[0].sizes(), t), p);
          return just(cast(drawn, c[0].dtype()));
        },
};

const OpDef kUniform = {
    .name = "uniform",
    .doc = "Fills with uniform random numbers in [from, to).",
    .signatures = {"uniform(Tensor input, float from=0.0, float to=1.0, *, Tensor? generator=None) "
                   "-> Tensor"},
    .surface = kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<UniformAttrs>();
          if (!(a.from <= a.to)) {
            fail<ValueError>(c.name(), "expected from <= to; got ", a.from, " and ", a.to, ".");
          }
          const Tensor u = uniform_like(c[0], c[1], c.name());
          if (a.from == 0 && a.to == 1) return just(u);
          const Tensor scaled =
              add(mul(u, a.to - a.from), a.from);  // rounds up to `to` itself, too
          const double last = std::max(a.from, largest_below(a.to, u.dtype()));
          return just(clamp(scaled, OptNumber(), OptNumber(last)));
        },
};

const OpDef kNormalFill = {
    .name = "normal_fill",
    .doc = "Fills with normal random numbers of the given mean and standard deviation.",
    .signatures = {"normal(Tensor input, float mean=0.0, float std=1.0, *, Tensor? generator=None) "
                   "-> Tensor"},
    .surface = kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NormalFillAttrs>();
          check_std("normal", a.std);
          const Tensor z =
              normal_values(take_random_state(c[1], "normal"), c[0].sizes(), c[0].dtype());
          if (a.mean == 0 && a.std == 1) return just(z);
          return just(add(mul(z, a.std), a.mean));
        },
};

const OpDef kNormal = {
    .name = "normal",
    .doc =
        "Normal random numbers whose mean and std are tensors (broadcast), or numbers together "
        "with a size. No gradient.",
    .signatures = {"normal(Operand mean, Operand std=1.0, int[]? size=None, *, "
                   "Tensor? generator=None, dtype? dtype=None) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NormalAttrs>();
          const Tensor mean = c[0], std = c.has(1) ? c[1] : Tensor::number(1.0);
          const bool numbers = mean->weak_number && std->weak_number;
          if (numbers != (a.size.has != 0)) {
            fail<TypeError>(c.name(),
                            "expected tensors for mean or std, or two numbers and a size; got ",
                            numbers ? "two numbers alone." : "a tensor and a size.");
          }
          if (std->weak_number) check_std(c.name(), std.item_double());
          Dims sizes = a.size.value;
          if (!numbers && !broadcast_shapes(mean.sizes(), std.sizes(), &sizes)) {
            fail<ShapeError>(c.name(), "expected shapes that broadcast; got ", mean.sizes(),
                             " and ", std.sizes(), ".");
          }
          const NoGrad off;
          const Tensor both[] = {mean, std};
          const DType t = numbers ? a.dtype.value_or(default_dtype()) : result_type(both);
          const Tensor z = normal_values(take_random_state(c[2], c.name()), sizes, t);
          return just(add(mul(z, std), mean));
        },
};

const OpDef kDropout = {
    .name = "dropout",
    .doc =
        "While training, each element is 0 with probability p, else divided by 1 - p; otherwise "
        "the input. The gradient passes through the same elements.",
    .signatures = {"dropout(Tensor input, float p=0.5, bool training=True, *, "
                   "Tensor? generator=None) -> Tensor"},
    .surface = kFunction | kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<DropoutAttrs>();
          check_probability(c.name(), a.p);
          if (!a.training || a.p == 0 || c[0].numel() == 0) return just(c[0]);
          return just(random_dropout(contiguous(c[0]), take_random_state(c[1], c.name()), a.p));
        },
};

}  // namespace chainrule::ops
