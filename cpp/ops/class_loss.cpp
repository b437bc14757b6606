// Losses against classes: cross_entropy and nll_loss in all their shapes. Scores are (C,), (N, C)
// or (N, C, d1, ...); a target is a class per score vector, or (cross_entropy) a distribution of
// the scores' own shape.
#include "ops/loss.h"
#include "ops/modes.h"

namespace chainrule::ops {

namespace {

// The dim of the classes.
int class_dim(const Tensor& scores) { return scores.dim() == 1 ? 0 : 1; }

// Sizes of a target of class indices: the scores' without the class dim.
Dims index_sizes(const Call& c) {
  if (c[0].dim() == 0) {
    fail<ShapeError>(c.name(),
                     "expected scores (C,), (N, C) or (N, C, d1, ...); got a 0-d tensor.");
  }
  Dims sizes = c[0].sizes();
  sizes.erase(class_dim(c[0]));
  return sizes;
}

// (N, C, d1, ...) as dense (rows, C).
Tensor score_rows(const Tensor& scores) {
  const int64_t classes = scores.size(class_dim(scores));
  Tensor x = scores;
  if (x.dim() > 2) {
    Dims order{0};
    for (int d = 2; d < x.dim(); ++d) order.push_back(d);
    order.push_back(1);
    x = permute(x, order);
  }
  const int64_t rows = classes == 0 ? 0 : x.numel() / classes;
  return x.dim() == 2 && x.is_contiguous() ? x : contiguous(reshape(x, {rows, classes}));
}

Tensor target_rows(const Call& c) {
  const Dims expected = index_sizes(c);
  if (!(c[1].sizes() == expected)) {
    const bool column = c[1].dim() == expected.size() + 1 && c[1].numel() == expected.product();
    fail<ShapeError>(c.name(), "expected class indices of sizes ", expected,
                     " for scores of sizes ", c[0].sizes(), "; got ", c[1].sizes(),
                     column ? ". Use target.flatten()." : ".");
  }
  if (is_floating(c[1].dtype()) || c[1].dtype() == DType::kBool) {
    fail<DtypeError>(c.name(), "expected int64 class indices; got ", dtype_name(c[1].dtype()),
                     ". Use target.long().");
  }
  const Tensor t = c[1].dtype() == DType::kInt64 ? c[1] : cast(c[1], DType::kInt64);
  return t.dim() == 1 && t.is_contiguous() ? t : contiguous(reshape(t, {t.numel()}));
}

Tensor class_weight(const Call& c) {
  if (!c.has(2)) return Tensor();
  const Dims expected{c[0].size(class_dim(c[0]))};
  if (!(c[2].sizes() == expected)) {
    fail<ShapeError>(c.name(), "expected one weight per class, ", expected, "; got ", c[2].sizes(),
                     ".");
  }
  if (c[2].dtype() != c[0].dtype()) {
    fail<DtypeError>(c.name(), "expected weights of the scores' dtype ", dtype_name(c[0].dtype()),
                     "; got ", dtype_name(c[2].dtype()), ".");
  }
  return contiguous(c[2]);
}

void check_scores(const Call& c) {
  if (is_floating(c[0].dtype())) return;
  fail<DtypeError>(c.name(), "expected floating scores; got ", dtype_name(c[0].dtype()), ".");
}

// -sum over classes of target * weight * log_softmax; the mean divides by the number of rows.
Tensors against_distribution(const Call& c, const CrossEntropyAttrs& a) {
  const int dim = class_dim(c[0]);
  const int64_t classes = c[0].size(dim);
  Tensor target = c[1];
  if (a.label_smoothing > 0) {
    target = add(mul(target, 1 - a.label_smoothing), a.label_smoothing / classes);
  }
  Tensor products = mul(target, log_softmax(c[0], dim));
  if (const Tensor weight = class_weight(c); weight.defined()) {
    Dims sizes(c[0].dim(), 1);
    sizes[dim] = classes;
    products = mul(products, reshape(weight, sizes));
  }
  const Tensor loss = neg(sum(products, Dims{dim}));
  return reduced(loss, a.reduction);
}

}  // namespace

const OpDef kCrossEntropy = {
    .name = "cross_entropy",
    .doc =
        "-log(softmax(input)[target]) along the class dim, with class weights and label "
        "smoothing; its (weighted) mean over the targets other than ignore_index by default. "
        "`input` holds raw scores (C,), (N, C) or (N, C, d1, ...); `target` class indices, or "
        "probabilities of input's shape.",
    .signatures =
        {"cross_entropy(Tensor input, Tensor target, Tensor? weight=None, *, "
         "int ignore_index=-100, Reduction reduction='mean', float label_smoothing=0.0) -> "
         "Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<CrossEntropyAttrs>();
          check_scores(c);
          if (!(a.label_smoothing >= 0 && a.label_smoothing <= 1)) {
            fail<ValueError>(c.name(), "expected label_smoothing in [0, 1]; got ",
                             a.label_smoothing, ".");
          }
          if (is_floating(c[1].dtype()) && c[1].sizes() == c[0].sizes() && c[0].dim() > 0) {
            if (a.ignore_index >= 0) {
              fail<ValueError>(c.name(),
                               "expected no ignore_index with a target of probabilities; got ",
                               a.ignore_index, ".");
            }
            return against_distribution(c, a);
          }
          const Tensor target = target_rows(c), weight = class_weight(c);
          const bool learned = modes.grad_enabled && any_requires_grad({&weight, 1});
          const SoftmaxCrossEntropyAttrs how{a.ignore_index, a.label_smoothing, a.reduction};
          const Tensor loss =
              learned ? composed_cross_entropy(score_rows(c[0]), target, weight, how)
                      : softmax_cross_entropy(score_rows(c[0]), target, weight, how.ignore_index,
                                              how.label_smoothing, how.reduction);
          if (a.reduction != Reduction::none || c[1].dim() == 1) return just(loss);
          return just(reshape(loss, c[1].sizes()));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

// gather would tell positions of an index that the caller has never seen.
const OpDef kClassPlaces = {
    .name = "class_places",
    .doc =
        "Where nll_loss reads each row of scores: at the target, or at 0 if that is ignore_index; "
        "IndexError for the first that is neither a class nor ignored.",
    .signatures = {"class_places(Tensor target, int classes, int ignore_index) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          if (c[0].dtype() != DType::kInt64 || !c[0].is_contiguous()) {
            fail<DtypeError>(c.name(), "expected dense int64 targets; got ",
                             dtype_name(c[0].dtype()), " of sizes ", c[0].sizes(), ".");
          }
          c.out(DType::kInt64, c[0].sizes());
        },
    .forward =
        [](Run& r) {
          const auto& a = r.as<ClassPlacesAttrs>();
          const int64_t* target = r[0].data<int64_t>();
          int64_t* place = r.out().data<int64_t>();
          for (int64_t row = 0; row < r[0].numel(); ++row) {
            const int64_t t = target[row];
            const bool ignored = t == a.ignore_index;
            if (!ignored && (t < 0 || t >= a.classes))
              fail_target("nll_loss", a.classes, a.ignore_index, t, row);
            place[row] = ignored ? 0 : t;
          }
        },
};

const OpDef kNllLoss = {
    .name = "nll_loss",
    .doc =
        "-input[target] along the class dim, for log-probabilities (C,), (N, C) or (N, C, d1, "
        "...), with class weights; its weighted mean over the targets other than ignore_index by "
        "default.",
    .signatures = {"nll_loss(Tensor input, Tensor target, Tensor? weight=None, *, "
                   "int ignore_index=-100, Reduction reduction='mean') -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<NllLossAttrs>();
          check_scores(c);
          const Tensor target = target_rows(c), x = score_rows(c[0]);
          const Tensor weight = class_weight(c);
          const Tensor ignored = eq(target, a.ignore_index);
          const Tensor place = class_places(target, x.size(1), a.ignore_index);
          const Tensor hit =
              reshape(gather(x, 1, reshape(place, {place.numel(), 1})), {place.numel()});
          const Tensor scale = where(
              ignored, 0,
              weight.defined() ? index_select(weight, 0, place) : ones(place.sizes(), x.dtype()));
          const Tensor loss = neg(where(ignored, 0, mul(hit, scale)));
          if (a.reduction == Reduction::sum) return just(sum(loss));
          if (a.reduction == Reduction::mean) return just(div(sum(loss), sum(scale)));
          return just(c[1].dim() == 1 ? loss : reshape(loss, c[1].sizes()));
        },
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

}  // namespace chainrule::ops
