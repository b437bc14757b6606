// Gated linear units: one half of the input times the sigmoid of the other.
//
// Source: Dauphin et al., Language Modeling with Gated Convolutional Networks (2016).
#include <algorithm>

#include "core/threads.h"
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

namespace {

constexpr int64_t kTile = 1 << 14;  // elements of one task

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

kernels::ElementwiseFn slot_of(Map map, DType dtype) {
  return kernels::table().map[static_cast<int>(map)][static_cast<int>(dtype)];
}

// Of dense tensors: each half of input's gradient is a row of memory for every place before dim.
void run_glu_backward(Run& r) {
  const Tensor &dy = r[0], &x = r[1], &dx = r.out();
  const int64_t n = dy.numel(), dim = r.as<GluBackwardAttrs>().dim;
  int64_t row = 1;  // elements of a half
  for (int d = static_cast<int>(dim); d < dy.dim(); ++d) row *= dy.size(d);
  if (n == 0) return;
  const auto first = slot_of(Map::gated, dy.dtype()),
             second = slot_of(Map::gate_backward, dy.dtype());
  const int64_t item = itemsize(dy.dtype()), bytes = row * item, strides[] = {1, 1, 1};
  const auto at = [](const Tensor& t, int64_t offset) {
    return static_cast<char*>(t.raw()) + offset;
  };
  const int64_t rows_per_tile = std::max<int64_t>(1, kTile / row);
  const int64_t rows = n / row, work = 2 * n * r.op.cost;
  LongWork release(work);
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, work, [&](int64_t t) {
    for (int64_t i = t * rows_per_tile; i < std::min(rows, (t + 1) * rows_per_tile); ++i) {
      const char *up = at(dy, i * bytes), *value = at(x, 2 * i * bytes), *gate = value + bytes;
      const void *by_value[] = {up, gate}, *by_gate[] = {up, value, gate};
      first(row, at(dx, 2 * i * bytes), by_value, strides, nullptr);
      second(row, at(dx, (2 * i + 1) * bytes), by_gate, strides, nullptr);
    }
  });
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
          run_elementwise(slot_of(Map::gated, x.dtype()), r.out(), halves, nullptr, r.op.cost);
        },
    .grad = {{0, reads_value(0),
              [](Backward& b) {
                return glu_backward(contiguous(b.dy()), contiguous(b.value(0)),
                                    halves_of("glu", b.value(0), b.as<GluAttrs>().dim).dim);
              }}},
    .dtypes = kFloatDTypes,
    .cost = 13,
};

const OpDef kGluBackward = {
    .name = "glu_backward",
    .doc = "dy * sigmoid(b) and dy * a * s * (1 - s) with s = sigmoid(b), one after the other.",
    .signatures = {"glu_backward(Tensor dy, Tensor x, int dim) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Halves h = halves_of(c.name(), c[1], c.as<GluBackwardAttrs>().dim);
          Dims sizes = c[1].sizes();
          sizes[h.dim] = h.size;
          const bool dense = c[0].is_contiguous() && c[1].is_contiguous();
          if (!dense || !(c[0].sizes() == sizes) || c[0].dtype() != c[1].dtype()) {
            throw InternalError("[glu_backward] expected dense tensors of one dtype.");
          }
          c.out(c[1].dtype(), c[1].sizes());
        },
    .forward = run_glu_backward,
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const int64_t dim = b.as<GluBackwardAttrs>().dim;
                const Tensor x = b.value(1);
                const int64_t half = x.size(static_cast<int>(dim)) / 2;
                const Tensor gate = narrow(x, dim, half, half);
                return add(
                    gated(narrow(b.dy(), dim, 0, half), gate),
                    gate_backward(narrow(b.dy(), dim, half, half), narrow(x, dim, 0, half), gate));
              }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const int64_t dim = b.as<GluBackwardAttrs>().dim;
                const Tensor dy = b.value(0), x = b.value(1);
                const int64_t half = x.size(static_cast<int>(dim)) / 2;
                const Tensor gate = narrow(x, dim, half, half);
                const Tensor by_value = narrow(b.dy(), dim, 0, half);
                const Tensor by_gate = narrow(b.dy(), dim, half, half);
                const Tensor bend = gate_backward(mul(by_gate, dy), narrow(x, dim, 0, half), gate);
                const Tensor parts[] = {gate_backward(by_gate, dy, gate),
                                        add(gate_backward(by_value, dy, gate),
                                            absorb(bend, rsub(mul(sigmoid(gate), 2), 1)))};
                return cat(parts, dim);
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

}  // namespace chainrule::ops
