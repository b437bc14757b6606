// The scores and classes of class_loss.cpp and multi_margin.cpp.
#include "ops/class_targets.h"

#include <string_view>

namespace chainrule::ops {

namespace {

// The sizes without the dimension d.
Dims without(const Dims& sizes, int d) {
  Dims rest = sizes;
  rest.erase(d);
  return rest;
}

// Sizes of a target of class indices.
Dims index_sizes(const Tensor& scores) { return without(scores.sizes(), class_dim(scores)); }

// What to write where scores or classes are there, but in another arrangement than `expected`.
std::string arrangement_hint(const Call& c, const Dims& expected) {
  const Dims &x = c[0].sizes(), &t = c[1].sizes();
  const int rank = x.size();
  const bool floating = is_floating(c[1].dtype());
  if (t == x && rank == 1) return " Use binary_cross_entropy_with_logits for one score a row.";
  const char* classes_last = rank == 3 ? "transpose(1, 2)" : "movedim(-1, 1)";
  if (t == x && rank > 2) {
    return str(" Use target.argmax(1) for one-hot targets, or where classes come last: input.",
               classes_last, " and target.argmax(-1).");
  }
  if (t == x) {
    const bool either = std::string_view(c.name()) == "cross_entropy";
    return str(" Use target.argmax(1) for one-hot rows",
               either ? ", target.float() for probabilities." : ".");
  }
  for (int d = 0; d < t.size(); ++d) {
    if (t[d] != 1 || !(without(t, d) == expected)) continue;
    return str(" Use target.squeeze(", d, floating ? ").long()." : ").");
  }
  if (rank > 2 && t == without(x, rank - 1)) {
    return str(" Use input.", classes_last, ": classes are dimension 1.");
  }
  if (rank > 2 && x[1] == 1 && t.size() == rank - 2 && without(without(x, 1), rank - 2) == t) {
    return " Use input.squeeze(1).";
  }
  if (rank > 2 && t == Dims{without(x, rank - 1).product()}) return " Use input.flatten(0, -2).";
  return rank == 2 && t.product() == x[0] ? " Use target.flatten()." : "";
}

}  // namespace

void check_scores(const Call& c) {
  const bool swapped = is_floating(c[1].dtype());
  if (is_floating(c[0].dtype()) || (!swapped && !(c[0].sizes() == c[1].sizes()))) {
    return check_floating_input(c);
  }
  fail<DtypeError>(c.name(), "expected a floating input; got ", dtype_name(c[0].dtype()), ".",
                   swapped ? " The order is input, target."
                           : " Pass the scores of all classes, not their argmax.");
}

int class_dim(const Tensor& scores) { return scores.dim() == 1 ? 0 : 1; }

Tensor score_rows(const Tensor& scores) {
  const int64_t classes = scores.size(class_dim(scores));
  Tensor x = scores;
  if (x.dim() > 2) {
    Dims order{0};
    for (int d = 2; d < x.dim(); ++d) order.push_back(d);
    order.push_back(1);
    x = permute(x, order);
  }
  const int64_t rows = index_sizes(scores).product();
  return x.dim() == 2 && x.is_contiguous() ? x : contiguous(reshape(x, {rows, classes}));
}

Tensor target_rows(const Call& c) {
  if (c[0].dim() == 0) {
    fail<ShapeError>(c.name(),
                     "expected scores (C,), (N, C) or (N, C, d1, ...); got a 0-d tensor.");
  }
  const Dims expected = index_sizes(c[0]);
  if (!(c[1].sizes() == expected)) {
    fail<ShapeError>(c.name(), "expected class indices of sizes ", expected,
                     " for scores of sizes ", c[0].sizes(), "; got ", c[1].sizes(), ".",
                     arrangement_hint(c, expected));
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
                     "; got ", dtype_name(c[2].dtype()), ". Use weight.to(input.dtype).");
  }
  return contiguous(c[2]);
}

// gather would tell positions of an index that the caller has never seen.
const OpDef kClassPlaces = {
    .name = "class_places",
    .doc =
        "Where a loss reads each row of scores: at the target, or at 0 if that is ignore_index; "
        "IndexError for the first that is neither a class nor ignored. Without `ignores` of "
        "multi_margin_loss, for which all of them count.",
    .signatures = {"class_places(Tensor target, int classes, int ignore_index, bool ignores=True) "
                   "-> Tensor"},
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
            const bool ignored = a.ignores && t == a.ignore_index;
            if (!ignored && (t < 0 || t >= a.classes)) {
              if (a.ignores) fail_target("nll_loss", a.classes, a.ignore_index, t, row);
              fail<IndexError>("multi_margin_loss", "expected targets in [0, ", a.classes,
                               "); got ", t, " in row ", row, ".");
            }
            place[row] = ignored ? 0 : t;
          }
        },
};

}  // namespace chainrule::ops
