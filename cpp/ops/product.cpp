// The primitive `product`: matrices with any leading dimensions, broadcast against each other. All
// public products (matmul.cpp) and all their gradients come down to it or to `linear`.
#include "ops/product.h"

#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/view_rules.h"

namespace chainrule {

ProductOperand product_operand(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride) {
  ProductOperand o{rows, cols};
  if ((cols == 1 || col_stride == 1) && (rows == 1 || row_stride >= cols)) {
    o.ld = rows == 1 ? cols : row_stride;
  } else if ((rows == 1 || row_stride == 1) && (cols == 1 || col_stride >= rows)) {
    o.ld = cols == 1 ? rows : col_stride;
    o.transposed = true;
  } else {
    o.ld = cols;
    o.copied = true;
  }
  return o;
}

ProductOperand product_operand(const Tensor& x) {
  const int d = x.dim();
  return product_operand(x.sizes()[d - 2], x.sizes()[d - 1], x.strides()[d - 2],
                         x.strides()[d - 1]);
}

int64_t product_scratch(const Tensor& x, const ProductOperand& operand) {
  if (!operand.copied) return 0;
  const int64_t bytes = x.numel() * static_cast<int64_t>(itemsize(x.dtype()));
  const int64_t unit = static_cast<int64_t>(kAlignment);
  return (bytes + unit - 1) / unit * unit;
}

const char* product_data(const Tensor& x, const ProductOperand& operand, char*& scratch) {
  if (!operand.copied) return static_cast<const char*>(x.raw());
  kernels::StridedCopy copy;
  copy.dims = x.dim();
  copy.item = itemsize(x.dtype());
  copy.out = scratch;
  copy.in = x.raw();
  const Dims dense = contiguous_strides(x.sizes());
  for (int d = 0; d < x.dim(); ++d) {
    copy.sizes[d] = x.sizes()[d];
    copy.out_strides[d] = dense[d];
    copy.in_strides[d] = x.strides()[d];
  }
  if (x.numel() > 0) kernels::copy_strided(copy);
  const char* data = scratch;
  scratch += product_scratch(x, operand);
  return data;
}

void check_product_dtypes(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) fail_mixed(op, a.dtype(), b.dtype());
  if (!kernels::table().product[static_cast<int>(a.dtype())] && a.dtype() != DType::kBFloat16)
    fail_dtype(op, a.dtype(), kernels::table().product);
}

namespace ops {

namespace {

Dims leading(const Dims& dims) {
  Dims result = dims;
  result.erase(dims.size() - 1);
  result.erase(dims.size() - 2);
  return result;
}

void infer_product(Infer& c) {
  const Tensor &a = c[0], &b = c[1];
  Dims sizes;
  if (a.dim() < 2 || b.dim() < 2 || a.size(-1) != b.size(-2) ||
      !broadcast_shapes(leading(a.sizes()), leading(b.sizes()), &sizes)) {
    fail<ShapeError>(c.name(),
                     "expected a.shape[-1] == b.shape[-2] and leading sizes that broadcast; "
                     "got ",
                     a.sizes(), " @ ", b.sizes(), ".");
  }
  check_product_dtypes(c.name(), a, b);
  sizes.push_back(a.size(-2));
  sizes.push_back(b.size(-1));
  c.out(a.dtype(), sizes);
  c.scratch_bytes = product_scratch(a, product_operand(a)) + product_scratch(b, product_operand(b));
  if (leading(sizes).product() == 1) {
    c.scratch_bytes += product_split_scratch(a.dtype(), a.size(-2), b.size(-1), a.size(-1));
  }
}

// An operand as the kernel reads it: where its matrices start, and how far apart they lie in the
// result's batch dimensions.
struct Side {
  ProductOperand operand;
  const char* data;
  Dims strides;  // of the batch, in elements

