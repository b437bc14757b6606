// Sums, means, products, any and all over any set of dimensions. No dim means all of them; an empty
// set of elements gives sum 0, product 1, any False, all True and a mean of NaN.
#include "ops/reduce.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;
using kernels::Reduce;

namespace {

DType accumulated(DType t) { return is_floating(t) ? t : DType::kInt64; }

template <typename Attrs>
Dims dims_of(const Call& c, const Attrs& attrs) {
  return reduced_dims(c.name(), attrs.dim, c[0].dim());
}

template <typename Attrs>
void infer_reduce(Infer& c, DType dtype) {
  const auto& a = c.as<Attrs>();
  const Dims dims = dims_of(c, a);
  c.out(dtype, reduced_sizes(c[0].sizes(), dims, a.keepdim));
  c.scratch_bytes = ReducePlan(c[0], dims).scratch_bytes(c[0]);
}

template <typename Attrs>
void infer_accumulate(Infer& c) {
  infer_reduce<Attrs>(c, accumulated(c[0].dtype()));
}

template <typename Attrs>
void infer_truth(Infer& c) {  // of uint8: uint8, as PyTorch
  infer_reduce<Attrs>(c, c[0].dtype() == DType::kUInt8 ? DType::kUInt8 : DType::kBool);
}

template <typename Attrs, Reduce kOp>
inline constexpr Forward forward_reduce{
    [](Run& r) { run_reduce(kOp, r.out(), r[0], dims_of(r, r.as<Attrs>()), r.scratch); },
    [](const Run& r, Launch& launch) {
      return prepare_reduce(kOp, r, dims_of(r, r.as<Attrs>()), launch);
    }};

template <typename Attrs>
Tensor spread(Backward& b, const Tensor& dy) {
  const Dims& sizes = b.shape(0).sizes;
  return expand_reduced(dy, sizes, reduced_dims("backward", b.as<Attrs>().dim, sizes.size()));
}

int64_t count_reduced(const Dims& sizes, const Dims& dims) {
  int64_t n = 1;
  for (int64_t d : dims) n *= sizes[d];
  return n;
}

Tensor in_dtype(const Tensor& t, OptDType dtype) {
  return !dtype.has() || dtype.value() == t.dtype() ? t : cast(t, dtype.value());
}

void divide_in_place(const Tensor& t, double by) {
  const Tensor divisor = Tensor::empty(t.dtype(), {});
  if (t.dtype() == DType::kFloat64) {
    *divisor.data<double>() = by;
  } else {
    *divisor.data<float>() = static_cast<float>(by);
  }
  const void* in[] = {t.raw(), divisor.raw()};
  const int64_t strides[] = {1, 0};
  kernels::table().map[static_cast<int>(Map::div)][static_cast<int>(t.dtype())](
      t.numel(), t.raw(), in, strides, nullptr);
}

double size_of_reduction(const Call& c, const Dims& dims) {
  return static_cast<double>(count_reduced(c[0].sizes(), dims));
}

}  // namespace

const OpDef kSum = {
    .name = "sum",
    .doc =
        "The sum over the given dims (all of them by default), kept as 1 with keepdim. Integers "
        "and bools add up in int64.",
    .signatures = {"sum(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_accumulate<SumAttrs>,
    .forward = forward_reduce<SumAttrs, Reduce::sum>,
    .grad = {{0, reads_shape(0), [](Backward& b) { return spread<SumAttrs>(b, b.dy()); }}},
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kSumAs = {
    .name = "sum_as",
    .doc = "The sum over the given dims, computed in another dtype.",
    .signatures =
        {"sum(Tensor input, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> "
         "Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SumAsAttrs>();
          return just(in_dtype(sum(in_dtype(c[0], a.dtype), a.dim, a.keepdim), a.dtype));
        },
    .autocast = in_float32,
};

const OpDef kMean = {
    .name = "mean",
    .doc = "The mean over the given dims (all of them by default), kept as 1 with keepdim.",
    .signatures = {"mean(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = [](Infer& c) { infer_reduce<MeanAttrs>(c, c[0].dtype()); },
    .forward =
        [](Run& r) {
          const Dims dims = dims_of(r, r.as<MeanAttrs>());
          run_reduce(Reduce::sum, r.out(), r[0], dims, r.scratch);
          divide_in_place(r.out(), size_of_reduction(r, dims));
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                const Dims& sizes = b.shape(0).sizes;
                const Dims dims = reduced_dims("mean", b.as<MeanAttrs>().dim, sizes.size());
                return spread<MeanAttrs>(b, div(b.dy(), count_reduced(sizes, dims)));
              }}},
    .autocast = in_float32,
    .dtypes = kRealDTypes,
};

const OpDef kMeanAs = {
    .name = "mean_as",
    .doc = "The mean over the given dims, computed in another dtype.",
    .signatures =
        {"mean(Tensor input, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> "
         "Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<MeanAsAttrs>();
          return just(mean(in_dtype(c[0], a.dtype), a.dim, a.keepdim));
        },
    .autocast = in_float32,
};

const OpDef kReduceProd = {
    .name = "reduce_prod",
    .doc =
        "The product over the given dims. The derivative by an element is the product of the "
        "others; where three elements or more are 0, third derivatives count as 0.",
    .signatures = {"reduce_prod(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_accumulate<ReduceProdAttrs>,
    .forward = forward_reduce<ReduceProdAttrs, Reduce::prod>,
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const Tensor x = b.value(0);
                const auto& a = b.as<ReduceProdAttrs>();
                const Dims dims = reduced_dims("prod", a.dim, x.dim());
                const Dims kept = reduced_sizes(x.sizes(), dims, true);
                // The product of the others, written so that it has the right derivative where it
                // is zero, too: with one zero the others' is that zero times the rest; with two,
                // that of one zero is the other zero times the rest.
                const Tensor zero = eq(x, 0), plain = where(zero, 1, x);
                const Tensor zeros_in = sum(zero, OptDims(dims), true);
                const Tensor zeros = sum(where(zero, x, 0), OptDims(dims), true);
                const Tensor rest = reduce_prod(plain, OptDims(dims), true);
                const Tensor without = div(rest, plain);
                const Tensor one = where(zero, rest, absorb(zeros, without));
                const Tensor two = where(zero, absorb(sub(zeros, x), rest), 0);
                const Tensor others =
                    where(eq(zeros_in, 0), without,
                          where(eq(zeros_in, 1), one, where(eq(zeros_in, 2), two, 0)));
                return absorb(reshape(b.dy(), kept), others);
              }}},
    .dtypes = kWideDTypes,
};

