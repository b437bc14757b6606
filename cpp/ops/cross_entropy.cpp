// Softmax, cross-entropy and its gradient by the logits as one operation: one pass over the logits,
// after which backward only multiplies. The public spelling with its shapes is in loss.cpp.
//
// Source: Goodfellow, Bengio, Courville, Deep Learning, 6.2.2.3; label smoothing: Szegedy et al.,
// Rethinking the Inception Architecture (2016), section 7.
#include "core/threads.h"
#include "ops/class_rows.h"
#include "ops/ranges.h"
#include "ops/rules.h"

namespace chainrule::ops {

Tensor composed_class_loss(const Tensor& log_p, const Tensor& target, const Tensor& weight,
                           const SoftmaxCrossEntropyAttrs& a) {
  const Tensor ignored = eq(target, a.ignore_index);
  const Tensor place = class_places(target, log_p.size(1), a.ignore_index);
  const Tensor hit = reshape(gather(log_p, 1, reshape(place, {-1, 1})), {-1});
  const Tensor of_class = weight.defined() ? weight : ones({log_p.size(1)}, log_p.dtype());
  const Tensor scale = where(ignored, 0, index_select(of_class, 0, place));
  Tensor loss = mul(mul(hit, scale), -(1 - a.label_smoothing));
  if (a.label_smoothing > 0) {
    const double share = a.label_smoothing / static_cast<double>(log_p.size(1));
    loss = sub(loss, mul(sum(mul(log_p, of_class), Dims{1}), share));
  }
  loss = where(ignored, 0, loss);
  if (a.reduction == Reduction::none) return loss;
  if (a.reduction == Reduction::sum) return sum(loss);
  return div(sum(loss), sum(scale));
}

namespace {

constexpr int64_t kRowCost = 24;  // elementary operations an element

int64_t rows_per_tile(int64_t cols) { return std::max<int64_t>(1, (1 << 14) / (cols + 1)); }

// A call without its memory.
struct Rows {
  kernels::CrossEntropyFn fn;
  int64_t rows, cols;
  int64_t ignore_index;
  double label_smoothing;
  bool keeps_slope;
  RowReduction reduction;

