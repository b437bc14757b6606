// Indexing by tensors. `index(input, indices)` is x[i, :, j]: one entry per dimension from the
// left, an undefined tensor for ':', int64 or int32 for places (negative ones count from the end),
// bool or uint8 for a mask over as many dimensions as it has. Slices, integers, None and Ellipsis
// are views, made by the language binding before it comes here.
#include "generated/ops.h"
#include "ops/index_rules.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// The input and the int64 indices, all of one shape, that stand for a general index.
struct Resolved {
  Tensor input;
  Tensors indices;
  Dims dims;

  std::span<const Tensor> list() const { return {indices.data(), indices.size()}; }
};

bool is_mask(const Tensor& t) { return t.dtype() == DType::kBool || t.dtype() == DType::kUInt8; }

void check_mask(const char* op, const Tensor& x, const Tensor& mask, int first) {
  bool fits = first + mask.dim() <= x.dim();
  for (int d = 0; fits && d < mask.dim(); ++d) fits = mask.sizes()[d] == x.sizes()[first + d];
  if (!fits) {
    fail<IndexError>(op, "expected a mask of the sizes of ", x.sizes(), " from dim ", first,
                     "; got a mask of ", mask.sizes(), ".");
  }
}

// x with the dimensions that the mask covers made one (none: a new one of size 1).
Tensor merge_masked(const Tensor& x, const Tensor& mask, int first) {
  Dims sizes = x.sizes();
  for (int d = 0; d < mask.dim(); ++d) sizes.erase(first);
  sizes.insert(first, mask.numel());
  return reshape(x, sizes);
}

void refuse_mask(const char* what) {
  if (modes.recorder) modes.recorder->on_shape(what, "where(mask, x, 0) keeps the shape.");
}

void add_mask(const char* op, Resolved& r, const Tensor& mask, int& dim, bool alone) {
  check_mask(op, r.input, mask, dim);
  refuse_mask("x[mask]");
  if (mask.dim() <= 1 || alone) {
    r.input = merge_masked(r.input, mask, dim);
    r.indices.push_back(nonzero_flat(contiguous(mask)));
    r.dims.push_back(dim++);
    return;
  }
  const Tensor places = nonzero(mask);
  for (int d = 0; d < mask.dim(); ++d) {
    r.indices.push_back(select(places, 1, d));
    r.dims.push_back(dim++);
  }
}

void broadcast_indices(const char* op, Resolved& r) {
  Dims common;
  for (const Tensor& t : r.indices) {
    const Dims before = common;
    if (!broadcast_shapes(before, t.sizes(), &common)) {
      fail<IndexError>(op, "expected index shapes that broadcast; got ", before, " and ", t.sizes(),
                       ".");
    }
  }
  for (Tensor& t : r.indices) {
    if (!(t.sizes() == common)) t = expand(t, common);
    t = contiguous(t);
  }
}

Resolved resolve(const char* op, const Tensor& x, std::span<const Tensor> list) {
  Resolved r{x, {}, {}};
  int count = 0, dim = 0;
  for (const Tensor& t : list) count += t.defined();
  for (const Tensor& t : list) {
    const bool mask = t.defined() && is_mask(t);
    if (dim >= r.input.dim() && !(mask && t.dim() == 0)) {
      fail<IndexError>(op, "expected at most ", x.dim(), " indices for ", x.sizes(), "; got more.");
    }
    if (!t.defined()) {
      ++dim;
    } else if (mask) {
      add_mask(op, r, t, dim, count == 1);
    } else if (is_floating(t.dtype())) {
      fail<IndexError>(op, "expected index tensors of int64, int32, uint8 or bool; got ",
                       dtype_name(t.dtype()), ".");
    } else {
      r.indices.push_back(as_index(op, t));
      r.dims.push_back(dim++);
    }
  }
  broadcast_indices(op, r);
  return r;
}

// x[mask] = number needs no places: it is a choice, whose shape does not depend on the mask.
bool is_masked_fill(const Call& c) {
  int count = 0;
  for (const Tensor& t : c.list(1)) {
    if (t.defined() && (++count > 1 || !is_mask(t) || t.dim() == 0)) return false;
  }
  return count == 1 && c[2].numel() == 1 && !c.as<IndexPutAttrs>().accumulate;
}

