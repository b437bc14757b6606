// Joining tensors: cat and what comes down to it.
#include <algorithm>

#include "core/threads.h"
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

// out[:, offset : offset + columns] = x, both seen as [outer, columns], x dense.
void copy_columns(const Tensor& out, int64_t outer, int64_t offset, const Tensor& x) {
  const int64_t item = static_cast<int64_t>(itemsize(out.dtype()));
  const int64_t columns = x.numel() / outer, row = out.numel() / outer;
  kernels::StridedCopy copy;
  copy.dims = 2;
  copy.item = item;
  copy.sizes[1] = columns;
  copy.out_strides[0] = row;
  copy.in_strides[0] = columns;
  copy.out_strides[1] = copy.in_strides[1] = 1;
  const int64_t rows_per_tile = std::max<int64_t>(1, (1 << 16) / columns);
  LongWork release(x.numel());
  parallel_for((outer + rows_per_tile - 1) / rows_per_tile, x.numel(), [&](int64_t t) {
    kernels::StridedCopy part = copy;
    const int64_t first = t * rows_per_tile;
    part.sizes[0] = std::min(rows_per_tile, outer - first);
    part.out = static_cast<char*>(out.raw()) + (first * row + offset) * item;
    part.in = static_cast<const char*>(x.raw()) + first * columns * item;
    kernels::copy_strided(part);
  });
}

// The inputs behind each other along dimension d, where they have the strides of `out` as `place`.
void join(const Tensor& out, std::span<const Tensor> inputs, int d, const Dims& place) {
  int64_t outer = 1;
  for (int i = 0; i < d; ++i) outer *= out.sizes()[i];
  int64_t offset = 0;
  for (const Tensor& x : inputs) {
    if (x.numel() == 0) continue;
    if (x.is_contiguous()) {
      copy_columns(out, outer, offset, x);
    } else {
      copy_strided(out.alias(x.sizes(), place, out->offset + offset), x);
    }
    offset += x.numel() / outer;
  }
}

void forward_cat(Run& r) {
  const int d = normalize_dim(r.name(), r.as<CatAttrs>().dim, r.out().dim());
  join(r.out(), r.list(0), d, r.out().strides());
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

void infer_stack(Infer& c) {
  if (c.list(0).empty()) fail<ShapeError>(c.name(), "expected at least one tensor; got none.");
  Dims sizes = c.list(0)[0].sizes();
  const int d = normalize_new_dim(c.name(), c.as<StackAttrs>().dim, sizes.size());
  int position = 0;
  for (const Tensor& x : c.list(0)) {
    if (!(x.sizes() == sizes)) {
      fail<ShapeError>(c.name(), "expected tensors of one shape; got ", sizes, " and ", x.sizes(),
                       " as tensor ", position, ".");
    }
    ++position;
  }
  sizes.insert(d, position);
  c.out(c.list(0)[0].dtype(), sizes);
}

void forward_stack(Run& r) {
  const int d = normalize_dim(r.name(), r.as<StackAttrs>().dim, r.out().dim());
  Dims place = r.out().strides();
  place.erase(d);
  join(r.out(), r.list(0), d, place);
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
    .doc =
        "The tensors, all of one shape, behind each other along a new dimension dim. Dtypes are "
        "promoted.",
    .signatures = {"stack(Tensor[] tensors, int dim=0) -> Tensor"},
    .surface = kFunction,
    .promotion = Promotion::kPromote,
    .infer = infer_stack,
    .forward = forward_stack,
    .grad = {{0, kReadsNothing,
              [](Backward& b) { return select(b.dy(), b.as<StackAttrs>().dim, b.element); }}},
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