  explicit Rows(const Call& c, bool needs_grad)
      : rows(c[0].size(0)),
        cols(c[0].size(1)),
        keeps_slope(needs_grad),
        reduction(c[1], c[0].dtype(), c.as<SoftmaxCrossEntropyAttrs>().reduction) {
    const auto& a = c.as<SoftmaxCrossEntropyAttrs>();
    fn = kernels::table().cross_entropy[kernels::float_index(c[0].dtype())];
    ignore_index = a.ignore_index;
    label_smoothing = a.label_smoothing;
  }
};

// Slope and divisor: what backward needs, or null.
struct Memory {
  void *out, *slope, *divisor;
  const void *logits, *target, *weight;
  void* scratch;
};

// The losses of all rows and their gradients; IndexError for the first bad target.
void run_rows(const Rows& r, const kernels::CrossEntropyArgs& args) {
  const int64_t step = rows_per_tile(r.cols), work = r.rows * (r.cols + 1) * kRowCost;
  const int64_t bad = first_bad_row(
      r.rows, step, work, [&](int64_t begin, int64_t end) { return r.fn(args, begin, end); });
  if (bad == r.rows) return;
  fail_target("cross_entropy", r.cols, r.ignore_index, args.target[bad], bad);
}

void run(const Rows& r, const Memory& m) {
  r.reduction.run(m.out, m.divisor, m.scratch, [&](void* loss, void* scale) {
    run_rows(r, {r.cols, m.logits, static_cast<const int64_t*>(m.target), m.weight, r.ignore_index,
                 r.label_smoothing, loss, m.slope, scale});
  });
}

void forward(Run& r) {
  run(Rows(r, r.has_out(1)), {r.out().raw(), r.has_out(1) ? r.out(1).raw() : nullptr,
                              r.has_out(2) ? r.out(2).raw() : nullptr, r[0].raw(), r[1].raw(),
                              r.has(2) ? r[2].raw() : nullptr, r.scratch});
}

void launch(const Launch& l, char* const* table) {
  const auto& r = l.as<Rows>();
  const int outputs = r.keeps_slope ? 3 : 1;
  const auto output = [&](int i) { return i < outputs ? l.address(i, table) : nullptr; };
  run(r, {output(0), output(1), output(2), l.address(outputs, table), l.address(outputs + 1, table),
          l.address(outputs + 2, table), l.address(outputs + 3, table)});
}

bool prepare(const Run& r, Launch& l) {
  l.set(launch, Rows(r, r.has_out(1)));
  return true;
}

// What the kernels take on trust; `weight` is the number of an optional input.
void check_rows(const Infer& c, const Tensor& logits, const Tensor& target, int weight) {
  const Dims& sizes = logits.sizes();
  const bool fits = sizes.size() == 2 && is_floating(logits.dtype()) && logits.is_contiguous() &&
                    is_dense(target, DType::kInt64, Dims{sizes[0]}) &&
                    (!c.has(weight) || is_dense(c[weight], logits.dtype(), Dims{sizes[1]}));
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected dense logits (rows, cols), int64 targets (rows,) and weights (cols,); "
                   "got logits ",
                   sizes, " and targets ", target.sizes(), ".");
}

void infer(Infer& c) {
  const Dims& logits = c[0].sizes();
  check_rows(c, c[0], c[1], 2);
  const bool per_row = c.as<SoftmaxCrossEntropyAttrs>().reduction == Reduction::none;
  c.out(c[0].dtype(), per_row ? Dims{logits[0]} : Dims{});
  c.keep(c[0].dtype(), logits);
  c.keep(c[0].dtype(), {});
  c.scratch_bytes = Rows(c, c.needs_grad).reduction.scratch_bytes();
}

Tensors compose(const Call& c) {
  const auto& a = c.as<SoftmaxCrossEntropyAttrs>();
  return just(composed_class_loss(log_softmax(c[0], 1), c[1], c.has(2) ? c[2] : Tensor(), a));
}

Tensor backward_with(Backward& b, const Tensor& dy) {
  const auto& a = b.as<SoftmaxCrossEntropyBackwardAttrs>();
  return softmax_cross_entropy_backward(dy, b.value(1), b.value(2), b.value(3), b.value(4),
                                        a.ignore_index, a.label_smoothing, b.value(5));
}

void infer_backward(Infer& c) {
  const Tensor& logits = c[1];
  check_rows(c, logits, c[4], 5);
  const DType t = logits.dtype();
  const bool per_row = c[0].dim() == 1;
  if (!is_dense(c[2], t, logits.sizes()) || !is_dense(c[3], t, {}) ||
      !is_dense(c[0], t, per_row ? Dims{logits.size(0)} : Dims{})) {
    fail<ShapeError>(c.name(), "expected dy, slope and divisor of the logits' dtype, dense; got ",
                     c[0].sizes(), ", ", c[2].sizes(), " and ", c[3].sizes(), ".");
  }
  c.out(t, logits.sizes());
}

// What each row's softmax is multiplied with: dy / divisor * (the sum of its target's weights).
Tensor row_factor(Backward& b) {
  const auto& a = b.as<SoftmaxCrossEntropyBackwardAttrs>();
  const Tensor logits = b.value(1), target = b.value(4), weight = b.value(5);
  const Tensor ignored = eq(target, a.ignore_index);
  Tensor total = ones({logits.size(0)}, logits.dtype());
  if (weight.defined()) {
    const Tensor hit = index_select(weight, 0, where(ignored, 0, target));
    total =
        add(mul(hit, 1 - a.label_smoothing), mul(sum(weight), a.label_smoothing / logits.size(1)));
  }
  return reshape(where(ignored, 0, absorb(div(b.value(0), b.value(3)), total)), {-1, 1});
}

struct BackwardRows {
  kernels::CrossEntropyBackwardFn fn;
  int64_t rows;
  kernels::CrossEntropyBackwardArgs args;  // without addresses

