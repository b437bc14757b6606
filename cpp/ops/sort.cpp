// Sorting along a dimension: sort, argsort, topk, and the distinct values (unique).
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kMostTiles = 32;  // each has its own scratch

int64_t row_tiles(const Tensor& x) {
  return std::min(kMostTiles, std::max<int64_t>(1, leading_product(x.sizes(), 1)));
}

void infer_sort_rows(Infer& c) {
  const auto& a = c.as<SortRowsAttrs>();
  if (c[0].dim() == 0 || !c[0].is_contiguous() || a.k < 0 || a.k > c[0].size(-1)) {
    fail<ShapeError>(c.name(), "expected dense rows of k or more elements; got sizes ",
                     c[0].sizes(), " and k ", a.k, ".");
  }
  Dims sizes = c[0].sizes();
  sizes[c[0].dim() - 1] = a.k;
  c.out(c[0].dtype(), sizes);
  c.out(DType::kInt64, sizes);
  c.scratch_bytes = row_tiles(c[0]) * kernels::sort_scratch_bytes(c[0].size(-1));
}

void forward_sort_rows(Run& r) {
  const auto& a = r.as<SortRowsAttrs>();
  const Tensor& x = r[0];
  const int64_t rows = leading_product(x.sizes(), 1), n = x.size(-1), tiles = row_tiles(x);
  if (rows == 0 || a.k == 0) return;
  const kernels::SortedRows job{
      x.dtype(), n, a.k, a.descending != 0, x.raw(), r.out(0).raw(), r.out(1).data<int64_t>()};
  const int64_t work = 16 * x.numel();
  LongWork release(work);
  parallel_for(tiles, work, [&](int64_t t) {
    char* scratch = static_cast<char*>(r.scratch) + t * kernels::sort_scratch_bytes(n);
    kernels::sort_rows(job, rows * t / tiles, rows * (t + 1) / tiles, scratch);
  });
}

// Each value goes back to the place it came from.
Tensor sort_gradient(Backward& b) {
  const InputMeta& x = b.shape(0);
  return scatter_elements(zeros(x.sizes, x.dtype), b.output(1), b.dy(0), x.sizes.size() - 1, false,
                          false);
}

// The first k of every sorted row along dim, dim put back where it was.
Tensors sort_along(const char* op, const Tensor& input, int64_t dim, OptInt k, bool descending) {
  const Tensor x = with_dim(input);
  const int d = normalize_dim(op, dim, x.dim()), last = x.dim() - 1;
  if (k.has && (k.value < 0 || k.value > x.sizes()[d])) {
    fail<ValueError>(op, "expected k in [0, ", x.sizes()[d], "] for dim ", d, " of ", input.sizes(),
                     "; got ", k.value, ".");
  }
  const Tensor rows = contiguous(d == last ? x : transpose(x, d, last));
  Tensors sorted = sort_rows(rows, k.has ? k.value : x.sizes()[d], descending);
  for (Tensor& t : sorted) {
    if (d != last) t = contiguous(transpose(t, d, last));
    if (input.dim() == 0) t = view(t, Dims{});
  }
  return sorted;
}

}  // namespace

const OpDef kSortRows = {
    .name = "sort_rows",
    .doc = "The k first elements of every sorted row of a dense tensor, and where they stood.",
    .signatures = {"sort_rows(Tensor input, int k, bool descending) -> (values, indices)"},
    .surface = kPrivate,
    .infer = infer_sort_rows,
    .forward = forward_sort_rows,
    .grad = {{0, reads_shape(0) | reads_output(1), sort_gradient}},
    .cost = 16,
};

const OpDef kSort = {
    .name = "sort",
    .doc =
        "The elements in ascending (or descending) order along dim, and the places they came "
        "from. Equal elements keep their order; NaN counts as the largest value.",
    .signatures = {"sort(Tensor input, int dim=-1, bool descending=False, bool stable=False) -> "
                   "(values, indices)"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SortAttrs>();
          return sort_along(c.name(), c[0], a.dim, {}, a.descending != 0);
        },
};

const OpDef kArgsort = {
    .name = "argsort",
    .doc = "The indices that sort() gives.",
    .signatures = {"argsort(Tensor input, int dim=-1, bool descending=False, bool stable=False) -> "
                   "Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<ArgsortAttrs>();
          return just(sort_along(c.name(), c[0], a.dim, {}, a.descending != 0)[1]);
        },
};

const OpDef kTopk = {
    .name = "topk",
    .doc =
        "The k largest (or smallest) elements along dim in order, and their places; of equal "
        "elements the first.",
    .signatures = {"topk(Tensor input, int k, int dim=-1, bool largest=True, bool sorted=True) -> "
                   "(values, indices)"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<TopkAttrs>();
          return sort_along(c.name(), c[0], a.dim, a.k, a.largest != 0);
        },
};

const OpDef kRunsOfSorted = {
    .name = "runs_of_sorted",
    .doc =
        "Where each run of equal elements starts in a sorted vector, and the run of each element.",
    .signatures = {"runs_of_sorted(Tensor input) -> (starts, run_of)"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          if (modes.recorder) modes.recorder->on_shape("unique");
          const Tensor& x = c[0];
          c.out(DType::kInt64, {kernels::count_runs(x.dtype(), x.numel(), x.raw())});
          c.out(DType::kInt64, {x.numel()});
        },
    .forward =
        [](Run& r) {
          kernels::find_runs(r[0].dtype(), r[0].numel(), r[0].raw(), r.out(0).data<int64_t>(),
                             r.out(1).data<int64_t>());
        },
    .traits = kDynamicShape,
};

const OpDef kUniqueValues = {
    .name = "unique_values",
    .doc =
        "The distinct values in ascending order, the place of every element among them, and how "
        "often each occurs.",
    .signatures = {"unique_values(Tensor input) -> (values, inverse, counts)"},
    .surface = kPrivate,
    .compose =
        [](const Call& c) {
          const NoGrad off;
          const Tensors sorted = sort(reshape(c[0], Dims{-1}), 0);
          const Tensors runs = runs_of_sorted(sorted[0]);
          const int64_t n = c[0].numel();
          const Tensor places = zeros({n}, DType::kInt64);
          Tensors out;
          out.push_back(index_select(sorted[0], 0, runs[0]));
          out.push_back(view(scatter(places, 0, sorted[1], runs[1]), c[0].sizes()));
          out.push_back(scatter_add(zeros(runs[0].sizes(), DType::kInt64), 0, runs[1],
                                    ones({n}, DType::kInt64)));
          return out;
        },
};

}  // namespace chainrule::ops
