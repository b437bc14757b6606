// Units that take several elements together: gated linear units and maxout.
//
// Source: Dauphin et al., Language Modeling with Gated Convolutional Networks (2016); Goodfellow et
// al., Maxout Networks (2013).
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kGlu = {
    .name = "glu",
    .doc = "a * sigmoid(b), where a and b are the first and the second half of input along dim.",
    .signatures = {"glu(Tensor input, int dim=-1) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          if (x.dim() == 0) {
            fail<ShapeError>(c.name(), "expected an even size along dim; got a 0-dimensional ",
                             "tensor.");
          }
          const int dim = normalize_dim(c.name(), c.as<GluAttrs>().dim, x.dim());
          const int64_t half = x.size(dim) / 2;
          if (x.size(dim) % 2) {
            fail<ShapeError>(c.name(), "expected an even size along dim ", dim, "; got ", x.sizes(),
                             ".");
          }
          return just(gated(narrow(x, dim, 0, half), narrow(x, dim, half, half)));
        },
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
