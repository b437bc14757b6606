// linear: one product with the bias folded in. The bias gradient is a sum over rows, which adds in
// the products' k-order, so it is the number a product with a row of ones would give.
#include "generated/ops.h"
#include "ops/product.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// What to write where the features are there, but not in the last dimension.
std::string linear_hint(const Tensor& x, const Tensor& w) {
  if (x.dim() < 1 || w.dim() != 2) return "";
  const int64_t in = w.size(1);
  int64_t features = x.size(-1);
  int from = -1;  // the first dimension but that of the samples with which the sizes make `in`
  for (int d = x.dim() - 2; d >= 0 && in > 0; --d) {
    features *= x.size(d);
    if (features == in && (d > 0 || from < 0)) from = d;
  }
  if (from == 0) return " Use input.flatten() for one sample.";
  if (from > 0) return str(" Use input.flatten(", from, ")", from == 1 ? " or nn.Flatten()." : ".");
  if (x.dim() == 1 && in == 1) return " Use input.unsqueeze(1).";
  return x.dim() == 2 && x.size(0) == in ? " Use input.T: rows are samples." : "";
}

void check_linear_sizes(const Tensor& x, const Tensor& w, const Tensor& bias) {
  if (x.dim() < 1 || w.dim() != 2 || x.size(-1) != w.size(1)) {
    fail<ShapeError>("linear", "expected input.shape[-1] == weight.shape[1] for a 2-d weight; got ",
                     x.dim() ? str("input ", x.sizes()) : "a 0-dimensional input", " and weight ",
                     w.sizes(), ".", linear_hint(x, w));
  }
  if (bias.defined() && !(bias.sizes() == Dims{w.size(0)})) {
    fail<ShapeError>("linear", "expected a bias of sizes (weight.shape[0],) = ", Dims{w.size(0)},
                     "; got ", bias.sizes(), ".");
  }
}

void check_linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  check_linear_sizes(x, w, bias);
  check_product_dtypes("linear", x, w);
  if (bias.defined()) check_product_dtypes("linear", w, bias);
}

void infer_linear_rows(Infer& c) {
  const Tensor &x = c[0], &w = c[1], &bias = c[2];
  check_linear(x, w, bias);
  if (x.dim() != 2) {
    fail<ShapeError>(c.name(), "expected a matrix; got an input of sizes ", x.sizes(), ".");
  }
  c.out(x.dtype(), {x.size(0), w.size(0)});
  c.scratch_bytes = product_scratch(x, product_operand(x)) + product_scratch(w, product_operand(w));
  if (bias.defined() && !bias.is_contiguous())
    c.scratch_bytes += bias.numel() * itemsize(bias.dtype());
}

void forward_linear_rows(Run& r) {
  const Tensor &x = r[0], &w = r[1], &bias = r[2], &out = r.out();
  char* scratch = static_cast<char*>(r.scratch);
  const ProductOperand a = product_operand(x), b = product_operand(w);
  kernels::ProductArgs args{x.size(0),
                            w.size(0),
                            x.size(1),
                            product_data(x, a, scratch),
                            a.ld,
                            a.transposed,
                            product_data(w, b, scratch),
                            b.ld,
                            !b.transposed,
                            out.raw(),
                            w.size(0),
                            nullptr};
  if (bias.defined()) {
    const ProductOperand row{1, bias.numel(), bias.numel(), false, !bias.is_contiguous()};
    args.bias = product_data(bias, row, scratch);
  }
  run_product(out.dtype(), args);
}

bool prepare_linear_rows(const Run& r, Launch& launch) {
  const Tensor &x = r[0], &w = r[1], &bias = r[2];
  const ProductOperand a = product_operand(x), b = product_operand(w);
  if (a.copied || b.copied || (bias.defined() && !bias.is_contiguous())) return false;
  return prepare_product(r.out().dtype(),
                         {x.size(0), w.size(0), x.size(1), nullptr, a.ld, a.transposed, nullptr,
                          b.ld, !b.transposed, nullptr, w.size(0), nullptr},
                         {.a = 1, .b = 2, .bias = 3}, launch);
}

// The view of rows of outputs as input [..., in] has them.
Tensor spread_rows(const Tensor& rows, const Tensor& x) {
  Dims sizes = x.sizes();
  sizes[x.dim() - 1] = rows.size(1);
  return view(rows, sizes);
}

bool is_float32(const Tensor& t) { return !t.defined() || t.dtype() == DType::kFloat32; }

// Under autocast: float32 weights are rounded where they are read.
Tensors linear_from_float32(const Call& c) {
  const Tensor &x = c[0], &w = c[1], &bias = c[2];
  const bool half = x.dtype() == DType::kBFloat16 || x.dtype() == DType::kFloat32;
  if (!half || w.dim() != 2 || !is_float32(w) || !is_float32(bias)) return in_bfloat16(c);
  const Tensor input = x.dtype() == DType::kBFloat16 ? x : cast(x, DType::kBFloat16);
  check_linear_sizes(x, w, bias);
  if (x.dim() == 2) return just(linear_rows_bfloat16(input, w, bias));
  const Tensor rows = reshape(input, {leading_product(x.sizes(), 1), w.size(1)});
  return just(spread_rows(linear_rows_bfloat16(rows, w, bias), x));
}

}  // namespace

const OpDef kLinearRows = {
    .name = "linear_rows",
    .doc = "input @ weight.T + bias for a matrix input.",
    .signatures = {"linear_rows(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_linear_rows,
    .forward = {forward_linear_rows, prepare_linear_rows},
    .grad = {{0, reads_value(1), [](Backward& b) { return product(b.dy(), b.value(1)); }},
             {1, reads_value(0),
              [](Backward& b) { return product(transpose(b.dy(), 0, 1), b.value(0)); }},
             {2, kReadsNothing, [](Backward& b) { return sum(b.dy(), OptDims(Dims{0})); }}},
    .traits = kTakesTail,
    .work = [](const Run& r) { return 2 * r.out().numel() * r[0].size(-1); },
};

const OpDef kLinear = {
    .name = "linear",
    .doc =
        "input @ weight.T + bias over the last dimension: input [..., in], weight [out, in], bias "
        "[out] or None, result [..., out].",
    .signatures = {"linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const Tensor &x = c[0], &w = c[1], &bias = c[2];
          if (x.dim() == 2 && w.dim() == 2) return just(linear_rows(x, w, bias));
          if (w.dim() == 1 && x.dim() >= 1) {  // one output, without its dimension
            const Tensor y = matmul(x, w);
            return just(bias.defined() ? add(y, bias) : y);
          }
          check_linear(x, w, bias);
          const Tensor rows = reshape(x, {leading_product(x.sizes(), 1), w.size(1)});
          return just(spread_rows(linear_rows(rows, w, bias), x));
        },
    .autocast = linear_from_float32,
};

}  // namespace chainrule::ops