const OpDef kProd = {
    .name = "prod",
    .doc =
        "The product over dim (over everything by default), kept as 1 with keepdim. Integers and "
        "bools multiply in int64.",
    .signatures =
        {"prod(Tensor input, int? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ProdAttrs>();
          const OptDims dims = a.dim.has ? OptDims(Dims{a.dim.value}) : OptDims();
          return just(in_dtype(reduce_prod(in_dtype(c[0], a.dtype), dims, a.keepdim), a.dtype));
        },
    .autocast = in_float32,
};

const OpDef kAny = {
    .name = "any",
    .doc = "Whether any element over the given dims (all of them by default) is non-zero.",
    .signatures = {"any(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_truth<AnyAttrs>,
    .forward = forward_reduce<AnyAttrs, Reduce::any>,
};

const OpDef kAll = {
    .name = "all",
    .doc = "Whether all elements over the given dims (all of them by default) are non-zero.",
    .signatures = {"all(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_truth<AllAttrs>,
    .forward = forward_reduce<AllAttrs, Reduce::all>,
};

const OpDef kCountNonzero = {
    .name = "count_nonzero",
    .doc = "How many elements over the given dims (all of them by default) are non-zero.",
    .signatures = {"count_nonzero(Tensor input, int[]? dim=None) -> Tensor"},
    .compose =
        [](const Call& c) { return just(sum(ne(c[0], 0), c.as<CountNonzeroAttrs>().dim, false)); },
};

const OpDef kCumsum = {
    .name = "cumsum",
    .doc = "The running sum along dim; the shape stays. Integers and bools add up in int64.",
    .signatures = {"cumsum(Tensor input, int dim) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer =
        [](Infer& c) {
          normalize_dim(c.name(), c.as<CumsumAttrs>().dim, c[0].dim());
          c.out(accumulated(c[0].dtype()), c[0].sizes());
          c.scratch_bytes = c[0].is_contiguous() ? 0 : c[0].numel() * itemsize(c[0].dtype());
        },
    .forward =
        [](Run& r) {
          const Tensor& x = r[0];
          if (x.numel() == 0) return;
          const int dim = normalize_dim(r.name(), r.as<CumsumAttrs>().dim, x.dim());
          ReducePlan plan(x, {});
          plan.copy = !x.is_contiguous();
          plan.outer = plan.n = plan.inner = 1;
          for (int d = 0; d < x.dim(); ++d) {
            (d < dim ? plan.outer : d == dim ? plan.n : plan.inner) *= x.sizes()[d];
          }
          const void* in = plan.dense(x, r.scratch);
          const kernels::ScanFn scan = kernels::table().cumsum[static_cast<int>(x.dtype())];
          for_outer(plan, [&](int64_t begin, int64_t end) {
            scan(begin, end, plan.n, plan.inner, r.out().raw(), in);
          });
        },
    .grad = {{0, kReadsNothing,
              [](Backward& b) {
                const Dims dim{b.as<CumsumAttrs>().dim};
                return b.dy().dim() == 0 ? b.dy() : flip(cumsum(flip(b.dy(), dim), dim[0]), dim);
              }}},
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kCumsumAs = {
    .name = "cumsum_as",
    .doc = "The running sum along dim, computed in another dtype.",
    .signatures = {"cumsum(Tensor input, int dim, *, dtype? dtype=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<CumsumAsAttrs>();
          return just(in_dtype(cumsum(in_dtype(c[0], a.dtype), a.dim), a.dtype));
        },
    .autocast = in_float32,
};

}  // namespace chainrule::ops
