// Element by element along one dimension: gather reads, scatter and scatter_add write. The element
// at i of the index's shape meets the one whose coordinate along dim is index[i] and whose others
// are i's.
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/index_rules.h"
#include "ops/modes.h"
#include "ops/number_fits.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// index.shape[d] <= limit.shape[d] in every dimension but `skip`.
void check_index_shape(const char* op, const Tensor& index, const Dims& limit, int skip,
                       const char* what) {
  bool fits = index.dim() == limit.size();
  for (int d = 0; fits && d < limit.size(); ++d) fits = d == skip || index.sizes()[d] <= limit[d];
  if (!fits) {
    fail<ShapeError>(op, "expected an index of as many dimensions as the ", what,
                     ", no larger than it", skip < 0 ? "" : str(" except in dim ", skip),
                     "; got an index of ", index.sizes(), " and sizes ", limit, ".");
  }
}

// What the kernels take on trust of a dense int64 index and a dim >= 0.
void check_elements(const Infer& c, int64_t dim) {
  const Tensor &x = c[0], &index = c[1];
  const bool fits = dim >= 0 && dim < x.dim() && index.dim() == x.dim() &&
                    index.dtype() == DType::kInt64 && index.is_contiguous();
  if (!fits) {
    fail<ShapeError>(c.name(), "expected a dense int64 index of as many dimensions as the input ",
                     "and a dim among them; got an index of ", index.sizes(), ", an input of ",
                     x.sizes(), " and dim ", dim, ".");
  }
  if (index.numel() > 0)
    check_index_shape(c.name(), index, x.sizes(), static_cast<int>(dim), "input");
}

kernels::IndexedElements make_elements(const Tensor& tensor, const Tensor& index, int dim,
                                       const Tensor& other) {
  kernels::IndexedElements e;
  e.item = static_cast<int64_t>(itemsize(tensor.dtype()));
  e.dims = index.dim();
  e.dim = dim;
  e.size = tensor.sizes()[dim];
  e.index = index.data<int64_t>();
  e.tensor = tensor.raw();
  e.other = other.raw();
  for (int d = 0; d < e.dims; ++d) {
    e.sizes[d] = index.sizes()[d];
    e.strides[d] = tensor.strides()[d];
    e.other_strides[d] = other.strides()[d];
  }
  return e;
}

// fn over the rows of the index, on threads only if rows cannot meet.
template <typename F>
void for_rows(const Tensor& index, bool disjoint, F&& fn) {
  const int64_t rows = leading_product(index.sizes(), 1), cols = index.size(-1);
  const int64_t rows_per_tile = std::max<int64_t>(1, disjoint ? (1 << 14) / cols : rows);
  LongWork release(2 * index.numel());
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, 2 * index.numel(),
               [&](int64_t t) { fn(t * rows_per_tile, std::min(rows, (t + 1) * rows_per_tile)); });
}

void forward_gather(Run& r) {
  const Tensor &x = r[0], &index = r[1], &out = r.out();
  const auto& a = r.as<GatherElementsAttrs>();
  const int dim = static_cast<int>(a.dim);
  check_index_range(a.wrap ? "take_along_dim" : "gather", index, x.sizes()[dim], a.wrap != 0);
  if (index.numel() == 0) return;
  const auto e = make_elements(x, index, dim, out);
  for_rows(index, true, [&](int64_t begin, int64_t end) { kernels::elements_read(e, begin, end); });
}

void forward_scatter(Run& r) {
  const Tensor &index = r[1], &out = r.out();
  const auto& a = r.as<ScatterElementsAttrs>();
  const int dim = static_cast<int>(a.dim);
  // Indices that came through gather were checked there, negative ones of take_along_dim included.
  const char* op = a.accumulate ? "scatter_add" : "scatter";
  check_index_range(op, index, out.sizes()[dim], a.wrap != 0);
  if (out.raw() != r[0].raw()) copy_strided(out, r[0]);
  if (index.numel() == 0) return;
  const auto e = make_elements(out, index, dim, r[2]);
  for_rows(index, dim == index.dim() - 1, [&](int64_t begin, int64_t end) {
    if (a.accumulate) {
      kernels::elements_add(out.dtype(), e, begin, end);
    } else {
      kernels::elements_write(e, begin, end);
    }
  });
}

