// Element by element along one dimension: gather reads, scatter and scatter_add write. The element
// at i of the index's shape meets the one whose coordinate along dim is index[i] and whose others
// are i's.
#include "generated/ops.h"
#include "ops/index_rules.h"
#include "ops/number_fits.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

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

}  // namespace chainrule::ops
