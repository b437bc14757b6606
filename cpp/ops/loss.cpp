// Losses of regression and of yes-or-no decisions. Input and target must have one shape: `(n, 1)`
// against `(n,)` would broadcast to n * n differences and train on nonsense.
#include "ops/loss.h"

#include <utility>

#include "ops/elementwise.h"

namespace chainrule {

namespace {

// Whether `longer` is `shorter` and, behind it, a 1.
bool adds_one(const Dims& longer, const Dims& shorter) {
  Dims front = longer;
  if (front.empty() || front[front.size() - 1] != 1) return false;
  front.erase(front.size() - 1);
  return front == shorter;
}

Dims without_ones(const Dims& sizes) {
  Dims rest;
  for (const int64_t size : sizes) {
    if (size != 1) rest.push_back(size);
  }
  return rest;
}

// Whether one is the other with the last two dimensions swapped.
bool transposed(const Dims& a, Dims b) {
  const int rank = b.size();
  if (rank < 2) return false;
  std::swap(b[rank - 2], b[rank - 1]);
  return a == b;
}

std::string same_shape_hint(const Tensor& input, const Tensor& target) {
  const Dims &x = input.sizes(), &t = target.sizes();
  if (adds_one(x, t)) return str(" Use target.unsqueeze(", t.size(), ").");
  if (adds_one(t, x)) return str(" Use target.squeeze(", x.size(), ").");
  if (without_ones(x) == without_ones(t)) return " Use target.reshape(input.shape).";
  if (transposed(x, t)) return " Use target.mT.";
  const bool labels = !is_floating(target.dtype()) && t.size() == 1 && x.size() == 2;
  return labels && x[0] == t[0] ? " Use cross_entropy for labels of classes." : "";
}

}  // namespace

void check_same_shape(const Call& c) {
  if (c[0].sizes() == c[1].sizes()) return;
  fail<ShapeError>(c.name(), "expected input and target of one shape; got ", c[0].sizes(), " and ",
                   c[1].sizes(), ".", same_shape_hint(c[0], c[1]));
}

void check_numbers(const Call& c) {
  check_same_shape(c);
  if (c[1].dtype() != DType::kBool) return;
  fail<DtypeError>(c.name(), "expected numbers; got a bool target. Use target.float().");
}

void check_floating_input(const Call& c) {
  if (is_floating(c[0].dtype())) return;
  fail<DtypeError>(c.name(), "expected a floating input; got ", dtype_name(c[0].dtype()),
                   ". Use .float().");
}

void fail_target(const char* op, int64_t classes, int64_t ignore_index, int64_t target,
                 int64_t row) {
  const char* hint = target != classes ? ""
                     : classes == 1 ? " Use binary_cross_entropy_with_logits for one score a row."
                                    : " Classes count from 0.";
  fail<IndexError>(op, "expected targets in [0, ", classes, ") or ignore_index ", ignore_index,
                   "; got ", target, " in row ", row, ".", hint);
}

namespace ops {

using kernels::Map;

double extreme(kernels::Reduce op, const Tensor& x) {
  const DType t = promote_types(x.dtype(), DType::kFloat32);
  Tensor dense = x;
  if (t != x.dtype() || !x.is_contiguous()) {
    dense = Tensor::empty(t, x.sizes());
    run_elementwise(kernels::table().cast[static_cast<int>(x.dtype())][static_cast<int>(t)], dense,
                    {&x, 1}, nullptr);
  }
  const Tensor out = Tensor::empty(t, {});
  kernels::table().reduce[static_cast<int>(op)][static_cast<int>(t)](0, 1, x.numel(), 1, out.raw(),
                                                                     dense.raw());
  return out.item_double();
}

// Input 2 may be a weight of each element.
Tensor times_weight(const Call& c, const Tensor& loss) {
  if (!c.has(2)) return loss;
  check_weight(c, c[2], "weight");
  return mul(loss, c[2]);
}

namespace {

void check_floating(const Call& c) {
  constexpr const char* kHints[] = {"input.float().", "target.float() for labels of 0 and 1.",
                                    "weight.float().", "pos_weight.float()."};
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor& t = c.inputs[i];
    if (!t.defined() || is_floating(t.dtype())) continue;
    fail<DtypeError>(c.name(), "expected floating tensors; got ", dtype_name(t.dtype()), ". Use ",
                     kHints[i]);
  }
}

void check_probabilities(const Tensor& x, const char* what, const char* hint) {
  if (x.numel() == 0) return;
  // Through the reductions, which pass NaN on.
  const double low = extreme(kernels::Reduce::amin, x), high = extreme(kernels::Reduce::amax, x);
  if (low >= 0 && high <= 1) return;
  fail<ValueError>("binary_cross_entropy", "expected ", what, " in [0, 1]; got ",
                   low >= 0 ? high : low, ".", hint);
}

// With a weight whose sum divides the mean, as PyTorch's mse_loss and l1_loss have it; its other
// losses divide by the number of elements.
Tensors weighted(const Call& c, const Tensor& loss, Reduction reduction) {
  const Tensor product = times_weight(c, loss);
  if (!c.has(2) || reduction != Reduction::mean) return reduced(product, reduction);
  return just(div(sum(product), sum(expand(c[2], c[0].sizes()))));
}

}  // namespace

const OpDef kMseLoss = {
    .name = "mse_loss",
    .doc = "The squared error (input - target)^2; its mean by default. Shapes must be equal.",
    .signatures = {"mse_loss(Tensor input, Tensor target, *, Reduction reduction='mean', "
                   "Tensor? weight=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_numbers(c);
          // Of a weighted one PyTorch's backward reads neither input.
          const Tensor loss = c.has(2) ? square(sub(c[0], c[1])) : squared_error(c[0], c[1]);
          return weighted(c, loss, c.as<MseLossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kHalfMseLoss = {
    .name = "half_mse_loss",
    .doc =
        "Half the squared error, (input - target)^2 / 2; its mean by default. Shapes must be "
        "equal.",
    .signatures = {"half_mse_loss(Tensor input, Tensor target, *, Reduction reduction='mean') -> "
                   "Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_numbers(c);
          const Tensor halves = mul(squared_error(c[0], c[1]), 0.5);
          return reduced(halves, c.as<HalfMseLossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kL1Loss = {
    .name = "l1_loss",
    .doc = "The absolute error |input - target|; its mean by default. Shapes must be equal.",
    .signatures = {"l1_loss(Tensor input, Tensor target, *, Reduction reduction='mean', "
                   "Tensor? weight=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_numbers(c);
          return weighted(c, abs(sub(c[0], c[1])), c.as<L1LossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kBinaryCrossEntropy = {
    .name = "binary_cross_entropy",
    .doc =
        "-(target * log(input) + (1 - target) * log(1 - input)) for probabilities; logarithms are "
        "limited to -100. Its mean by default. Shapes must be equal.",
    .signatures = {"binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, *, "
                   "Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_same_shape(c);
          check_floating(c);
          const Tensor loss = times_weight(c, bce(c[0], c[1]));
          return reduced(loss, c.as<BinaryCrossEntropyAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kBinaryCrossEntropyWithLogits = {
    .name = "binary_cross_entropy_with_logits",
    .doc =
        "Binary cross-entropy of sigmoid(input): (1 - t) x + (1 + (pos_weight - 1) t) log(1 + "
        "e^-x), finite for every finite x. Its mean by default. Shapes must be equal.",
    .signatures =
        {"binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, *, "
         "Reduction reduction='mean', Tensor? pos_weight=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_same_shape(c);
          check_floating(c);
          Tensor yes = logsigmoid(c[0]);
          if (c.has(3)) {
            check_weight(c, c[3], "pos_weight");
            yes = mul(yes, add(mul(sub(c[3], 1), c[1]), 1));
          }
          const Tensor loss = times_weight(c, sub(mul(rsub(c[1], 1), c[0]), yes));
          return reduced(loss, c.as<BinaryCrossEntropyWithLogitsAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kBce = {
    .name = "bce",
    .doc =
        "Binary cross-entropy of each pair of a probability x and a target t, logarithms limited "
        "to -100; ValueError for an x or t outside [0, 1].",
    .signatures = {"bce(Tensor x, Tensor t) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward =
        [](Run& r) {
          check_probabilities(r[0], "probabilities",
                              " Use binary_cross_entropy_with_logits for raw scores.");
          check_probabilities(r[1], "targets", "");
          run_map(r, {Map::bce});
        },
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) { return absorb(b.dy(), bce_slope(b.value(0), b.value(1))); }},
             {1, reads_value(0),
              [](Backward& b) {
                const Tensor x = b.value(0);
                return absorb(b.dy(), sub(log1p(neg(x)), log(x)));
              }}},
    .traits = kElementwise,
    .cost = 40,
};

const OpDef kBceSlope = {
    .name = "bce_slope",
    .doc = "(x - t) / max(x (1 - x), 1e-12): the derivative of bce by x.",
    .signatures = {"bce_slope(Tensor x, Tensor t) -> Tensor"},
    .surface = kPrivate,
    .promotion = Promotion::kPromote,
    .infer = infer_map,
    .forward = forward_map<Map::bce_slope>,
    .grad = {{0, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor x = b.value(0), v = clamp(mul(x, rsub(x, 1)), OptNumber(1e-12));
                const Tensor rise = mul(div(sub(x, b.value(1)), v), rsub(mul(x, 2), 1));
                return mul(b.dy(), div(rsub(where(gt(v, 1e-12), rise, 0), 1), v));
              }},
             {1, reads_value(0),
              [](Backward& b) {
                const Tensor x = b.value(0);
                return neg(div(b.dy(), clamp(mul(x, rsub(x, 1)), OptNumber(1e-12))));
              }}},
    .traits = kElementwise,
    .cost = 5,
};

}  // namespace ops
}  // namespace chainrule
