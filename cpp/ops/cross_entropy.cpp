// Softmax and cross-entropy as one operation: what a classifier's loss and its gradient cost is one
// pass over the logits each. The public spelling with its shapes is in loss.cpp.
//
// Source: Goodfellow, Bengio, Courville, Deep Learning, 6.2.2.3; label smoothing: Szegedy et al.,
// Rethinking the Inception Architecture (2016), section 7.
#include <atomic>

#include "core/threads.h"
#include "ops/loss.h"
#include "ops/reduce.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

using kernels::Map;
using kernels::Reduce;

constexpr int64_t kRowCost = 24;  // elementary operations an element

int64_t rows_per_tile(int64_t cols) { return std::max<int64_t>(1, (1 << 14) / (cols + 1)); }

size_t padded(int64_t elements, DType t) { return (elements * itemsize(t) + 63) / 64 * 64; }

// Where the forward puts what backward needs, or what nobody needs.
struct Places {
  void *loss, *scale, *softmax, *divisor, *partials;
};

struct Shape {
  int64_t rows, cols;
  ReducePlan sum;  // of a row-sized vector
  static Dims all() { return {0}; }
  explicit Shape(const Call& c) : rows(c[0].size(0)), cols(c[0].size(1)), sum(c[1], all()) {}
};

int64_t scratch_bytes(const Call& c, bool needs_grad) {
  const Shape s(c);
  const DType t = c[0].dtype();
  return 2 * padded(s.rows, t) + padded(1, t) + s.sum.partial_bytes() +
         (needs_grad ? 0 : padded(s.rows * s.cols, t));
}

Places places(Run& r, const Shape& s) {
  const DType t = r[0].dtype();
  char* next = static_cast<char*>(r.scratch);
  const auto take = [&](size_t bytes) { return std::exchange(next, next + bytes); };
  Places p;
  const bool per_row = r.as<SoftmaxCrossEntropyAttrs>().reduction == Reduction::none;
  void* rows = take(padded(s.rows, t));
  p.loss = per_row ? r.out().raw() : rows;
  p.scale = take(padded(s.rows, t));
  void* one = take(padded(1, t));
  p.divisor = r.has_out(2) ? r.out(2).raw() : one;
  p.partials = take(s.sum.partial_bytes());
  p.softmax = r.has_out(1) ? r.out(1).raw() : take(padded(s.rows * s.cols, t));
  return p;
}

// The losses and softmaxes of all rows; IndexError for the first bad target.
void run_rows(Run& r, const Shape& s, const Places& p) {
  const auto& a = r.as<SoftmaxCrossEntropyAttrs>();
  const kernels::CrossEntropyArgs args{s.cols,
                                       r[0].raw(),
                                       r[1].data<int64_t>(),
                                       r.has(2) ? r[2].raw() : nullptr,
                                       a.ignore_index,
                                       a.label_smoothing,
                                       p.loss,
                                       p.softmax,
                                       p.scale};
  const kernels::CrossEntropyFn fn =
      kernels::table().cross_entropy[kernels::float_index(r[0].dtype())];
  const int64_t step = rows_per_tile(s.cols), work = s.rows * (s.cols + 1) * kRowCost;
  std::atomic<int64_t> first_bad{s.rows};
  {
    LongWork release(work);
    parallel_for((s.rows + step - 1) / step, work, [&](int64_t t) {
      const int64_t bad = fn(args, t * step, std::min(s.rows, (t + 1) * step));
      int64_t seen = first_bad.load(std::memory_order_relaxed);
      while (bad >= 0 && bad < seen && !first_bad.compare_exchange_weak(seen, bad)) {
      }
    });
  }
  const int64_t bad = first_bad.load();
  if (bad == s.rows) return;
  fail_target("cross_entropy", s.cols, a.ignore_index, r[1].data<int64_t>()[bad], bad);
}

void divide(DType t, void* value, const void* by) {
  const void* in[] = {value, by};
  const int64_t strides[] = {1, 1};
  kernels::table().map[static_cast<int>(Map::div)][static_cast<int>(t)](1, value, in, strides,
                                                                        nullptr);
}

void set_one(DType t, void* value) {
  if (t == DType::kFloat64) {
    *static_cast<double*>(value) = 1;
  } else {
    *static_cast<float*>(value) = 1;
  }
}

