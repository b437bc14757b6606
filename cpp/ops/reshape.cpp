// Views that keep the order of the elements (view, squeeze, unsqueeze, flatten, ...) and those that
// repeat them (expand). reshape copies when no strides can do it.
#include "generated/ops.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// `sizes` with `dims` removed where they are 1.
void infer_squeeze(Infer& c) {
  const Tensor& x = c[0];
  const OptDims& wanted = c.as<SqueezeAttrs>().dim;
  const Dims dims = wanted.has ? normalize_dims(c.name(), wanted.value, x.dim()) : Dims();
  Dims sizes, strides;
  for (int d = 0; d < x.dim(); ++d) {
    if (x.sizes()[d] == 1 && (!wanted.has || dims.contains(d))) continue;
    sizes.push_back(x.sizes()[d]);
    strides.push_back(x.strides()[d]);
  }
  c.view(sizes, strides, x->offset);
}

void infer_unsqueeze(Infer& c) {
  const Tensor& x = c[0];
  const int d = normalize_new_dim(c.name(), c.as<UnsqueezeAttrs>().dim, x.dim());
  Dims sizes = x.sizes(), strides = x.strides();
  sizes.insert(d, 1);
  strides.insert(d, d < x.dim() ? x.sizes()[d] * x.strides()[d] : 1);
  c.view(sizes, strides, x->offset);
}

void infer_expand(Infer& c) {
  const Tensor& x = c[0];
  Dims sizes = c.as<ExpandAttrs>().size;
  const int added = sizes.size() - x.dim();
  bool fits = added >= 0;
  for (int d = 0; fits && d < sizes.size(); ++d) {
    const bool old = d >= added;
    if (sizes[d] == -1 && old) sizes[d] = x.sizes()[d - added];
    fits = sizes[d] >= 0 && (!old || x.sizes()[d - added] == 1 || x.sizes()[d - added] == sizes[d]);
  }
  if (!fits) {
    fail<ShapeError>(c.name(), "expected sizes that ", x.sizes(),
                     " broadcasts to (equal, or 1, from the right; -1 keeps a size); got ",
                     c.as<ExpandAttrs>().size, ".");
  }
  checked_numel(c.name(), sizes);  // nothing is allocated that would find it too large
  c.view(sizes, broadcast_strides(x.sizes(), x.strides(), sizes), x->offset);
}

Tensor like_input(Backward& b) { return reshape(b.dy(), b.shape(0).sizes); }

}  // namespace

const OpDef kViewOp = {
    .name = "view",
    .doc =
        "The same elements in the same order under other sizes, without a copy; one size may be "
        "-1. An error when the strides do not allow it (reshape copies then).",
    .signatures = {"view(Tensor input, int[] size) -> Tensor"},
    .surface = kMethod,
    .infer =
        [](Infer& c) {
          const Tensor& x = c[0];
          const Dims sizes = resolve_sizes(c.name(), c.as<ViewAttrs>().size, x.sizes());
          Dims strides;
          if (!view_strides(x.sizes(), x.strides(), sizes, &strides)) {
            fail<ShapeError>(c.name(), "expected strides that allow ", sizes,
                             " without a copy; got sizes ", x.sizes(), " with strides ",
                             x.strides(), ". Use reshape().");
          }
          c.view(sizes, strides, x->offset);
        },
    .grad = {{0, reads_shape(0), like_input}},
    .traits = kView,
};

const OpDef kReshape = {
    .name = "reshape",
    .doc =
        "The same elements in the same order under other sizes; one size may be -1. A view of "
        "the input when its strides allow it, else a copy.",
    .signatures = {"reshape(Tensor input, int[] shape) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const Dims sizes = resolve_sizes(c.name(), c.as<ReshapeAttrs>().shape, x.sizes());
          Dims strides;
          const bool fits = view_strides(x.sizes(), x.strides(), sizes, &strides);
          return just(view(fits ? x : clone(x), sizes));
        },
};

const OpDef kViewAs = {
    .name = "view_as",
    .doc = "input.view(other.shape).",
    .signatures = {"view_as(Tensor input, Tensor other) -> Tensor"},
    .surface = kMethod,
    .compose = [](const Call& c) { return just(view(c[0], c[1].sizes())); },
};

const OpDef kReshapeAs = {
    .name = "reshape_as",
    .doc = "input.reshape(other.shape).",
    .signatures = {"reshape_as(Tensor input, Tensor other) -> Tensor"},
    .surface = kMethod,
    .compose = [](const Call& c) { return just(reshape(c[0], c[1].sizes())); },
};