  explicit BackwardRows(const Call& c)
      : fn(kernels::table().cross_entropy_backward[kernels::float_index(c[1].dtype())]),
        rows(c[1].size(0)),
        args{} {
    const auto& a = c.as<SoftmaxCrossEntropyBackwardAttrs>();
    args.cols = c[1].size(1);
    args.ignore_index = a.ignore_index;
    args.dy_stride = c[0].dim();
  }

  void run() const {
    const int64_t step = rows_per_tile(args.cols), work = 4 * rows * (args.cols + 1);
    LongWork release(work);
    parallel_for((rows + step - 1) / step, work,
                 [&](int64_t t) { fn(args, t * step, std::min(rows, (t + 1) * step)); });
  }
};

void forward_backward(Run& r) {
  BackwardRows b(r);
  b.args.dy = r[0].raw();
  b.args.slope = r[2].raw();
  b.args.divisor = r[3].raw();
  b.args.target = r[4].data<int64_t>();
  b.args.dlogits = r.out().raw();
  b.run();
}

void launch_backward(const Launch& l, char* const* table) {
  BackwardRows b = l.as<BackwardRows>();
  b.args.dlogits = l.address(0, table);
  b.args.dy = l.address(1, table);
  b.args.slope = l.address(3, table);
  b.args.divisor = l.address(4, table);
  b.args.target = reinterpret_cast<const int64_t*>(l.address(5, table));
  b.run();
}

bool prepare_backward(const Run& r, Launch& l) {
  l.set(launch_backward, BackwardRows(r));
  return true;
}

}  // namespace

const OpDef kSoftmaxCrossEntropy = {
    .name = "softmax_cross_entropy",
    .doc =
        "-log(softmax(logits)[target]) per row of a dense (rows, cols) matrix, with class weights, "
        "label smoothing and an ignored label; reduced. Keeps the rows' gradients and the divisor "
        "for "
        "backward.",
    .signatures =
        {"softmax_cross_entropy(Tensor logits, Tensor target, Tensor? weight=None, "
         "int ignore_index=-100, float label_smoothing=0.0, Reduction reduction='mean') -> "
         "Tensor"},
    .surface = kPrivate,
    .infer = infer,
    .forward = {forward, prepare},
    .grad = {{0,
              reads_value(0) | reads_value(1) | reads_value(2) | reads_output(1) | reads_output(2),
              [](Backward& b) {
                const auto& a = b.as<SoftmaxCrossEntropyAttrs>();
                return softmax_cross_entropy_backward(contiguous(b.dy()), b.value(0), b.output(1),
                                                      b.output(2), b.value(1), a.ignore_index,
                                                      a.label_smoothing, b.value(2));
              }}},
    .compose = compose,
    .traits = kRefuses,
    .dtypes = kRealDTypes,
    .cost = 24,
};

const OpDef kSoftmaxCrossEntropyBackward = {
    .name = "softmax_cross_entropy_backward",
    .doc =
        "dy / divisor * slope, the rows' gradients (softmax - target distribution, weighted) that "
        "softmax_cross_entropy kept; 0 in ignored rows.",
    .signatures = {"softmax_cross_entropy_backward(Tensor dy, Tensor logits, Tensor slope, Tensor "
                   "divisor, Tensor target, int ignore_index, float label_smoothing, "
                   "Tensor? weight=None) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_backward,
    .forward = {forward_backward, prepare_backward},
    .grad = {{0,
              reads_shape(0) | reads_value(1) | reads_value(2) | reads_value(3) | reads_value(4) |
                  reads_value(5),
              [](Backward& b) {
                const Dims& sizes = b.shape(0).sizes;
                const Tensor unit = backward_with(b, ones(sizes, b.shape(0).dtype));
                const Tensor products = mul(b.dy(), unit);
                return sizes.empty() ? sum(products) : sum(products, Dims{1});
              }},
             {1, reads_value(0) | reads_value(1) | reads_value(3) | reads_value(4) | reads_value(5),
              [](Backward& b) {
                return mul(row_factor(b),
                           softmax_backward(contiguous(b.dy()), softmax(b.value(1), 1)));
              }}},
    .dtypes = kRealDTypes,
    .cost = 4,
};

}  // namespace chainrule::ops
