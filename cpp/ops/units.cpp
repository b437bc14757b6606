// Units that take several elements together: gated linear units and maxout.
//
// Source: Dauphin et al., Language Modeling with Gated Convolutional Networks (2016); Goodfellow et
// al., Maxout Networks (2013).
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

struct Halves {
  int dim;
  int64_t size;
};
Halves halves_of(const char* op, const Tensor& x, int64_t dim) {
  if (x.dim() == 0) {
    fail<ShapeError>(op, "expected an even size along dim; got a 0-dimensional tensor.");
  }
  const int at = normalize_dim(op, dim, x.dim());
  if (x.size(at) % 2) {
    fail<ShapeError>(op, "expected an even size along dim ", at, "; got ", x.sizes(), ".");
  }
  return {at, x.size(at) / 2};
}

}  // namespace

const OpDef kGlu = {
    .name = "glu",
    .doc = "a * sigmoid(b), where a and b are the first and the second half of input along dim.",
    .signatures = {"glu(Tensor input, int dim=-1) -> Tensor"},
    .surface = kFunctional,
    .infer =
        [](Infer& c) {
          const Halves h = halves_of(c.name(), c[0], c.as<GluAttrs>().dim);
          Dims sizes = c[0].sizes();
          sizes[h.dim] = h.size;
          c.out(c[0].dtype(), sizes);
        },
    .forward =
        [](Run& r) {
          const Tensor& x = r[0];
          const Halves h = halves_of(r.name(), x, r.as<GluAttrs>().dim);
          const int64_t second = x->offset + h.size * x.strides()[h.dim];
          const Tensor halves[] = {x.alias(r.out().sizes(), x.strides(), x->offset),
                                   x.alias(r.out().sizes(), x.strides(), second)};
          const auto& slots = kernels::table().map[static_cast<int>(Map::gated)];
          run_elementwise(slots[static_cast<int>(x.dtype())], r.out(), halves, nullptr, r.op.cost);
        },
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                const Tensor x = b.value(0);
                const Halves h = halves_of("glu", x, b.as<GluAttrs>().dim);
                const Tensor gate = narrow(x, h.dim, h.size, h.size);
                const Tensor parts[] = {gated(b.dy(), gate),
                                        gate_backward(b.dy(), narrow(x, h.dim, 0, h.size), gate)};
                return cat(parts, h.dim);
              }}},
    .dtypes = kFloatDTypes,
    .cost = 13,
};

const OpDef kGated = {
    .name = "gated",
    .doc = "x * sigmoid(gate).",
    .signatures = {"gated(Tensor input, Tensor gate) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::gated>,
    .grad = {{0, reads_value(1), [](Backward& b) { return gated(b.dy(), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) { return gate_backward(b.dy(), b.value(0), b.value(1)); }}},
    .traits = kElementwise,
    .cost = 13,
};

const OpDef kGateBackward = {
    .name = "gate_backward",
    .doc = "dy * x * s * (1 - s) with s = sigmoid(gate).",
    .signatures = {"gate_backward(Tensor dy, Tensor x, Tensor gate) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_map,
    .forward = forward_map<Map::gate_backward>,
    .grad = {{0, reads_value(1) | reads_value(2),
              [](Backward& b) { return gate_backward(b.dy(), b.value(1), b.value(2)); }},
             {1, reads_value(0) | reads_value(2),
              [](Backward& b) { return gate_backward(b.dy(), b.value(0), b.value(2)); }},
             {2, reads_value(0) | reads_value(1) | reads_value(2),
              [](Backward& b) {
                const Tensor both = mul(b.dy(), b.value(0)), gate = b.value(2);
                const Tensor tilt = rsub(mul(sigmoid(gate), 2), 1);  // 1 - 2 s
                return absorb(gate_backward(both, b.value(1), gate), tilt);
              }}},
    .traits = kElementwise,
    .cost = 14,
};

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
          return just(amax(unflatten(x, dim, Dims{-1, a.pieces}), Dims{dim + 1}));
        },
};

}  // namespace chainrule::ops