  Side(const Tensor& x, const Dims& batch, char*& scratch)
      : operand(product_operand(x)), data(product_data(x, operand, scratch)) {
    const Dims own = operand.copied ? contiguous_strides(x.sizes()) : x.strides();
    strides = broadcast_strides(leading(x.sizes()), leading(own), batch);
  }
};

int64_t batch_offset(int64_t index, const Dims& batch, const Dims& strides) {
  int64_t offset = 0;
  for (int d = batch.size() - 1; d >= 0; --d) {
    offset += index % batch[d] * strides[d];
    index /= batch[d];
  }
  return offset;
}

void forward_product(Run& r) {
  const Tensor& out = r.out();
  const DType t = out.dtype();
  const int64_t item = itemsize(t);
  const Dims batch = leading(out.sizes());
  char* scratch = static_cast<char*>(r.scratch);
  const Side a(r[0], batch, scratch), b(r[1], batch, scratch);
  const int64_t m = a.operand.rows, n = b.operand.cols, k = a.operand.cols;
  const auto args_of = [&](int64_t i) {
    return kernels::ProductArgs{m,
                                n,
                                k,
                                a.data + batch_offset(i, batch, a.strides) * item,
                                a.operand.ld,
                                a.operand.transposed,
                                b.data + batch_offset(i, batch, b.strides) * item,
                                b.operand.ld,
                                b.operand.transposed,
                                static_cast<char*>(out.raw()) + i * m * n * item,
                                n,
                                nullptr};
  };
  const int64_t count = batch.product();
  if (out.numel() == 0) return;
  if (count == 1) return run_product(t, args_of(0), scratch);
  if (k == 0 || (t == DType::kBFloat16 && !has_bfloat16_products())) {
    for (int64_t i = 0; i < count; ++i) run_product(t, args_of(i));
    return;
  }
  // The plan is the same for every matrix of the batch: it is a rule of sizes and layouts.
  const kernels::ProductPlan plan = kernels::table().product_plan[static_cast<int>(t)](args_of(0));
  const int64_t tiles = plan.tiles;
  const kernels::ProductFn fn = kernels::table().product[static_cast<int>(t)];
  const int64_t work = 2 * count * m * n * k;
  LongWork release(work);
  if (tiles == 1) {
    parallel_for(count, work, [&](int64_t i) { fn(args_of(i), plan, 0, 1); });
    return;
  }
  parallel_ranges(count * tiles, work, [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t matrix = first / tiles, begin = matrix * tiles;
      const int64_t end = std::min(last, begin + tiles);
      fn(args_of(matrix), plan, first - begin, end - begin);
      first = end;
    }
  });
}

// One matrix by one matrix, neither of which has to be copied.
bool prepare_matrices(const Run& r, Launch& launch) {
  if (r[0].dim() != 2 || r[1].dim() != 2) return false;
  const ProductOperand a = product_operand(r[0]), b = product_operand(r[1]);
  if (a.copied || b.copied) return false;
  return prepare_product(r.out().dtype(),
                         {a.rows, b.cols, a.cols, nullptr, a.ld, a.transposed, nullptr, b.ld,
                          b.transposed, nullptr, b.cols, nullptr},
                         {.a = 1, .b = 2, .scratch = 3}, launch);
}

}  // namespace

const OpDef kProduct = {
    .name = "product",
    .doc =
        "Matrix products a @ b over leading dimensions that broadcast: [..., m, k] @ [..., k, n].",
    .signatures = {"product(Tensor a, Tensor b) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_product,
    .forward = {forward_product, prepare_matrices},
    .grad = {{0, reads_value(1),
              [](Backward& b) { return product(b.dy(), transpose(b.value(1), -2, -1)); }},
             {1, reads_value(0),
              [](Backward& b) { return product(transpose(b.value(0), -2, -1), b.dy()); }}},
    .traits = kBroadcasts | kTakesTail,
    .work = [](const Run& r) { return 2 * r.out().numel() * r[0].size(-1); },
};

}  // namespace ops
}  // namespace chainrule
