// The public products. Each checks its shapes under its own name and comes down to `product`.
#include "generated/ops.h"
#include "ops/product.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

void check_rank(const char* op, const Tensor& x, int rank, const char* which) {
  if (x.dim() != rank) {
    fail<ShapeError>(op, "expected ", which, " of ", rank, " dimension", rank == 1 ? "" : "s",
                     "; got ", x.sizes(), ".");
  }
}

void check_inner(const char* op, const Tensor& a, const Tensor& b) {
  const int64_t k = b.dim() == 1 ? b.size(0) : b.size(-2);
  if (a.size(-1) != k) {
    fail<ShapeError>(op, "expected a.shape[-1] == b.shape[", b.dim() == 1 ? "-1" : "-2", "]; got ",
                     a.sizes(), " @ ", b.sizes(), ".");
  }
  check_product_dtypes(op, a, b);
}

Tensor vector_dot(const char* op, const Tensor& a, const Tensor& b) {
  check_rank(op, a, 1, "a vector a");
  check_rank(op, b, 1, "a vector b");
  check_inner(op, a, b);
  return view(product(unsqueeze(a, 0), unsqueeze(b, 1)), Dims{});
}

Tensor matrix_vector(const char* op, const Tensor& a, const Tensor& v) {
  check_inner(op, a, v);
  return squeeze(product(a, unsqueeze(v, 1)), Dims{-1});
}

// [..., k] @ [k, n]: the leading dimensions are rows of one product.
Tensor fold_left(const Tensor& a, const Tensor& b) {
  const int64_t rows = leading_product(a.sizes(), 1);
  Dims sizes = a.sizes();
  sizes[a.dim() - 1] = b.size(1);
  return view(product(reshape(a, {rows, b.size(0)}), b), sizes);
}

Tensor any_matmul(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dim() == 0 || b.dim() == 0) {
    fail<ShapeError>(op, "expected at least one dimension on both sides; got ", a.sizes(), " @ ",
                     b.sizes(), ". Use mul().");
  }
  if (a.dim() == 1 && b.dim() == 1) return vector_dot(op, a, b);
  check_inner(op, a, b);
  if (b.dim() == 1 && a.dim() == 2) return matrix_vector(op, a, b);
  if (b.dim() == 1) return squeeze(fold_left(a, unsqueeze(b, 1)), Dims{-1});
  if (a.dim() == 1) return squeeze(product(unsqueeze(a, 0), b), Dims{-2});
  if (a.dim() == 2 && b.dim() == 2) return product(a, b);
  if (b.dim() == 2) return fold_left(a, b);
  Dims common;
  Dims left = a.sizes(), right = b.sizes();
  for (Dims* dims : {&left, &right}) {
    dims->erase(dims->size() - 1);
    dims->erase(dims->size() - 1);
  }
  if (!broadcast_shapes(left, right, &common)) {
    fail<ShapeError>(op, "expected leading sizes that broadcast; got ", a.sizes(), " @ ", b.sizes(),
                     ".");
  }
  return product(a, b);
}

// beta * input + alpha * y. With beta 0 the input is ignored, NaN and all.
Tensor blend(const char* op, const Tensor& input, const Tensor& y, Number beta, Number alpha) {
  Dims common;
  if (!broadcast_shapes(input.sizes(), y.sizes(), &common) || !(common == y.sizes())) {
    fail<ShapeError>(op, "expected an input that broadcasts to the product's ", y.sizes(), "; got ",
                     input.sizes(), ".");
  }
  if ((beta.is_float() || alpha.is_float()) && !is_floating(y.dtype())) {
    fail<DtypeError>(op, "expected integers for beta and alpha with ", dtype_name(y.dtype()),
                     " tensors; got ", beta.real, " and ", alpha.real, ".");
  }
  if (input.dtype() != y.dtype()) fail_mixed(op, input.dtype(), y.dtype());
  const auto scaled = [](const Tensor& x, Number factor) {
    if (factor.real == 1) return x;
    return factor.is_float() ? mul(x, factor.real) : mul(x, factor.integer);
  };
  const Tensor right = scaled(y, alpha);
  return beta.real == 0 ? right : add(scaled(input, beta), right);
}

}  // namespace

const OpDef kMatmul = {
    .name = "matmul",
    .doc =
        "Matrix product a @ b. Vectors: dot product; [m, k] @ [k]: matrix times vector; "
        "[..., m, k] @ [..., k, n]: leading dimensions broadcast.",
    .signatures = {"matmul(Tensor input, Tensor other) -> Tensor"},
    .compose = [](const Call& c) { return just(any_matmul(c.name(), c[0], c[1])); },
    .autocast = in_bfloat16,
};

const OpDef kMm = {
    .name = "mm",
    .doc = "Product of two matrices, [m, k] @ [k, n].",
    .signatures = {"mm(Tensor input, Tensor mat2) -> Tensor"},
    .compose =
        [](const Call& c) {
          check_rank(c.name(), c[0], 2, "a matrix a");
          check_rank(c.name(), c[1], 2, "a matrix b");
          check_inner(c.name(), c[0], c[1]);
          return just(product(c[0], c[1]));
        },
    .autocast = in_bfloat16,
};

const OpDef kBmm = {
    .name = "bmm",
    .doc = "Products of two batches of matrices, [b, m, k] @ [b, k, n].",
    .signatures = {"bmm(Tensor input, Tensor mat2) -> Tensor"},
    .compose =
        [](const Call& c) {
          check_rank(c.name(), c[0], 3, "a batch a");
          check_rank(c.name(), c[1], 3, "a batch b");
          check_inner(c.name(), c[0], c[1]);
          if (c[0].size(0) != c[1].size(0)) {
            fail<ShapeError>(c.name(), "expected batches of one size; got ", c[0].sizes(), " @ ",
                             c[1].sizes(), ".");
          }
          return just(product(c[0], c[1]));
        },
    .autocast = in_bfloat16,
};