// dy at the index; what the index did not reach of a larger source gets 0.
Tensor source_gradient(Backward& b) {
  const auto& a = b.as<ScatterElementsAttrs>();
  const Dims& sizes = b.shape(2).sizes;
  if (b.value(1).numel() == 0) return zeros(sizes, b.dy().dtype());
  const Tensor dy = gather_elements(b.dy(), b.value(1), a.dim, a.wrap);
  if (dy.sizes() == sizes) return dy;
  return window_backward(dy, sizes, contiguous_strides(sizes), 0);
}

Tensor scatter_source(const Call& c, int64_t wanted, const Tensor& source, bool accumulate) {
  const char* op = c.name();
  const Tensor x = with_dim(c[0]), index = with_dim(as_index(op, c[1])), src = with_dim(source);
  const int dim = normalize_dim(op, wanted, x.dim());
  if (index.numel() > 0) {
    check_index_shape(op, index, x.sizes(), dim, "input");
    check_index_shape(op, index, src.sizes(), -1, "source");
  }
  if (src.dtype() != x.dtype()) {
    fail<DtypeError>(op, "expected a source of the input's dtype ", dtype_name(x.dtype()), "; got ",
                     dtype_name(src.dtype()), ".");
  }
  // An empty index may be of whatever shape.
  const Tensor places = index.numel() > 0 ? index : reshape(index, Dims(x.dim(), 0));
  const Tensor y = scatter_elements(x, places, src, dim, accumulate, false);
  return c[0].dim() == 0 ? view(y, Dims{}) : y;
}

Tensor gather_along(const char* op, const Tensor& input, int64_t wanted, const Tensor& places,
                    bool wrap) {
  const Tensor x = with_dim(input), index = with_dim(as_index(op, places));
  const int dim = normalize_dim(op, wanted, x.dim());
  if (index.numel() == 0 && index.dim() != x.dim()) {  // nothing, of whatever shape
    return index_read(reshape(x, Dims{-1}), {&index, 1}, Dims{0}, kIndexForm);
  }
  if (index.numel() > 0) check_index_shape(op, index, x.sizes(), dim, "input");
  const Tensor y = gather_elements(x, index, dim, wrap);
  return places.dim() == 0 ? view(y, Dims{}) : y;
}

}  // namespace

const OpDef kGatherElements = {
    .name = "gather_elements",
    .doc = "gather() for a dense int64 index and a dim >= 0.",
    .signatures = {"gather_elements(Tensor input, Tensor index, int dim, bool wrap) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_elements(c, c.as<GatherElementsAttrs>().dim);
          c.out(c[0].dtype(), c[1].sizes());
        },
    .forward = forward_gather,
    .grad = {{0, reads_shape(0) | reads_value(1),
              [](Backward& b) {
                const InputMeta& x = b.shape(0);
                const auto& a = b.as<GatherElementsAttrs>();
                return scatter_elements(zeros(x.sizes, x.dtype), b.value(1), b.dy(), a.dim, true,
                                        a.wrap);
              }}},
};

const OpDef kScatterElements = {
    .name = "scatter_elements",
    .doc = "scatter() and scatter_add() for a dense int64 index and a dim >= 0.",
    .signatures = {"scatter_elements(Tensor input, Tensor index, Tensor src, int dim, "
                   "bool accumulate, bool wrap) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          if (c.as<ScatterElementsAttrs>().accumulate && !contains(kComputedDTypes, c[0].dtype()))
            fail_dtype("scatter_add", c[0].dtype(), kComputedDTypes);
          check_elements(c, c.as<ScatterElementsAttrs>().dim);
          if (c[1].numel() > 0) check_index_shape(c.name(), c[1], c[2].sizes(), -1, "source");
          if (c[2].dtype() != c[0].dtype()) {
            fail<DtypeError>(c.name(), "expected a source of the input's dtype; got ",
                             dtype_name(c[2].dtype()), ".");
          }
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward = forward_scatter,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ScatterElementsAttrs>();
                if (a.accumulate) return b.dy();
                const Tensor index = b.value(1);
                const Tensor hole = expand(zeros({}, b.dy().dtype()), index.sizes());
                return scatter_elements(b.dy(), index, hole, a.dim, false, a.wrap);
              }},
             {2, reads_value(1) | reads_shape(2), source_gradient}},
};

const OpDef kGather = {
    .name = "gather",
    .doc =
        "out[i][j] = input[index[i][j]][j] for dim 0, and so on; the result has the index's shape.",
    .signatures = {"gather(Tensor input, int dim, Tensor index) -> Tensor"},
    .compose =
        [](const Call& c) {
          return just(gather_along(c.name(), c[0], c.as<GatherAttrs>().dim, c[1], false));
        },
};

