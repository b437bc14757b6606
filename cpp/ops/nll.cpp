// The picked log-probabilities of nll_loss as one operation, whose backward writes a row's one
// slope into zeros. The public spelling with its shapes is in class_loss.cpp.
#include "core/threads.h"
#include "ops/class_rows.h"
#include "ops/ranges.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kRowCost = 8;  // elementary operations a row

// A call without its memory.
struct Rows {
  int64_t rows;
  DType dtype;
  bool keeps_divisor;
  RowReduction reduction;
  kernels::NllArgs args;  // without addresses

  Rows(const Call& c, bool needs_grad)
      : rows(c[0].size(0)),
        dtype(c[0].dtype()),
        keeps_divisor(needs_grad),
        reduction(c[1], c[0].dtype(), c.as<NllAttrs>().reduction),
        args{} {
    args.cols = c[0].size(1);
    args.ignore_index = c.as<NllAttrs>().ignore_index;
  }
};

struct Memory {
  void *out, *divisor;
  const void *scores, *target, *weight;
  void* scratch;
};

// IndexError for the first bad target.
void run(const Rows& r, const Memory& m) {
  constexpr int64_t kStep = 1 << 12;
  kernels::NllArgs args = r.args;
  args.scores = m.scores;
  args.target = static_cast<const int64_t*>(m.target);
  args.weight = m.weight;
  r.reduction.run(m.out, m.divisor, m.scratch, [&](void* loss, void* scale) {
    args.loss = loss;
    args.scale = scale;
    const int64_t bad = first_bad_row(
        r.rows, kStep, r.rows * kRowCost,
        [&](int64_t begin, int64_t end) { return kernels::nll(r.dtype, args, begin, end); });
    if (bad < r.rows) fail_target("nll_loss", args.cols, args.ignore_index, args.target[bad], bad);
  });
}

void forward(Run& r) {
  run(Rows(r, r.has_out(1)), {r.out().raw(), r.has_out(1) ? r.out(1).raw() : nullptr, r[0].raw(),
                              r[1].raw(), r.has(2) ? r[2].raw() : nullptr, r.scratch});
}

void launch(const Launch& l, char* const* table) {
  const auto& r = l.as<Rows>();
  const int first = r.keeps_divisor ? 2 : 1;
  run(r, {l.address(0, table), r.keeps_divisor ? l.address(1, table) : nullptr,
          l.address(first, table), l.address(first + 1, table), l.address(first + 2, table),
          l.address(first + 3, table)});
}

bool prepare(const Run& r, Launch& l) {
  l.set(launch, Rows(r, r.has_out(1)));
  return true;
}

void infer(Infer& c) {
  const Tensor &x = c[0], &target = c[1];
  const bool fits = x.dim() == 2 && is_floating(x.dtype()) && x.is_contiguous() &&
                    is_dense(target, DType::kInt64, Dims{x.size(0)}) &&
                    (!c.has(2) || is_dense(c[2], x.dtype(), Dims{x.size(1)}));
  if (!fits) {
    fail<ShapeError>(c.name(),
                     "expected dense scores (rows, cols), int64 targets (rows,) and weights "
                     "(cols,); got scores ",
                     x.sizes(), " and targets ", target.sizes(), ".");
  }
  const bool per_row = c.as<NllAttrs>().reduction == Reduction::none;
  c.out(x.dtype(), per_row ? Dims{x.size(0)} : Dims{});
  c.keep(x.dtype(), {});
  c.scratch_bytes = Rows(c, c.needs_grad).reduction.scratch_bytes();
}

void infer_backward(Infer& c) {
  const Tensor &dy = c[0], &target = c[2];
  const DType t = dy.dtype();
  const int64_t classes = c.as<NllBackwardAttrs>().classes;
  const bool fits =
      is_floating(t) && target.dim() == 1 && is_dense(target, DType::kInt64, target.sizes()) &&
      is_dense(dy, t, dy.dim() == 1 ? target.sizes() : Dims{}) && is_dense(c[1], t, {}) &&
      classes >= 0 && (!c.has(3) || is_dense(c[3], t, Dims{classes}));
  if (!fits) {
    fail<ShapeError>(c.name(), "expected dy (rows,) or (), a divisor, int64 targets (rows,) and ",
                     "weights (classes,), dense; got ", dy.sizes(), ", ", c[1].sizes(), " and ",
                     target.sizes(), " for ", classes, " classes.");
  }
  c.out(t, Dims{target.size(0), classes});
}