void forward(Run& r) {
  const Shape s(r);
  const Places p = places(r, s);
  const DType t = r[0].dtype();
  const Reduction reduction = r.as<SoftmaxCrossEntropyAttrs>().reduction;
  run_rows(r, s, p);
  set_one(t, p.divisor);
  if (reduction == Reduction::none) return;
  reduce_block(Reduce::sum, t, s.sum, r.out().raw(), t, p.loss, p.partials);
  if (reduction == Reduction::sum) return;
  reduce_block(Reduce::sum, t, s.sum, p.divisor, t, p.scale, p.partials);
  divide(t, r.out().raw(), p.divisor);
}

bool is_dense(const Tensor& t, DType dtype, const Dims& sizes) {
  return t.dtype() == dtype && t.sizes() == sizes && t.is_contiguous();
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
  c.scratch_bytes = scratch_bytes(c, c.needs_grad);
}

// The same from elementary operations: log_softmax, the picked entries, the weighted mean.
Tensors compose(const Call& c) {
  const auto& a = c.as<SoftmaxCrossEntropyAttrs>();
  const Tensor log_p = log_softmax(c[0], 1);
  const Tensor ignored = eq(c[1], a.ignore_index);
  const Tensor target = where(ignored, 0, c[1]);
  const Tensor hit = reshape(gather(log_p, 1, reshape(target, {-1, 1})), {-1});
  const Tensor weight = c.has(2) ? c[2] : ones({c[0].size(1)}, c[0].dtype());
  const Tensor scale = where(ignored, 0, index_select(weight, 0, target));
  Tensor loss = mul(mul(hit, scale), -(1 - a.label_smoothing));
  const Tensor smooth = sum(mul(log_p, weight), Dims{1});
  loss = where(ignored, 0, sub(loss, mul(smooth, a.label_smoothing / c[0].size(1))));
  if (a.reduction == Reduction::none) return just(loss);
  if (a.reduction == Reduction::sum) return just(sum(loss));
  return just(div(sum(loss), sum(scale)));
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
    fail<ShapeError>(c.name(), "expected dy, softmax and divisor of the logits' dtype, dense; got ",
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

}  // namespace

const OpDef kSoftmaxCrossEntropy = {
    .name = "softmax_cross_entropy",
    .doc =
        "-log(softmax(logits)[target]) per row of a dense (rows, cols) matrix, with class weights, "
        "label smoothing and an ignored label; reduced. Keeps softmax and divisor for backward.",
    .signatures =
        {"softmax_cross_entropy(Tensor logits, Tensor target, Tensor? weight=None, "
         "int ignore_index=-100, float label_smoothing=0.0, Reduction reduction='mean') -> "
         "Tensor"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .grad = {{0,
              reads_value(0) | reads_value(1) | reads_value(2) | reads_output(1) | reads_output(2),
              [](Backward& b) {
                const auto& a = b.as<SoftmaxCrossEntropyAttrs>();
                return softmax_cross_entropy_backward(contiguous(b.dy()), b.value(0), b.output(1),
                                                      b.output(2), b.value(1), a.ignore_index,
                                                      a.label_smoothing, b.value(2));
              }}},
    .compose = compose,
    .dtypes = kRealDTypes,
    .cost = 24,
};

const OpDef kSoftmaxCrossEntropyBackward = {
    .name = "softmax_cross_entropy_backward",
    .doc = "dy / divisor * (softmax - target distribution) per row, weighted; 0 in ignored rows.",
    .signatures =
        {"softmax_cross_entropy_backward(Tensor dy, Tensor logits, Tensor softmax, Tensor "
         "divisor, Tensor target, int ignore_index, float label_smoothing, "
         "Tensor? weight=None) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_backward,
    .forward =
        [](Run& r) {
          const auto& a = r.as<SoftmaxCrossEntropyBackwardAttrs>();
          const int64_t rows = r[1].size(0), cols = r[1].size(1);
          const kernels::CrossEntropyBackwardArgs args{cols,
                                                       r[2].raw(),
                                                       r[4].data<int64_t>(),
                                                       r.has(5) ? r[5].raw() : nullptr,
                                                       a.ignore_index,
                                                       a.label_smoothing,
                                                       r[0].raw(),
                                                       r[0].dim(),
                                                       r[3].raw(),
                                                       r.out().raw()};
          const auto fn =
              kernels::table().cross_entropy_backward[kernels::float_index(r[1].dtype())];
          const int64_t step = rows_per_tile(cols), work = 4 * rows * (cols + 1);
          LongWork release(work);
          parallel_for((rows + step - 1) / step, work,
                       [&](int64_t t) { fn(args, t * step, std::min(rows, (t + 1) * step)); });
        },
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