const OpDef kMv = {
    .name = "mv",
    .doc = "Matrix times vector, [m, k] @ [k].",
    .signatures = {"mv(Tensor input, Tensor vec) -> Tensor"},
    .compose =
        [](const Call& c) {
          check_rank(c.name(), c[0], 2, "a matrix a");
          check_rank(c.name(), c[1], 1, "a vector b");
          return just(matrix_vector(c.name(), c[0], c[1]));
        },
    .autocast = in_bfloat16,
};

const OpDef kDot = {
    .name = "dot",
    .doc = "Sum of the products of two vectors' elements.",
    .signatures = {"dot(Tensor input, Tensor tensor) -> Tensor"},
    .compose = [](const Call& c) { return just(vector_dot(c.name(), c[0], c[1])); },
};

const OpDef kVdot = {
    .name = "vdot",
    .doc = "dot() of two real vectors.",
    .signatures = {"vdot(Tensor input, Tensor other) -> Tensor"},
    .compose = [](const Call& c) { return just(vector_dot(c.name(), c[0], c[1])); },
};

const OpDef kOuter = {
    .name = "outer",
    .doc = "All products of the elements of two vectors, [m] and [n] give [m, n].",
    .signatures = {"outer(Tensor input, Tensor vec2) -> Tensor",
                   "ger(Tensor input, Tensor vec2) -> Tensor"},
    .compose =
        [](const Call& c) {
          check_rank(c.name(), c[0], 1, "a vector a");
          check_rank(c.name(), c[1], 1, "a vector b");
          return just(mul(unsqueeze(c[0], 1), c[1]));
        },
};

const OpDef kInner = {
    .name = "inner",
    .doc =
        "Sum of products over the last dimension of both: [..., k] and [..., k] give the leading "
        "dimensions of both; a 0-dimensional side multiplies.",
    .signatures = {"inner(Tensor input, Tensor other) -> Tensor"},
    .compose =
        [](const Call& c) {
          const Tensor &a = c[0], &b = c[1];
          if (a.dim() == 0 || b.dim() == 0) return just(mul(a, b));
          if (a.size(-1) != b.size(-1)) {
            fail<ShapeError>(c.name(), "expected a.shape[-1] == b.shape[-1]; got ", a.sizes(),
                             " and ", b.sizes(), ".");
          }
          check_product_dtypes(c.name(), a, b);
          Dims sizes = a.sizes();
          sizes.erase(a.dim() - 1);
          for (int d = 0; d + 1 < b.dim(); ++d) sizes.push_back(b.sizes()[d]);
          const int64_t k = a.size(-1);
          const Tensor left = reshape(a, {leading_product(a.sizes(), 1), k});
          const Tensor right = reshape(b, {leading_product(b.sizes(), 1), k});
          return just(view(product(left, transpose(right, 0, 1)), sizes));
        },
    .autocast = in_bfloat16,
};

const OpDef kAddmm = {
    .name = "addmm",
    .doc = "beta * input + alpha * (mat1 @ mat2).",
    .signatures = {"addmm(Tensor input, Tensor mat1, Tensor mat2, *, Number beta=1, "
                   "Number alpha=1) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<AddmmAttrs>();
          check_rank(c.name(), c[1], 2, "a matrix mat1");
          check_rank(c.name(), c[2], 2, "a matrix mat2");
          check_inner(c.name(), c[1], c[2]);
          return just(blend(c.name(), c[0], product(c[1], c[2]), a.beta, a.alpha));
        },
    .autocast = in_bfloat16,
};

const OpDef kAddmv = {
    .name = "addmv",
    .doc = "beta * input + alpha * (mat @ vec).",
    .signatures = {"addmv(Tensor input, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1) "
                   "-> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<AddmvAttrs>();
          check_rank(c.name(), c[1], 2, "a matrix");
          check_rank(c.name(), c[2], 1, "a vector");
          return just(blend(c.name(), c[0], matrix_vector(c.name(), c[1], c[2]), a.beta, a.alpha));
        },
};

const OpDef kAddr = {
    .name = "addr",
    .doc = "beta * input + alpha * outer(vec1, vec2).",
    .signatures = {"addr(Tensor input, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1) "
                   "-> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<AddrAttrs>();
          return just(blend(c.name(), c[0], outer(c[1], c[2]), a.beta, a.alpha));
        },
    .dtypes = kWideDTypes,
};

const OpDef kBaddbmm = {
    .name = "baddbmm",
    .doc = "beta * input + alpha * (batch1 @ batch2), matrix by matrix.",
    .signatures = {"baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, "
                   "Number alpha=1) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<BaddbmmAttrs>();
          return just(blend(c.name(), c[0], bmm(c[1], c[2]), a.beta, a.alpha));
        },
    .autocast = in_bfloat16,
};

const OpDef kAddbmm = {
    .name = "addbmm",
    .doc = "beta * input + alpha * the sum over the batch of batch1 @ batch2.",
    .signatures = {"addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, "
                   "Number alpha=1) -> Tensor"},
    .compose =
        [](const Call& c) {
          const auto& a = c.as<AddbmmAttrs>();
          const Tensor total = sum(bmm(c[1], c[2]), OptDims(Dims{0}));
          return just(blend(c.name(), c[0], total, a.beta, a.alpha));
        },
    .autocast = in_bfloat16,
};

}  // namespace chainrule::ops