struct BackwardRows {
  DType dtype;
  int64_t rows;
  kernels::NllBackwardArgs args;  // without addresses

  explicit BackwardRows(const Call& c) : dtype(c[0].dtype()), rows(c[2].size(0)), args{} {
    const auto& a = c.as<NllBackwardAttrs>();
    args.cols = a.classes;
    args.ignore_index = a.ignore_index;
    args.dy_stride = c[0].dim();
  }

  void run() const {
    const int64_t step = std::max<int64_t>(1, (1 << 14) / (args.cols + 1));
    const int64_t work = rows * (args.cols + kRowCost);
    LongWork release(work);
    parallel_for((rows + step - 1) / step, work, [&](int64_t t) {
      kernels::nll_backward(dtype, args, t * step, std::min(rows, (t + 1) * step));
    });
  }
};

void forward_backward(Run& r) {
  BackwardRows b(r);
  b.args.dy = r[0].raw();
  b.args.divisor = r[1].raw();
  b.args.target = r[2].data<int64_t>();
  b.args.weight = r.has(3) ? r[3].raw() : nullptr;
  b.args.dscores = r.out().raw();
  b.run();
}

void launch_backward(const Launch& l, char* const* table) {
  BackwardRows b = l.as<BackwardRows>();
  b.args.dscores = l.address(0, table);
  b.args.dy = l.address(1, table);
  b.args.divisor = l.address(2, table);
  b.args.target = reinterpret_cast<const int64_t*>(l.address(3, table));
  b.args.weight = l.address(4, table);
  b.run();
}

bool prepare_backward(const Run& r, Launch& l) {
  l.set(launch_backward, BackwardRows(r));
  return true;
}

}  // namespace

const OpDef kNll = {
    .name = "nll",
    .doc =
        "-scores[target] * weight[target] per row of a dense (rows, cols) matrix, 0 at an ignored "
        "label; reduced. Keeps what the mean divided by for backward.",
    .signatures = {"nll(Tensor scores, Tensor target, Tensor? weight=None, int ignore_index=-100, "
                   "Reduction reduction='mean') -> Tensor"},
    .surface = kPrivate,
    .infer = infer,
    .forward = {forward, prepare},
    .grad = {{0, reads_shape(0) | reads_value(1) | reads_value(2) | reads_output(1),
              [](Backward& b) {
                return nll_backward(contiguous(b.dy()), b.output(1), b.value(1),
                                    b.shape(0).sizes[1], b.as<NllAttrs>().ignore_index, b.value(2));
              }}},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NllAttrs>();
          return just(composed_class_loss(c[0], c[1], c.has(2) ? c[2] : Tensor(),
                                          {a.ignore_index, 0.0, a.reduction}));
        },
    .traits = kRefuses,
    .dtypes = kRealDTypes,
    .cost = 8,
};

const OpDef kNllBackward = {
    .name = "nll_backward",
    .doc =
        "The scores' gradient of nll: -dy / divisor * weight[target] at a row's target, 0 "
        "elsewhere and in ignored rows.",
    .signatures = {"nll_backward(Tensor dy, Tensor divisor, Tensor target, int classes, int "
                   "ignore_index, Tensor? weight=None) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_backward,
    .forward = {forward_backward, prepare_backward},
    .grad = {{0, reads_shape(0) | reads_value(1) | reads_value(2) | reads_value(3),
              [](Backward& b) {
                const bool each = b.shape(0).sizes.size() == 1;
                const Tensor loss = nll(contiguous(b.dy()), b.value(2), b.value(3),
                                        b.as<NllBackwardAttrs>().ignore_index,
                                        each ? Reduction::none : Reduction::sum);
                return absorb_div(loss, b.value(1));
              }}},
    .dtypes = kRealDTypes,
    .cost = 1,
};

}  // namespace chainrule::ops
