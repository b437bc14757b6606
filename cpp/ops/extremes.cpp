// The largest and smallest elements, their places, and the pairwise forms. NaN wins everywhere.
// amax and amin share their gradient evenly among equal elements; max and min along a dim give it
// to the element whose index they return. What is not an extreme receives nothing, whatever it
// holds.
#include "ops/elementwise.h"
#include "ops/reduce.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;
using kernels::Reduce;

namespace {

template <typename Attrs>
void infer_extreme(Infer& c) {
  const auto& a = c.as<Attrs>();
  const Dims dims = reduced_dims(c.name(), a.dim, c[0].dim());
  check_not_empty(c.name(), c[0].sizes(), dims);
  c.out(c[0].dtype(), reduced_sizes(c[0].sizes(), dims, a.keepdim));
  c.scratch_bytes = ReducePlan(c[0], dims).scratch_bytes(c[0]);
}

template <typename Attrs, Reduce kOp>
void forward_extreme(Run& r) {
  run_reduce(kOp, r.out(), r[0], reduced_dims(r.name(), r.as<Attrs>().dim, r[0].dim()), r.scratch);
}

// dy shared among the elements equal to the extreme.
template <typename Attrs>
Tensor share(Backward& b) {
  const Tensor x = b.value(0);
  const Dims dims = reduced_dims("backward", b.as<Attrs>().dim, x.dim());
  const Dims kept = reduced_sizes(x.sizes(), dims, true);
  const Tensor y = reshape(b.output(0), kept);
  const Tensor chosen = where(isnan(y), isnan(x), eq(x, y));
  const Tensor each = div(reshape(b.dy(), kept), sum(chosen, OptDims(dims), true));
  return where(chosen, each, 0);
}

template <typename Attrs>
void infer_extreme_index(Infer& c) {
  const auto& a = c.as<Attrs>();
  const Dims dims = reduced_dims(c.name(), a.dim, c[0].dim());
  check_not_empty(c.name(), c[0].sizes(), dims);
  const Dims sizes = reduced_sizes(c[0].sizes(), dims, a.keepdim);
  c.out(c[0].dtype(), sizes);
  c.out(DType::kInt64, sizes);
  c.scratch_bytes = ReducePlan(c[0], dims).copy_bytes(c[0]);
}

void run_extreme_index(const kernels::ReduceIndexFn fn, const Tensor& x, const Dims& dims,
                       void* values, const Tensor& indices, void* scratch) {
  if (indices.numel() == 0) return;
  const ReducePlan plan(x, dims);
  const void* in = plan.dense(x, scratch);
  for_outer(plan, [&](int64_t begin, int64_t end) {
    fn(begin, end, plan.n, plan.inner, values, indices.data<int64_t>(), in);
  });
}

// dy at the returned index, 0 elsewhere.
template <typename Attrs>
Tensor place(Backward& b) {
  const InputMeta& x = b.shape(0);
  const int dim = normalize_dim("backward", b.as<Attrs>().dim, x.sizes.size());
  if (x.sizes.empty()) return b.dy();
  const Dims kept = reduced_sizes(x.sizes, {dim}, true);
  return scatter_add(zeros(x.sizes, x.dtype), dim, reshape(b.output(1), kept),
                     reshape(b.dy(), kept));
}

// The part of dy that belongs to `mine`: half of it where both are equal, none where it is worse.
template <Tensor (*kWorse)(const Tensor&, const Operand&)>
Tensor share_pair(const Tensor& dy, const Tensor& mine, const Tensor& other) {
  return where(kWorse(mine, other), 0, where(eq(mine, other), mul(dy, 0.5), dy));
}

template <typename Attrs>
Dims arg_dims(const Call& c) {
  const auto& a = c.as<Attrs>();
  return a.dim.has ? reduced_dims(c.name(), a.dim.value, c[0].dim())
                   : reduced_dims(c.name(), OptDims(), c[0].dim());
}

template <typename Attrs>
void infer_arg(Infer& c) {
  const Dims dims = arg_dims<Attrs>(c);
  check_not_empty(c.name(), c[0].sizes(), dims);
  const Dims sizes = reduced_sizes(c[0].sizes(), dims, c.as<Attrs>().keepdim);
  c.out(DType::kInt64, sizes);
  const ReducePlan plan(c[0], dims);
  c.scratch_bytes = plan.copy_bytes(c[0]) + sizes.product() * itemsize(c[0].dtype());
}

template <typename Attrs, bool kMax>
void forward_arg(Run& r) {
  const int type = static_cast<int>(r[0].dtype());
  const Dims dims = arg_dims<Attrs>(r);
  char* values = static_cast<char*>(r.scratch) + ReducePlan(r[0], dims).copy_bytes(r[0]);
  run_extreme_index(kMax ? kernels::table().max[type] : kernels::table().min[type], r[0], dims,
                    values, r.out(), r.scratch);
}

}  // namespace

