// Products that are computed in bfloat16 from operands of either type: what linear layers with
// float32 weights do under autocast, and the gradients of that. And all products of bfloat16 on
// processors without the dot instructions: the operands are widened, float32 products do the rest,
// and the results are rounded, so that an element is one float32 sum of the same terms everywhere.
#include <cstring>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/product.h"
#include "ops/rules.h"

namespace chainrule {

namespace {

constexpr int kHalf = static_cast<int>(DType::kBFloat16);
constexpr int kFloat = static_cast<int>(DType::kFloat32);

// Rows at distances of in_step and out_step elements.
void cast_rows(DType from, const void* in, int64_t in_step, DType to, void* out, int64_t out_step,
               int64_t rows, int64_t cols) {
  const kernels::ElementwiseFn fn =
      kernels::table().cast[static_cast<int>(from)][static_cast<int>(to)];
  parallel_for(rows, rows * cols, [&](int64_t row) {
    const void* x = static_cast<const char*>(in) + row * in_step * itemsize(from);
    const int64_t stride = 1;
    fn(cols, static_cast<char*>(out) + row * out_step * itemsize(to), &x, &stride, nullptr);
  });
}

// The numbers that bfloat16 has of a matrix, as float32.
Tensor widened(const void* x, bool wide, int64_t step, int64_t rows, int64_t cols) {
  Tensor half;
  if (wide) {
    half = Tensor::empty(DType::kBFloat16, {rows, cols});
    cast_rows(DType::kFloat32, x, step, DType::kBFloat16, half.raw(), cols, rows, cols);
  }
  const Tensor out = Tensor::empty(DType::kFloat32, {rows, cols});
  cast_rows(DType::kBFloat16, wide ? half.raw() : x, wide ? cols : step, DType::kFloat32, out.raw(),
            cols, rows, cols);
  return out;
}

}  // namespace

bool has_bfloat16_products() { return kernels::table().product[kHalf] != nullptr; }

void run_product_in_float32(const kernels::ProductArgs& args) {
  const bool ta = args.trans_a, tb = args.trans_b;
  const Tensor a = widened(args.a, false, args.lda, ta ? args.k : args.m, ta ? args.m : args.k);
  const Tensor b =
      widened(args.b, args.wide_b, args.ldb, tb ? args.n : args.k, tb ? args.k : args.n);
  const Tensor bias = args.bias ? widened(args.bias, false, args.n, 1, args.n) : Tensor();
  const Tensor c = args.wide_c ? Tensor() : Tensor::empty(DType::kFloat32, {args.m, args.n});
  kernels::ProductArgs wide = args;
  wide.a = a.raw();
  wide.lda = a.size(1);
  wide.b = b.raw();
  wide.ldb = b.size(1);
  if (bias.defined()) wide.bias = bias.raw();
  if (c.defined()) {
    wide.c = c.raw();
    wide.ldc = args.n;
  }
  run_product(DType::kFloat32, wide);
  if (!c.defined()) return;
  cast_rows(DType::kFloat32, c.raw(), args.n, DType::kBFloat16, args.c, args.ldc, args.m, args.n);
}

namespace ops {

namespace {

void check_operand(const Call& c, const Tensor& x, int rank, bool may_be_wide, bool may_be_half) {
  const bool fits = (x.dtype() == DType::kBFloat16 && may_be_half) ||
                    (x.dtype() == DType::kFloat32 && may_be_wide);
  if (fits && x.dim() == rank) return;
  fail<DtypeError>(c.name(), "expected ", rank == 2 ? "a matrix" : "a vector", " of ",
                   may_be_half ? "bfloat16" : "", may_be_half && may_be_wide ? " or " : "",
                   may_be_wide ? "float32" : "", "; got ", dtype_name(x.dtype()), " of sizes ",
                   x.sizes(), ".");
}

// Where a strided operand is read.
struct Place {
  ProductOperand operand;
  const char* data;
  Place(const Tensor& x, char*& scratch)
      : operand(product_operand(x)), data(product_data(x, operand, scratch)) {}
};

void infer_product(Infer& c) {
  const Tensor &a = c[0], &b = c[1];
  const DType to = c.as<ProductBfloat16Attrs>().dtype.value();
  check_operand(c, a, 2, false, true);
  check_operand(c, b, 2, true, true);
  if (a.size(1) != b.size(0)) {
    fail<ShapeError>(c.name(), "expected a.shape[-1] == b.shape[-2]; got ", a.sizes(), " @ ",
                     b.sizes(), ".");
  }
  if (to != DType::kBFloat16 && to != DType::kFloat32) {
    fail<DtypeError>(c.name(), "expected a result of bfloat16 or float32; got ", dtype_name(to),
                     ".");
  }
  c.out(to, {a.size(0), b.size(1)});
  c.scratch_bytes = product_scratch(a, product_operand(a)) + product_scratch(b, product_operand(b));
}

void forward_product(Run& r) {
  char* scratch = static_cast<char*>(r.scratch);
  const Place a(r[0], scratch), b(r[1], scratch);
  const Tensor& out = r.out();
  kernels::ProductArgs args{r[0].size(0), r[1].size(1), r[0].size(1),
                            a.data,       a.operand.ld, a.operand.transposed,
                            b.data,       b.operand.ld, b.operand.transposed,
                            out.raw(),    r[1].size(1), nullptr};
  args.wide_b = r[1].dtype() == DType::kFloat32;
  args.wide_c = out.dtype() == DType::kFloat32;
  run_product(DType::kBFloat16, args);
}

// Where nothing has to be copied.
bool prepare_half(const Run& r, const ProductOperand& a, const ProductOperand& b, bool turned,
                  ProductPlaces places, kernels::ElementwiseFn bias_cast, Launch& launch) {
  if (a.copied || b.copied) return false;
  const int64_t cols = turned ? b.rows : b.cols;
  kernels::ProductArgs args{
      a.rows,  cols, a.cols, nullptr, a.ld, a.transposed, nullptr, b.ld, b.transposed != turned,
      nullptr, cols, nullptr};
  args.wide_b = r[1].dtype() == DType::kFloat32;
  args.wide_c = r.out().dtype() == DType::kFloat32;
  return prepare_product(DType::kBFloat16, args, places, launch, bias_cast);
}

bool prepare_product_rows(const Run& r, Launch& launch) {
  return prepare_half(r, product_operand(r[0]), product_operand(r[1]), false, {.a = 1, .b = 2},
                      nullptr, launch);
}

bool prepare_linear(const Run& r, Launch& launch) {
  if (r.has(2) && !r[2].is_contiguous()) return false;
  return prepare_half(r, product_operand(r[0]), product_operand(r[1]), true,
                      {.a = 1, .b = 2, .bias = 3, .scratch = 4},
                      kernels::table().cast[kFloat][kHalf], launch);
}

int64_t product_work(const Run& r) { return 2 * r.out().numel() * r[0].size(-1); }

Tensor half(const Tensor& t) {
  return t.dtype() == DType::kBFloat16 ? t : cast(t, DType::kBFloat16);
}

void infer_linear(Infer& c) {
  const Tensor &x = c[0], &w = c[1];
  check_operand(c, x, 2, false, true);
  check_operand(c, w, 2, true, false);
  if (x.size(1) != w.size(1)) {
    fail<ShapeError>(c.name(), "expected input.shape[-1] == weight.shape[1]; got input ", x.sizes(),
                     " and weight ", w.sizes(), ".");
  }
  c.out(DType::kBFloat16, {x.size(0), w.size(0)});
  c.scratch_bytes = product_scratch(x, product_operand(x)) + product_scratch(w, product_operand(w));
  if (!c.has(2)) return;
  check_operand(c, c[2], 1, true, false);
  if (c[2].size(0) != w.size(0)) {
    fail<ShapeError>(c.name(), "expected a bias of sizes ", Dims{w.size(0)}, "; got ", c[2].sizes(),
                     ".");
  }
  c.scratch_bytes += c[2].numel() * itemsize(DType::kBFloat16);
}

void forward_linear(Run& r) {
  char* scratch = static_cast<char*>(r.scratch);
  const Place x(r[0], scratch), w(r[1], scratch);
  const int64_t outputs = r[1].size(0);
  if (r.has(2)) {
    const void* bias = r[2].raw();
    const int64_t stride = r[2].strides()[0];
    kernels::table().cast[kFloat][kHalf](outputs, scratch, &bias, &stride, nullptr);
  }
  kernels::ProductArgs args{r[0].size(0),  outputs,      r[0].size(1),
                            x.data,        x.operand.ld, x.operand.transposed,
                            w.data,        w.operand.ld, !w.operand.transposed,
                            r.out().raw(), outputs,      r.has(2) ? scratch : nullptr};
  args.wide_b = true;
  run_product(DType::kBFloat16, args);
}

}  // namespace

const OpDef kProductBfloat16 = {
    .name = "product_bfloat16",
    .doc =
        "a @ b for matrices: a of bfloat16, b too or rounded to it as it is read, the sums in "
        "float32; they are the result, or rounded to bfloat16.",
    .signatures = {"product_bfloat16(Tensor a, Tensor b, dtype dtype) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_product,
    .forward = {forward_product, prepare_product_rows},
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                return product_bfloat16(half(b.dy()), transpose(b.value(1), 0, 1),
                                        DType::kBFloat16);
              }},
             {1, reads_value(0) | reads_shape(1),
              [](Backward& b) {
                return product_bfloat16(transpose(b.value(0), 0, 1), b.dy(), b.shape(1).dtype);
              }}},
    .traits = kTakesTail,
    .work = product_work,
};

const OpDef kLinearRowsBfloat16 = {
    .name = "linear_rows_bfloat16",
    .doc =
        "input @ weight.T + bias for a matrix of bfloat16; weight and bias are float32 and rounded "
        "to bfloat16 as they are read, and have gradients of float32.",
    .signatures = {"linear_rows_bfloat16(Tensor input, Tensor weight, Tensor? bias=None) -> "
                   "Tensor"},
    .surface = kPrivate,
    .infer = infer_linear,
    .forward = {forward_linear, prepare_linear},
    .grad = {{0, reads_value(1),
              [](Backward& b) { return product_bfloat16(b.dy(), b.value(1), DType::kBFloat16); }},
             {1, reads_value(0),
              [](Backward& b) {
                return product_bfloat16(transpose(b.dy(), 0, 1), b.value(0), DType::kFloat32);
              }},
             {2, kReadsNothing,
              [](Backward& b) { return sum(cast(b.dy(), DType::kFloat32), OptDims(Dims{0})); }}},
    .traits = kTakesTail,
    .work = product_work,
};

}  // namespace ops
}  // namespace chainrule
