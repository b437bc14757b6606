// Indexing whole slices along one dimension: index_select, index_add, index_copy, index_fill.
#include "generated/ops.h"
#include "ops/index_rules.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// The index as a dense int64 vector.
Tensor index_vector(const char* op, const Tensor& index) {
  if (index.dim() > 1) {
    fail<ShapeError>(op, "expected an index of at most 1 dimension; got ", index.sizes(), ".");
  }
  const Tensor vector = as_index(op, index);
  return vector.dim() == 0 ? view(vector, Dims{1}) : vector;
}

// input with source put, or added, at the places of the index along dim.
Tensor put_slices(const Call& c, int64_t dim, const Tensor& source, bool accumulate,
                  IndexForm form) {
  const char* op = c.name();
  const Tensor x = with_dim(c[0]), from = with_dim(source);
  const Tensor index = index_vector(op, c[1]);
  const int d = normalize_dim(op, dim, x.dim());
  Dims sizes = x.sizes();
  sizes[d] = index.numel();
  if (!(from.sizes() == sizes)) {
    fail<ShapeError>(op, "expected a source of sizes ", sizes, "; got ", from.sizes(), ".");
  }
  if (from.dtype() != x.dtype()) {
    fail<DtypeError>(op, "expected a source of dtype ", dtype_name(x.dtype()), "; got ",
                     dtype_name(from.dtype()), ".");
  }
  const Tensor y = index_write(x, {&index, 1}, contiguous(from), Dims{d}, accumulate, form);
  return c[0].dim() == 0 ? view(y, Dims{}) : y;
}

}  // namespace

const OpDef kIndexSelect = {
    .name = "index_select",
    .doc = "The slices named by the index (a vector) along dim, as a copy.",
    .signatures = {"index_select(Tensor input, int dim, Tensor index) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor x = with_dim(c[0]);
          const Tensor index = index_vector(c.name(), c[1]);
          const int d = normalize_dim(c.name(), c.as<IndexSelectAttrs>().dim, x.dim());
          const Tensor y = index_read(x, {&index, 1}, Dims{d}, kIndexSelectForm);
          return just(c[0].dim() == 0 && y.numel() == 1 ? view(y, Dims{}) : y);
        },
};

const OpDef kIndexAdd = {
    .name = "index_add",
    .doc =
        "The input with alpha * source added to the slices named by the index along dim, in "
        "ascending order.",
    .signatures = {"index_add(Tensor input, int dim, Tensor index, Tensor source, *, "
                   "Number alpha=1) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<IndexAddAttrs>();
          Tensor source = c[2];
          if (a.alpha.real != 1) {
            source = a.alpha.is_float() ? mul(source, a.alpha.real) : mul(source, a.alpha.integer);
          }
          return just(put_slices(c, a.dim, source, true, kIndexAddForm));
        },
};

const OpDef kIndexCopy = {
    .name = "index_copy",
    .doc = "The input with the slices named by the index along dim replaced by source's.",
    .signatures = {"index_copy(Tensor input, int dim, Tensor index, Tensor source) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          return just(put_slices(c, c.as<IndexCopyAttrs>().dim, c[2], false, kIndexCopyForm));
        },
};

const OpDef kIndexFill = {
    .name = "index_fill",
    .doc =
        "The input with the slices named by the index along dim filled with a value (a number or "
        "a 0-dimensional tensor).",
    .signatures = {"index_fill(Tensor input, int dim, Tensor index, Operand value) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          if (c[2].dim() != 0) {
            fail<ShapeError>(c.name(), "expected a number or a 0-dimensional value; got ",
                             c[2].sizes(), ".");
          }
          const Tensor x = with_dim(c[0]), index = index_vector(c.name(), c[1]);
          const int d = normalize_dim(c.name(), c.as<IndexFillAttrs>().dim, x.dim());
          // A mask, so that a slice named twice counts once in the value's gradient.
          const Tensor none = zeros({x.sizes()[d]}, DType::kBool);
          const Tensor all = ones({index.numel()}, DType::kBool);
          const Tensor mask = index_write(none, {&index, 1}, all, Dims{0}, false, kIndexFillForm);
          Dims sizes(x.dim(), 1);
          sizes[d] = x.sizes()[d];
          return just(view(masked_fill(x, view(mask, sizes), c[2]), c[0].sizes()));
        },
};

}  // namespace chainrule::ops
