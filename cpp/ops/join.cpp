// Joining tensors: cat and what comes down to it.
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// PyTorch's legacy: a tensor of shape (0,) joins with anything.
bool skipped(const Dims& sizes) { return sizes.size() == 1 && sizes[0] == 0; }

// The first shape that counts.
const Dims& leading_shape(const Call& c) {
  for (const Tensor& x : c.list(0)) {
    if (!skipped(x.sizes())) return x.sizes();
  }
  return c.list(0)[0].sizes();
}

void infer_cat(Infer& c) {
  if (c.list(0).empty()) fail<ShapeError>(c.name(), "expected at least one tensor; got none.");
  const Dims& first = leading_shape(c);
  if (first.empty()) {
    fail<ShapeError>(c.name(), "expected at least one dimension; got a 0-dimensional tensor. ",
                     "Use stack().");
  }
  const int d = normalize_dim(c.name(), c.as<CatAttrs>().dim, first.size());
  Dims sizes = first;
  sizes[d] = 0;
  int position = 0;
  for (const Tensor& x : c.list(0)) {
    const Dims& own = x.sizes();
    bool fits = skipped(own) || own.size() == first.size();
    for (int i = 0; fits && !skipped(own) && i < own.size(); ++i)
      fits = i == d || own[i] == first[i];
    if (!fits) {
      fail<ShapeError>(c.name(), "expected shapes equal to ", first, " except in dim ", d, "; got ",
                       own, " as tensor ", position, ".");
    }
    if (!skipped(own)) sizes[d] += own[d];
    ++position;
  }
  c.out(c.list(0)[0].dtype(), sizes);
}

// Target and source as [outer, columns] where the source is dense: rows are then plain copies.
void forward_cat(Run& r) {
  const Tensor& out = r.out();
  const int d = normalize_dim(r.name(), r.as<CatAttrs>().dim, out.dim());
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < d; ++i) outer *= out.sizes()[i];
  for (int i = d + 1; i < out.dim(); ++i) inner *= out.sizes()[i];
  const int64_t row = out.sizes()[d] * inner;
  int64_t offset = 0;
  for (const Tensor& x : r.list(0)) {
    if (skipped(x.sizes()) || x.numel() == 0) continue;
    const int64_t columns = x.sizes()[d] * inner;
    if (x.is_contiguous()) {
      copy_strided(out.alias({outer, columns}, {row, 1}, out->offset + offset),
                   x.alias({outer, columns}, {columns, 1}, x->offset));
    } else {
      copy_strided(out.alias(x.sizes(), out.strides(), out->offset + offset), x);
    }
    offset += columns;
  }
}

Tensor cat_gradient(Backward& b) {
  const Dims& own = b.shape(0, b.element).sizes;
  const Tensor& dy = b.dy();
  if (skipped(own)) return zeros(own, dy.dtype());
  const int d = normalize_dim("cat", b.as<CatAttrs>().dim, dy.dim());
  int64_t start = 0;
  for (int i = 0; i < b.element; ++i) {
    const Dims& before = b.shape(0, i).sizes;
    if (!skipped(before)) start += before[d];
  }
  return slice(dy, d, start, start + own[d]);
}

// Every tensor with at least `rank` dimensions: 0-d becomes (1,); for 2, vectors become rows.
Tensors at_least(const Call& c, int rank) {
  Tensors result;
  for (const Tensor& x : c.list(0)) {
    Tensor y = x.dim() == 0 ? view(x, Dims{1}) : x;
    if (rank == 2 && y.dim() == 1) y = unsqueeze(y, 0);
    result.push_back(y);
  }
  if (result.empty()) fail<ShapeError>(c.name(), "expected at least one tensor; got none.");
  return result;
}

}  // namespace

const OpDef kCat = {
    .name = "cat",
    .doc =
        "The tensors behind each other along dim; the other sizes must be equal. Dtypes are "
        "promoted; a tensor of shape (0,) is skipped.",
    .signatures = {"cat(Tensor[] tensors, int dim=0) -> Tensor",
                   "concat(Tensor[] tensors, int dim=0) -> Tensor",
                   "concatenate(Tensor[] tensors, int dim=0) -> Tensor"},
    .surface = kFunction,
    .promotion = Promotion::kPromote,
    .infer = infer_cat,
    .forward = forward_cat,
    .grad = {{0, reads_shape(0), cat_gradient}},
};

const OpDef kStack = {
    .name = "stack",
    .doc = "The tensors, all of one shape, behind each other along a new dimension dim.",
    .signatures = {"stack(Tensor[] tensors, int dim=0) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          if (c.list(0).empty())
            fail<ShapeError>(c.name(), "expected at least one tensor; got none.");
          const Dims& first = c.list(0)[0].sizes();
          const int d = normalize_dim(c.name(), c.as<StackAttrs>().dim, first.size() + 1);
          Tensors rows;
          for (const Tensor& x : c.list(0)) {
            if (!(x.sizes() == first)) {
              fail<ShapeError>(c.name(), "expected tensors of one shape; got ", first, " and ",
                               x.sizes(), " as tensor ", rows.size(), ".");
            }
            rows.push_back(unsqueeze(x, d));
          }
          return just(cat({rows.data(), rows.size()}, d));
        },
};

const OpDef kHstack = {
    .name = "hstack",
    .doc = "Behind each other horizontally: along dim 1, or along dim 0 for vectors.",
    .signatures = {"hstack(Tensor[] tensors) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const Tensors rows = at_least(c, 1);
          return just(cat({rows.data(), rows.size()}, rows[0].dim() == 1 ? 0 : 1));
        },
};

const OpDef kVstack = {
    .name = "vstack",
    .doc = "Behind each other vertically, along dim 0; vectors count as rows.",
    .signatures = {"vstack(Tensor[] tensors) -> Tensor", "row_stack(Tensor[] tensors) -> Tensor"},
    .surface = kFunction,
    .compose =
        [](const Call& c) {
          const Tensors rows = at_least(c, 2);
          return just(cat({rows.data(), rows.size()}, 0));
        },
};

}  // namespace chainrule::ops