const OpDef kScatter = {
    .name = "scatter",
    .doc = "The input with out[index[i][j]][j] = src[i][j] for dim 0, and so on.",
    .signatures = {"scatter(Tensor input, int dim, Tensor index, Operand src) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          const int64_t dim = c.as<ScatterAttrs>().dim;
          if (!c[2]->weak_number) return just(scatter_source(c, dim, c[2], false));
          check_number_fits(c.name(), c[2], c[0].dtype());
          const Tensor value = cast(c[2], c[0].dtype());
          return just(scatter_source(c, dim, expand(value, with_dim(c[1]).sizes()), false));
        },
};

const OpDef kScatterValue = {
    .name = "scatter_value",
    .doc = "scatter() of one number.",
    .signatures = {"scatter(Tensor input, int dim, Tensor index, Operand value) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          return just(scatter(c[0], c.as<ScatterValueAttrs>().dim, c[1], c[2]));
        },
};

const OpDef kScatterAdd = {
    .name = "scatter_add",
    .doc =
        "The input with src[i][j] added to out[index[i][j]][j] for dim 0, and so on, in ascending "
        "order.",
    .signatures = {"scatter_add(Tensor input, int dim, Tensor index, Tensor src) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          return just(scatter_source(c, c.as<ScatterAddAttrs>().dim, c[2], true));
        },
};

const OpDef kTakeAlongDim = {
    .name = "take_along_dim",
    .doc =
        "gather() with the shapes of input and indices broadcast outside dim; without dim both "
        "are flattened. Negative indices count from the end.",
    .signatures = {"take_along_dim(Tensor input, Tensor indices, int? dim=None) -> Tensor"},
    .compose =
        [](const Call& c) {
          const OptInt& dim = c.as<TakeAlongDimAttrs>().dim;
          if (!dim.has) {
            const Tensor flat = reshape(c[0], Dims{-1}), places = reshape(c[1], Dims{-1});
            return just(gather_along(c.name(), flat, 0, places, true));
          }
          const int d = normalize_dim(c.name(), dim.value, c[0].dim());
          Dims x = c[0].sizes(), index = c[1].sizes(), common;
          bool fits = x.size() == index.size() && !x.empty();
          if (fits) {
            x[d] = index[d] = 1;
            fits = broadcast_shapes(x, index, &common);
          }
          if (!fits) {
            fail<ShapeError>(c.name(),
                             "expected shapes of equal length that broadcast except in dim ", d,
                             "; got ", c[0].sizes(), " and ", c[1].sizes(), ".");
          }
          Dims to_x = common, to_index = common;
          to_x[d] = c[0].sizes()[d];
          to_index[d] = c[1].sizes()[d];
          return just(gather_along(c.name(), expand(c[0], to_x), d, expand(c[1], to_index), true));
        },
};

const OpDef kOneHot = {
    .name = "one_hot",
    .doc =
        "For every class number a row of num_classes zeros with a 1 at it; -1 takes one class more "
        "than the largest number.",
    .signatures = {"one_hot(Tensor input, int num_classes=-1) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          int64_t classes = c.as<OneHotAttrs>().num_classes;
          if (x.dtype() != DType::kInt64) {
            fail<DtypeError>(c.name(), "expected int64 class numbers; got ", dtype_name(x.dtype()),
                             ".");
          }
          if (classes == -1 && x.numel() == 0) {
            fail<ValueError>(c.name(), "expected num_classes for an empty input; got -1.");
          }
          if (classes < -1 || (classes == 0 && x.numel() > 0)) {
            fail<ValueError>(c.name(), "expected num_classes >= 1, or -1; got ", classes, ".");
          }
          if (classes == -1 && modes.recorder) modes.recorder->on_read(c.name());
          if (!modes.recorder && x.numel() > 0) {  // a replay's scatter checks them
            const int64_t low = min(x).item_int(), high = max(x).item_int();
            if (low < 0 || (classes != -1 && high >= classes)) {
              fail<IndexError>(c.name(), "expected class numbers ",
                               classes == -1 ? ">= 0" : str("in [0, ", classes - 1, "]"), "; got ",
                               low < 0 ? low : high, ".");
            }
            if (classes == -1) classes = high + 1;
          }
          Dims sizes = x.sizes();
          sizes.push_back(classes);
          const Tensor index = unsqueeze(x, -1);
          return just(scatter(zeros(sizes, DType::kInt64), -1, index, 1));
        },
};

}  // namespace chainrule::ops