const OpDef kAmax = {
    .name = "amax",
    .doc =
        "The largest element over the given dims (all of them by default). The gradient is shared "
        "evenly among equal elements.",
    .signatures = {"amax(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_extreme<AmaxAttrs>,
    .forward = forward_extreme<AmaxAttrs, Reduce::amax>,
    .grad = {{0, reads_value(0) | reads_output(0), share<AmaxAttrs>}},
    .dtypes = kWideDTypes,
};

const OpDef kMax = {
    .name = "max",
    .doc =
        "The largest element of the whole tensor. The gradient is shared evenly among equal "
        "elements.",
    .signatures = {"max(Tensor input) -> Tensor"},
    .compose = [](const Call& c) { return just(amax(c[0], OptDims(), false)); },
};

const OpDef kMaxDim = {
    .name = "max_dim",
    .doc =
        "The largest elements along dim and their indices, the first where several are equal. The "
        "gradient goes to the element at the index.",
    .signatures = {"max(Tensor input, int dim, bool keepdim=False) -> (values, indices)"},
    .infer = infer_extreme_index<MaxDimAttrs>,
    .forward =
        [](Run& r) {
          run_extreme_index(kernels::table().max[static_cast<int>(r[0].dtype())], r[0],
                            reduced_dims(r.name(), r.as<MaxDimAttrs>().dim, r[0].dim()),
                            r.out(0).raw(), r.out(1), r.scratch);
        },
    .grad = {{0, reads_shape(0) | reads_output(1), place<MaxDimAttrs>}},
};

const OpDef kArgmax = {
    .name = "argmax",
    .doc =
        "The index of the largest element along dim, or in the flattened tensor; the first where "
        "several are equal.",
    .signatures = {"argmax(Tensor input, int? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_arg<ArgmaxAttrs>,
    .forward = forward_arg<ArgmaxAttrs, true>,
    .dtypes = kNumberDTypes,
};

const OpDef kMaximum = {
    .name = "maximum",
    .doc =
        "The larger of two elements; the shapes broadcast. Equal elements share the gradient "
        "evenly.",
    .signatures = {"maximum(Tensor input, Tensor other) -> Tensor",
                   "max(Tensor input, Tensor other) -> Tensor"},
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::maximum>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) { return share_pair<lt>(b.dy(), b.value(0), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return share_pair<lt>(b.dy(), b.value(1), b.value(0)); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kAmin = {
    .name = "amin",
    .doc =
        "The smallest element over the given dims (all of them by default). The gradient is shared "
        "evenly among equal elements.",
    .signatures = {"amin(Tensor input, int[]? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_extreme<AminAttrs>,
    .forward = forward_extreme<AminAttrs, Reduce::amin>,
    .grad = {{0, reads_value(0) | reads_output(0), share<AminAttrs>}},
    .dtypes = kWideDTypes,
};

const OpDef kMin = {
    .name = "min",
    .doc =
        "The smallest element of the whole tensor. The gradient is shared evenly among equal "
        "elements.",
    .signatures = {"min(Tensor input) -> Tensor"},
    .compose = [](const Call& c) { return just(amin(c[0], OptDims(), false)); },
};

const OpDef kMinDim = {
    .name = "min_dim",
    .doc =
        "The smallest elements along dim and their indices, the first where several are equal. The "
        "gradient goes to the element at the index.",
    .signatures = {"min(Tensor input, int dim, bool keepdim=False) -> (values, indices)"},
    .infer = infer_extreme_index<MinDimAttrs>,
    .forward =
        [](Run& r) {
          run_extreme_index(kernels::table().min[static_cast<int>(r[0].dtype())], r[0],
                            reduced_dims(r.name(), r.as<MinDimAttrs>().dim, r[0].dim()),
                            r.out(0).raw(), r.out(1), r.scratch);
        },
    .grad = {{0, reads_shape(0) | reads_output(1), place<MinDimAttrs>}},
};

const OpDef kArgmin = {
    .name = "argmin",
    .doc =
        "The index of the smallest element along dim, or in the flattened tensor; the first where "
        "several are equal.",
    .signatures = {"argmin(Tensor input, int? dim=None, bool keepdim=False) -> Tensor"},
    .infer = infer_arg<ArgminAttrs>,
    .forward = forward_arg<ArgminAttrs, false>,
    .dtypes = kNumberDTypes,
};

const OpDef kMinimum = {
    .name = "minimum",
    .doc =
        "The smaller of two elements; the shapes broadcast. Equal elements share the gradient "
        "evenly.",
    .signatures = {"minimum(Tensor input, Tensor other) -> Tensor",
                   "min(Tensor input, Tensor other) -> Tensor"},
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::minimum>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) { return share_pair<gt>(b.dy(), b.value(0), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return share_pair<gt>(b.dy(), b.value(1), b.value(0)); }}},
    .traits = kElementwise | kBroadcasts,
};

}  // namespace chainrule::ops
