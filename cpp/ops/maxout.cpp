// Maxout units: the largest of several neighbours.
//
// Source: Goodfellow et al., Maxout Networks (2013).
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

constexpr int64_t kFewPieces = 8;  // of a maxout unit, which are compared one after the other

// Of a tensor with units of pieces along dim, the piece of one number.
Tensor piece_of(const Tensor& x, int dim, int64_t piece) {
  Dims sizes = x.sizes(), strides = x.strides();
  sizes.erase(dim);
  strides.erase(dim);
  return x.alias(sizes, strides, x->offset + piece * x.strides()[dim]);
}

// Equal pieces that are the largest share the gradient.
Tensor largest_gradient(Backward& b) {
  const Tensor x = b.value(0), y = b.output(0);
  const int64_t dim = b.as<LargestAttrs>().dim, pieces = x.size(static_cast<int>(dim));
  Tensors hits, parts;
  Tensor count;
  for (int64_t i = 0; i < pieces; ++i) {
    hits.push_back(eq(select(x, dim, i), y));
    const Tensor one = cast(hits[i], y.dtype());
    count = i ? add(count, one) : one;
  }
  const Tensor share = div(b.dy(), count);
  for (const Tensor& hit : hits) parts.push_back(where(hit, share, 0));
  return stack({parts.data(), parts.size()}, dim);
}

}  // namespace

const OpDef kMaxout = {
    .name = "maxout",
    .doc =
        "The largest of every `pieces` neighbours along dim, whose size they divide. Equal "
        "neighbours share the gradient, as amax.",
    .signatures = {"maxout(Tensor input, int pieces, int dim=-1) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<MaxoutAttrs>();
          const Tensor& x = c[0];
          const int dim = normalize_dim(c.name(), a.dim, x.dim());
          const int64_t size = x.dim() ? x.size(dim) : 1;
          if (a.pieces < 1) fail<ValueError>(c.name(), "expected pieces >= 1; got ", a.pieces, ".");
          if (size % a.pieces) {
            fail<ShapeError>(c.name(), "expected pieces that divide the size of dim ", dim,
                             "; got ", a.pieces, " for ", x.sizes(), ".");
          }
          if (a.pieces == 1) return just(x);
          const Tensor units = unflatten(x, dim, Dims{size / a.pieces, a.pieces});
          if (a.pieces > kFewPieces) return just(amax(units, Dims{dim + 1}));
          return just(largest(units, dim + 1));
        },
};

const OpDef kLargest = {
    .name = "largest",
    .doc = "amax along dim, piece after piece: faster than a reduction while there are few.",
    .signatures = {"largest(Tensor input, int dim) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const int dim = normalize_dim(c.name(), c.as<LargestAttrs>().dim, c[0].dim());
          if (c[0].dim() == 0 || c[0].size(dim) < 2) {
            throw InternalError("[largest] expected several pieces.");
          }
          Dims sizes = c[0].sizes();
          sizes.erase(dim);
          c.out(c[0].dtype(), sizes);
        },
    .forward =
        [](Run& r) {
          const Tensor &x = r[0], &out = r.out();
          const int dim = normalize_dim(r.name(), r.as<LargestAttrs>().dim, x.dim());
          const auto larger =
              kernels::table().map[static_cast<int>(Map::maximum)][static_cast<int>(x.dtype())];
          for (int64_t i = 1; i < x.size(dim); ++i) {
            const Tensor both[] = {i == 1 ? piece_of(x, dim, 0) : out, piece_of(x, dim, i)};
            run_elementwise(larger, out, both, nullptr);
          }
        },
    .grad = {{0, reads_value(0) | reads_output(0), largest_gradient}},
    .dtypes = kNumberDTypes,
};

}  // namespace chainrule::ops