const OpDef kFlatten = {
    .name = "flatten",
    .doc =
        "The dimensions start_dim to end_dim (inclusive) made one. A 0-dimensional input gets "
        "one dimension.",
    .signatures = {"flatten(Tensor input, int start_dim=0, int end_dim=-1) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const auto& a = c.as<FlattenAttrs>();
          const int first = normalize_dim(c.name(), a.start_dim, x.dim());
          const int last = normalize_dim(c.name(), a.end_dim, x.dim());
          if (first > last) {
            fail<ShapeError>(c.name(), "expected start_dim <= end_dim; got ", a.start_dim, " and ",
                             a.end_dim, " for ", x.sizes(), ".");
          }
          if (x.dim() == 0) return just(view(x, Dims{1}));
          if (first == last) return just(x);
          Dims sizes;
          int64_t joined = 1;
          for (int d = 0; d < x.dim(); ++d) {
            if (d < first || d > last)
              sizes.push_back(x.sizes()[d]);
            else
              joined *= x.sizes()[d];
            if (d == last) sizes.push_back(joined);
          }
          return just(reshape(x, sizes));
        },
};

const OpDef kRavel = {
    .name = "ravel",
    .doc = "All elements in one dimension, row-major.",
    .signatures = {"ravel(Tensor input) -> Tensor"},
    .compose = [](const Call& c) { return just(reshape(c[0], Dims{-1})); },
};

const OpDef kUnflatten = {
    .name = "unflatten",
    .doc = "Dimension dim cut into several of the given sizes; one may be -1.",
    .signatures = {"unflatten(Tensor input, int dim, int[] sizes) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          const auto& a = c.as<UnflattenAttrs>();
          const int d = normalize_dim(c.name(), a.dim, x.dim());
          if (x.dim() == 0 || a.sizes.empty()) {
            fail<ShapeError>(c.name(), "expected a dimension to cut and at least one size; got ",
                             x.sizes(), " and sizes ", a.sizes, ".");
          }
          const Dims parts = resolve_sizes(c.name(), a.sizes, Dims{x.sizes()[d]});
          Dims sizes = x.sizes();
          sizes.erase(d);
          for (int i = 0; i < parts.size(); ++i) sizes.insert(d + i, parts[i]);
          return just(reshape(x, sizes));
        },
};

const OpDef kSqueeze = {
    .name = "squeeze",
    .doc = "Dimensions of size 1 removed: all of them, or those named that have size 1.",
    .signatures = {"squeeze(Tensor input, int[]? dim=None) -> Tensor"},
    .infer = infer_squeeze,
    .grad = {{0, reads_shape(0), like_input}},
    .traits = kView,
};

const OpDef kUnsqueeze = {
    .name = "unsqueeze",
    .doc = "A dimension of size 1 put in front of position dim.",
    .signatures = {"unsqueeze(Tensor input, int dim) -> Tensor"},
    .infer = infer_unsqueeze,
    .grad = {{0, reads_shape(0), like_input}},
    .traits = kView,
};

const OpDef kExpand = {
    .name = "expand",
    .doc =
        "Dimensions of size 1 repeated without a copy (stride 0); -1 keeps a size, new "
        "dimensions come in front. The gradient sums over what was repeated.",
    .signatures = {"expand(Tensor input, int[] size) -> Tensor"},
    .surface = kMethod,
    .infer = infer_expand,
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }}},
    .traits = kView | kBroadcasts,
};

const OpDef kExpandAs = {
    .name = "expand_as",
    .doc = "input.expand(other.shape).",
    .signatures = {"expand_as(Tensor input, Tensor other) -> Tensor"},
    .surface = kMethod,
    .compose = [](const Call& c) { return just(expand(c[0], c[1].sizes())); },
};

const OpDef kBroadcastTo = {
    .name = "broadcast_to",
    .doc = "input.expand(size).",
    .signatures = {"broadcast_to(Tensor input, int[] size) -> Tensor"},
    .compose = [](const Call& c) { return just(expand(c[0], c.as<BroadcastToAttrs>().size)); },
};

const OpDef kBroadcastTensors = {
    .name = "broadcast_tensors",
    .doc = "Every tensor expanded to the shape that all of them broadcast to.",
    .signatures = {"broadcast_tensors(Tensor[] tensors) -> Tensor[]"},
    .surface = kPrivate,  // Python's takes them one by one (_shaping.py)
    .compose =
        [](const Call& c) {
          Dims common;
          for (const Tensor& x : c.list(0)) {
            const Dims before = common;
            if (!broadcast_shapes(before, x.sizes(), &common)) {
              fail<ShapeError>(c.name(), "expected shapes that broadcast; got ", before, " and ",
                               x.sizes(), ".");
            }
          }
          Tensors out;
          for (const Tensor& x : c.list(0)) out.push_back(expand(x, common));
          return out;
        },
};

}  // namespace chainrule::ops
