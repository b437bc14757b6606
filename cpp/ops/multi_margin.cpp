// Margins between the scores of classes: of one right class against each other class, and of all
// right labels against all others.
//
// Source: Crammer, Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector
// Machines (2001).
#include "ops/class_targets.h"
#include "ops/ranges.h"

namespace chainrule::ops {

namespace {

// Scores (N, C) or (C,); a 0-d tensor is one class.
void check_matrix(const Call& c) {
  check_scores(c);
  if (c[0].dim() <= 2) return;
  fail<ShapeError>(c.name(), "expected scores (C,) or (N, C); got ", c[0].sizes(), ".");
}

void infer_margins(Infer& c) {
  const Tensor &x = c[0], &labels = c[1];
  if (x.dim() != 2 || !x.is_contiguous() || !is_floating(x.dtype()) ||
      labels.dtype() != DType::kInt64 || !labels.is_contiguous() ||
      !(labels.sizes() == x.sizes())) {
    fail<ShapeError>(c.name(),
                     "expected dense scores (rows, cols) and int64 labels of their shape; got ",
                     x.sizes(), " and ", labels.sizes(), ".");
  }
  c.out(x.dtype(), Dims{x.size(0)});
  c.keep(x.dtype(), x.sizes());
  if (!c.needs_grad) c.scratch_bytes = x.numel() * itemsize(x.dtype());
}

void forward_margins(Run& r) {
  const int64_t rows = r[0].size(0), cols = r[0].size(1);
  const kernels::LabelMarginArgs args{cols, r[0].raw(), r[1].data<int64_t>(), r.out().raw(),
                                      r.has_out(1) ? r.out(1).raw() : r.scratch};
  const int64_t step = std::max<int64_t>(1, (1 << 14) / (cols + 1)), work = 4 * rows * (cols + 1);
  const int64_t bad = first_bad_row(rows, step, work, [&](int64_t begin, int64_t end) {
    return kernels::label_margins(r[0].dtype(), args, begin, end);
  });
  if (bad < rows) {
    fail<IndexError>("multilabel_margin_loss", "expected labels in [0, ", cols,
                     "), and -1 after the last; got others in row ", bad, ".");
  }
}

}  // namespace

const OpDef kMultiMarginLoss = {
    .name = "multi_margin_loss",
    .doc =
        "The mean over the classes of max(0, margin - input[target] + input[i])^p for i other than "
        "the target, p = 1 or 2, times the weight of the target; the mean of these by default. "
        "`input` holds scores (C,) or (N, C), `target` class indices.",
    .signatures = {"multi_margin_loss(Tensor input, Tensor target, Tensor? weight=None, *, float "
                   "p=1.0, float margin=1.0, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<MultiMarginLossAttrs>();
          check_matrix(c);
          check_margin_power(c, a.p);
          if (c[0].dim() < 2 && c[1].numel() == 1 && c[1].dim() < 2) {  // one row
            const Tensor row = reshape(c[0], {1, c[0].numel()}), target = reshape(c[1], {1});
            const Tensor loss = multi_margin_loss(row, target, c[2], a.p, a.margin, a.reduction);
            return just(a.reduction == Reduction::none ? reshape(loss, c[1].sizes()) : loss);
          }
          const Tensor target = target_rows(c), x = score_rows(c[0]), weight = class_weight(c);
          const Tensor place = class_places(target, x.size(1), 0, false);
          const Tensor column = reshape(place, {place.numel(), 1});
          const Tensor gaps = add(sub(x, gather(x, 1, column)), a.margin);
          Tensor each = relu(scatter(gaps, 1, column, 0.0));
          if (a.p == 2) each = square(each);
          if (weight.defined()) each = mul(each, reshape(index_select(weight, 0, place), {-1, 1}));
          return reduced(mean(each, Dims{1}), a.reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kMultilabelMarginLoss = {
    .name = "multilabel_margin_loss",
    .doc =
        "sum(max(0, 1 - (input[j] - input[i]))) / C over the labels j of each score vector and the "
        "classes i that are no label; the mean of these by default. `target` has the shape of "
        "`input`, (C,) or (N, C), and holds the labels, then -1.",
    .signatures = {"multilabel_margin_loss(Tensor input, Tensor target, *, Reduction "
                   "reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_matrix(c);
          check_same_shape(c);
          if (is_floating(c[1].dtype()) || is_bool(c[1])) {
            fail<DtypeError>(c.name(), "expected int64 labels; got ", dtype_name(c[1].dtype()),
                             ". Use target.long().");
          }
          const bool many = c[0].dim() == 2;
          const Dims matrix = many ? c[0].sizes() : Dims{1, c[0].numel()};
          const Tensor labels = contiguous(reshape(cast(c[1], DType::kInt64), matrix));
          const Tensor loss = multilabel_margins(contiguous(reshape(c[0], matrix)), labels);
          return reduced(many ? loss : reshape(loss, Dims{}),
                         c.as<MultilabelMarginLossAttrs>().reduction);
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kMultilabelMargins = {
    .name = "multilabel_margins",
    .doc =
        "multilabel_margin_loss of each row of dense scores; keeps their slopes, which are steps "
        "of 1 / cols, for backward.",
    .signatures = {"multilabel_margins(Tensor input, Tensor target) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_margins,
    .forward = forward_margins,
    .grad = {{0, reads_output(1),
              [](Backward& b) { return mul(reshape(b.dy(), {-1, 1}), b.output(1)); }}},
    .dtypes = kRealDTypes,
    .cost = 16,
};

}  // namespace chainrule::ops
