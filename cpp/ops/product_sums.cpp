// The gradients of a linear layer's weight and bias in one go, dy^T @ x and the sum of dy's rows:
// what the pass fuse_bias_gradients makes of a product and a sum.
#include "generated/ops.h"
#include "ops/product.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

void infer_product_and_sums(Infer& c) {
  const Tensor &a = c[0], &b = c[1];
  if (a.dim() != 2 || b.dim() != 2 || a.size(1) != b.size(0)) {
    fail<ShapeError>(c.name(), "expected matrices with a.shape[-1] == b.shape[-2]; got ", a.sizes(),
                     " @ ", b.sizes(), ".");
  }
  check_product_dtypes(c.name(), a, b);
  if (!is_floating(a.dtype()) || a.dtype() == DType::kBFloat16) {
    fail<DtypeError>(c.name(), "expected float32 or float64; got ", dtype_name(a.dtype()), ".");
  }
  const ProductOperand x = product_operand(a), y = product_operand(b);
  // A sum over one row is added up in another order.
  const bool several = a.size(0) > 1 && a.size(1) > 0 && b.size(1) > 0;
  if (!several || x.copied || !x.transposed || y.copied || y.transposed) {
    fail<ShapeError>(
        c.name(),
        "expected a of two rows or more, stored by columns, and b by rows, neither of them "
        "empty; got ",
        a.sizes(), " @ ", b.sizes(), " of strides ", a.strides(), " and ", b.strides(), ".");
  }
  c.out(a.dtype(), {a.size(0), b.size(1)});
  c.out(a.dtype(), {a.size(0)});
  c.scratch_bytes = product_split_scratch(a.dtype(), x.rows, y.cols, x.cols);
}

kernels::ProductArgs args_of(const Run& r) {
  const ProductOperand a = product_operand(r[0]), b = product_operand(r[1]);
  return {a.rows,     b.cols, a.cols, r[0].raw(),    a.ld,   a.transposed,
          r[1].raw(), b.ld,   false,  r.out().raw(), b.cols, nullptr};
}

}  // namespace

const OpDef kProductAndSums = {
    .name = "product_and_sums",
    .doc = "Of matrices a, stored by columns, and b, by rows: a @ b, and the sums of a's rows.",
    .signatures = {"product_and_sums(Tensor a, Tensor b) -> (product, sums)"},
    .surface = kPrivate,
    .infer = infer_product_and_sums,
    .forward = {[](Run& r) {
                  kernels::ProductArgs args = args_of(r);
                  args.a_sums = r.out(1).raw();
                  run_product(r.out().dtype(), args, static_cast<char*>(r.scratch));
                },
                [](const Run& r, Launch& launch) {
                  return prepare_product(r.out().dtype(), args_of(r),
                                         {.sums = 1, .a = 2, .b = 3, .scratch = 4}, launch);
                }},
    .compose =
        [](const Call& c) {
          Tensors both;
          both.push_back(product(c[0], c[1]));
          both.push_back(sum(c[0], OptDims(Dims{1})));
          return both;
        },
    .traits = kTakesTail,
    .work = [](const Run& r) { return 2 * r.out().numel() * r[0].size(-1); },
};

}  // namespace chainrule::ops