Tensor put_masked(const Call& c) {
  int dim = 0;
  for (const Tensor& t : c.list(1)) {
    if (!t.defined()) {
      ++dim;
      continue;
    }
    check_mask("index_put", c[0], t, dim);
    Dims sizes(dim, 1);
    for (int64_t s : t.sizes()) sizes.push_back(s);
    while (sizes.size() < c[0].dim()) sizes.push_back(1);
    const Tensor mask = t.dtype() == DType::kBool ? t : cast(t, DType::kBool);
    return masked_fill(c[0], view(contiguous(mask), sizes), view(contiguous(c[2]), Dims{}));
  }
  return c[0];
}

// Values as index_write wants them: broadcast to what the places make up, dense. Leading dimensions
// of size 1 that the places do not have are dropped.
Tensor fitting_values(const char* op, Tensor values, const Tensor& input, const Dims& sizes) {
  while (values.dim() > sizes.size() && values.sizes()[0] == 1) values = select(values, 0, 0);
  if (values.dtype() != input.dtype()) {
    fail<DtypeError>(op, "expected values of the input's dtype ", dtype_name(input.dtype()),
                     "; got ", dtype_name(values.dtype()), ".");
  }
  Dims common;
  if (!broadcast_shapes(values.sizes(), sizes, &common) || !(common == sizes)) {
    fail<ShapeError>(op, "expected values that broadcast to the indexed part's ", sizes, "; got ",
                     values.sizes(), ".");
  }
  return contiguous(values.sizes() == sizes ? values : expand(values, sizes));
}

}  // namespace

const OpDef kIndex = {
    .name = "index",
    .doc =
        "The elements named by index tensors or masks, one entry per dimension from the left "
        "(undefined: all of it). Index shapes broadcast and stand where the indexed dimensions "
        "stood if those are neighbours, else in front.",
    .signatures = {"index(Tensor input, Tensor[] indices) -> Tensor"},
    .surface = kPrivate,
    .compose =
        [](const Call& c) {
          const Resolved r = resolve(c.name(), c[0], c.list(1));
          if (r.indices.empty()) return just(alias(c[0]));
          return just(index_read(r.input, r.list(), r.dims, kIndexForm));
        },
};

const OpDef kIndexPut = {
    .name = "index_put",
    .doc =
        "A copy of the input with the values, broadcast, at the places index() reads. Where a "
        "place is named twice the last value stands, or with accumulate the sum.",
    .signatures =
        {"index_put(Tensor input, Tensor[] indices, Tensor values, bool accumulate=False) "
         "-> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          if (is_masked_fill(c)) return just(put_masked(c));
          const Resolved r = resolve(c.name(), c[0], c.list(1));
          if (r.indices.empty()) {
            const Tensor values = fitting_values(c.name(), c[2], c[0], c[0].sizes());
            return just(c.as<IndexPutAttrs>().accumulate ? add(c[0], values) : values);
          }
          const Dims sizes = indexed_sizes(r.input.sizes(), r.dims, r.indices[0].sizes());
          const Tensor values = fitting_values(c.name(), c[2], r.input, sizes);
          const bool accumulate = c.as<IndexPutAttrs>().accumulate != 0;
          const Tensor y =
              index_write(r.input, r.list(), values, r.dims, accumulate, kIndexPutForm);
          return just(y.sizes() == c[0].sizes() ? y : view(y, c[0].sizes()));
        },
};

const OpDef kTake = {
    .name = "take",
    .doc = "The elements at flat (row-major) positions, in the shape of the index.",
    .signatures = {"take(Tensor input, Tensor index) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor index = as_index(c.name(), c[1]);
          return just(index_read(reshape(c[0], Dims{-1}), {&index, 1}, Dims{0}, kTakeForm));
        },
};

const OpDef kMaskedSelect = {
    .name = "masked_select",
    .doc = "The elements where the mask (broadcast against the input) is true, in one dimension.",
    .signatures = {"masked_select(Tensor input, Tensor mask) -> Tensor"},
    .compose =
        [](const Call& c) {
          if (!is_mask(c[1])) {
            fail<DtypeError>(c.name(), "expected a bool mask; got ", dtype_name(c[1].dtype()),
                             ". Use mask.bool().");
          }
          const Tensor both[] = {c[0], c[1]};
          const Tensors pair = broadcast_tensors(both);
          refuse_mask(c.name());
          const Tensor places = nonzero_flat(contiguous(pair[1]));
          return just(index_read(reshape(pair[0], Dims{-1}), {&places, 1}, Dims{0}, kTakeForm));
        },
};

}  // namespace chainrule::ops
