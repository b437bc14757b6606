// Views that reorder dimensions.
#include "generated/ops.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

Dims permute_dims(const char* op, const Dims& dims, const Dims& sizes) {
  if (dims.size() != sizes.size()) {
    fail<ShapeError>(op, "expected one entry for each of the ", sizes.size(), " dimensions of ",
                     sizes, "; got ", dims, ".");
  }
  return normalize_dims(op, dims, sizes.size());
}

Tensor permute_back(Backward& b) {
  const Dims& dims = b.as<PermuteAttrs>().dims;
  const int rank = dims.size();
  Dims inverse(rank, 0);
  for (int i = 0; i < rank; ++i) inverse[dims[i] < 0 ? dims[i] + rank : dims[i]] = i;
  return permute(b.dy(), inverse);
}

// Where movedim puts every dimension.
Dims moved(const char* op, const Dims& source, const Dims& destination, int rank) {
  if (source.size() != destination.size()) {
    fail<ShapeError>(op, "expected as many destinations as sources; got ", source, " and ",
                     destination, ".");
  }
  const Dims from = normalize_dims(op, source, rank), to = normalize_dims(op, destination, rank);
  Dims order(rank, -1);
  for (int i = 0; i < from.size(); ++i) order[to[i]] = from[i];
  int next = 0;
  for (int64_t& place : order) {
    if (place >= 0) continue;
    while (from.contains(next)) ++next;
    place = next++;
  }
  return order;
}

}  // namespace

const OpDef kTranspose = {
    .name = "transpose",
    .doc = "Dimensions dim0 and dim1 swapped; a view.",
    .signatures = {"transpose(Tensor input, int dim0, int dim1) -> Tensor",
                   "swapdims(Tensor input, int dim0, int dim1) -> Tensor"},
    .infer =
        [](Infer& c) {
          const Tensor& x = c[0];
          const auto& a = c.as<TransposeAttrs>();
          const int i = normalize_dim(c.name(), a.dim0, x.dim());
          const int j = normalize_dim(c.name(), a.dim1, x.dim());
          Dims sizes = x.sizes(), strides = x.strides();
          if (i != j) {
            std::swap(sizes[i], sizes[j]);
            std::swap(strides[i], strides[j]);
          }
          c.view(sizes, strides, x->offset);
        },
    .grad = {{0, kReadsNothing,
              [](Backward& b) {
                const auto& a = b.as<TransposeAttrs>();
                return transpose(b.dy(), a.dim0, a.dim1);
              }}},
    .traits = kView,
};

const OpDef kSwapaxes = {
    .name = "swapaxes",
    .doc = "transpose(input, axis0, axis1).",
    .signatures = {"swapaxes(Tensor input, int axis0, int axis1) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SwapaxesAttrs>();
          return just(transpose(c[0], a.axis0, a.axis1));
        },
};

const OpDef kT = {
    .name = "t",
    .doc = "The transpose of a matrix; vectors and 0-dimensional tensors stay as they are.",
    .signatures = {"t(Tensor input) -> Tensor"},
    .compose =
        [](const Call& c) {
          if (c[0].dim() > 2) {
            fail<ShapeError>(c.name(), "expected at most 2 dimensions; got ", c[0].sizes(),
                             ". Use mT for the last two dimensions.");
          }
          return just(c[0].dim() == 2 ? transpose(c[0], 0, 1) : alias(c[0]));
        },
};

const OpDef kMatrixTranspose = {
    .name = "matrix_transpose",
    .doc = "The last two dimensions swapped (Tensor.mT).",
    .signatures = {"matrix_transpose(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .compose =
        [](const Call& c) {
          if (c[0].dim() < 2) {
            fail<ShapeError>("mT", "expected at least 2 dimensions; got ", c[0].sizes(), ".");
          }
          return just(transpose(c[0], -2, -1));
        },
};

const OpDef kReverseDims = {
    .name = "reverse_dims",
    .doc = "All dimensions in reverse order (Tensor.T).",
    .signatures = {"reverse_dims(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .compose =
        [](const Call& c) {
          Dims order;
          for (int d = c[0].dim() - 1; d >= 0; --d) order.push_back(d);
          return just(permute(c[0], order));
        },
};

const OpDef kPermute = {
    .name = "permute",
    .doc =
        "The dimensions in another order: dimension i of the result is dimension dims[i]; a "
        "view.",
    .signatures = {"permute(Tensor input, int[] dims) -> Tensor"},
    .infer =
        [](Infer& c) {
          const Tensor& x = c[0];
          const Dims dims = permute_dims(c.name(), c.as<PermuteAttrs>().dims, x.sizes());
          Dims sizes, strides;
          for (int64_t d : dims) {
            sizes.push_back(x.sizes()[d]);
            strides.push_back(x.strides()[d]);
          }
          c.view(sizes, strides, x->offset);
        },
    .grad = {{0, kReadsNothing, permute_back}},
    .traits = kView,
};

const OpDef kMovedim = {
    .name = "movedim",
    .doc =
        "The dimensions `source` moved to the positions `destination`; the others keep their "
        "order.",
    .signatures = {"movedim(Tensor input, int[] source, int[] destination) -> Tensor",
                   "moveaxis(Tensor input, int[] source, int[] destination) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<MovedimAttrs>();
          return just(permute(c[0], moved(c.name(), a.source, a.destination, c[0].dim())));
        },
};

}  // namespace chainrule::ops
