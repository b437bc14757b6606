// Vector norms over any set of dimensions. The derivative where a norm is 0 is 0, as PyTorch's.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

using kernels::Map;
using kernels::Reduce;

Dims dims_of(const Call& c) {
  return reduced_dims(c.name(), c.as<EuclideanNormAttrs>().dim, c[0].dim());
}

Tensor norm_of(const Call& c, const Tensor& input, double p, const OptDims& dim, bool keepdim,
               OptDType dtype) {
  const Tensor x =
      dtype.has() && dtype.value() != input.dtype() ? cast(input, dtype.value()) : input;
  if (!is_floating(x.dtype())) fail_dtype(c.name(), x.dtype(), kRealDTypes);
  if (x.dtype() == DType::kBFloat16)
    return cast(norm_of(c, x, p, dim, keepdim, DType::kFloat32), DType::kBFloat16);
  if (p == 2) return euclidean_norm(x, dim, keepdim);
  const Dims dims = reduced_dims(c.name(), dim, x.dim());
  const OptDims over(dims);
  const Tensor size = abs(x);
  // A count with a gradient of zeros, which it takes from sign.
  if (p == 0) return sum(where(ne(x, 0), 1, sign(size)), over, keepdim);
  if (p == 1) return sum(size, over, keepdim);
  // Over no elements a negative order has no value, as the smallest of them has none.
  if (std::isinf(p) || (p < 0 && size.numel() == 0))
    return p > 0 ? amax(size, over, keepdim) : amin(size, over, keepdim);
  // Powers have infinite slopes at 0, where the norm's derivative is 0 by convention.
  const Tensor zero = eq(size, 0);
  const Tensor powers = p < 0 ? pow(size, p) : where(zero, 0, pow(where(zero, 1, size), p));
  const Tensor total = sum(powers, over, keepdim), empty = eq(total, 0);
  return where(empty, p < 0 ? HUGE_VAL : 0.0, pow(where(empty, 1, total), 1 / p));
}

}  // namespace

const OpDef kEuclideanNorm = {
    .name = "euclidean_norm",
    .doc =
        "The root of the sum of squares over the given dims (all of them by default). The "
        "derivative is x / norm, and 0 where the norm is 0.",
    .signatures = {"euclidean_norm(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Dims dims = dims_of(c);
          c.out(c[0].dtype(),
                reduced_sizes(c[0].sizes(), dims, c.as<EuclideanNormAttrs>().keepdim));
          c.scratch_bytes = ReducePlan(c[0], dims).scratch_bytes(c[0]);
        },
    .forward =
        [](Run& r) {
          const Tensor& y = r.out();
          run_reduce(Reduce::sum_squares, y, r[0], dims_of(r), r.scratch);
          run_elementwise(
              kernels::table().map[static_cast<int>(Map::sqrt)][static_cast<int>(y.dtype())], y,
              {&y, 1}, nullptr);
        },
    .grad = {{0, reads_value(0) | reads_output(0),
              [](Backward& b) {
                const Tensor x = b.value(0);
                const Dims dims = reduced_dims("norm", b.as<EuclideanNormAttrs>().dim, x.dim());
                const Dims kept = reduced_sizes(x.sizes(), dims, true);
                const Tensor y = reshape(b.output(0), kept), zero = eq(y, 0);
                const Tensor each = absorb_div(reshape(b.dy(), kept), where(zero, 1, y));
                return absorb(where(zero, 0, each), x);
              }}},
    .dtypes = kRealDTypes,
    .cost = 2,
};

const OpDef kVectorNorm = {
    .name = "vector_norm",
    .doc =
        "sum(|x|^ord)^(1 / ord) over the given dims (all of them by default); ord inf and -inf "
        "are the largest and smallest absolute value, ord 0 counts the non-zero elements.",
    .signatures = {"vector_norm(Tensor x, Number ord=2, int[]? dim=None, bool keepdim=False, *, "
                   "dtype? dtype=None) -> Tensor"},
    .surface = kLinalg,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<VectorNormAttrs>();
          return just(norm_of(c, c[0], a.ord.real, a.dim, a.keepdim, a.dtype));
        },
    .autocast = in_float32,
};

const OpDef kNorm = {
    .name = "norm",
    .doc =
        "The p-norm of all elements, or over the given dims. By default, and with p=None, it is "
        "'fro', the 2-norm.",
    .signatures = {"norm(Tensor input, NormOrder p='fro', int[]? dim=None, bool keepdim=False, "
                   "dtype? dtype=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NormAttrs>();
          return just(norm_of(c, c[0], a.p.real, a.dim, a.keepdim, a.dtype));
        },
    .autocast = in_float32,
};

}  // namespace chainrule::ops
