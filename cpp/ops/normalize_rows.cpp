// Rows of a dense matrix brought to mean 0 and variance 1, with weight and bias: what LayerNorm,
// RMSNorm, GroupNorm, InstanceNorm and BatchNorm are made of (normalization.cpp). Backward keeps
// the rows' statistics and makes the normalised values again.
//
// Source: Ba, Kiros, Hinton, Layer Normalization (2016), section 3; Zhang and Sennrich, Root Mean
// Square Layer Normalization (2019), equation 4.
#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kTile = 1 << 14;  // elements of one task
constexpr int64_t kCost = 4;        // elementary operations an element

struct Matrix {
  int64_t rows, cols;
  DType dtype;
  explicit Matrix(const Tensor& x) : cols(x.size(-1)), dtype(x.dtype()) {
    rows = cols ? x.numel() / cols : 0;
  }
};

template <typename F>
void for_rows(int64_t rows, int64_t cols, F&& fn) {
  const int64_t step = std::max<int64_t>(1, kTile / std::max<int64_t>(1, cols));
  const int64_t work = rows * cols * kCost;
  LongWork release(work);
  parallel_for((rows + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(rows, (t + 1) * step)); });
}

// ---- Forward.

struct Rows {
  kernels::NormalizeFn fn;
  int64_t rows;
  kernels::NormalizeArgs args;  // without addresses

  explicit Rows(const Call& c)
      : fn(kernels::table().normalize[kernels::float_index(c[0].dtype())]), args{} {
    const auto& a = c.as<NormalizeRowsAttrs>();
    const Matrix m(c[0]);
    rows = m.rows;
    args.cols = m.cols;
    args.eps = a.eps;
    args.center = a.center != 0;
  }
  void run() const {
    for_rows(rows, args.cols, [&](int64_t begin, int64_t end) { fn(args, begin, end); });
  }
};

void run_rows(Run& r) {
  Rows rows(r);
  rows.args.x = r[0].raw();
  rows.args.weight = r.has(1) ? r[1].raw() : nullptr;
  rows.args.bias = r.has(2) ? r[2].raw() : nullptr;
  rows.args.y = r.out(0).raw();
  rows.args.mean = r.out(1).raw();
  rows.args.var = r.out(2).raw();
  rows.args.rstd = r.out(3).raw();
  rows.run();
}

void launch_rows(const Launch& l, char* const* table) {
  Rows rows = l.as<Rows>();
  rows.args.y = l.address(0, table);
  rows.args.mean = l.address(1, table);
  rows.args.var = l.address(2, table);
  rows.args.rstd = l.address(3, table);
  rows.args.x = l.address(4, table);
  rows.args.weight = l.address(5, table);
  rows.args.bias = l.address(6, table);
  rows.run();
}

bool prepare_rows(const Run& r, Launch& l) {
  l.set(launch_rows, Rows(r));
  return true;
}

// What the kernels take on trust.
void check(const Infer& c, int x, std::initializer_list<int> of_cols,
           std::initializer_list<int> of_rows) {
  const Tensor& t = c[x];
  const auto dense = [&](int i, const Dims& sizes) {
    return !c.has(i) ||
           (c[i].dtype() == t.dtype() && c[i].sizes() == sizes && c[i].is_contiguous());
  };
  bool fits = t.dim() == 2 && t.is_contiguous();
  for (int i : of_cols) fits = fits && dense(i, Dims{t.size(1)});
  for (int i : of_rows) fits = fits && dense(i, Dims{t.size(0)});
  if (fits) return;
  fail<ShapeError>(c.name(),
                   "expected a dense matrix with vectors of its dtype, one value a column ",
                   "or a row; got a matrix of sizes ", t.sizes(), ".");
}

void infer_rows(Infer& c) {
  check(c, 0, {1, 2}, {});
  c.out(c[0].dtype(), c[0].sizes());
  for (int statistic = 0; statistic < 3; ++statistic) c.out(c[0].dtype(), Dims{c[0].size(0)});
}

// ---- Backward.

template <typename Attrs>
kernels::NormalizeBackwardArgs backward_args(const Call& c) {
  kernels::NormalizeBackwardArgs args = {};
  const Matrix m(c[1]);
  args.rows = m.rows;
  args.cols = m.cols;
  args.center = c.as<Attrs>().center != 0;
  return args;
}

struct BackwardRows {
  kernels::NormalizeBackwardFn fn;
  kernels::NormalizeBackwardArgs args;

  explicit BackwardRows(const Call& c)
      : fn(kernels::table().normalize_backward[kernels::float_index(c[1].dtype())]),
        args(backward_args<NormalizeRowsBackwardAttrs>(c)) {}
  void run() const {
    for_rows(args.rows, args.cols, [&](int64_t begin, int64_t end) { fn(args, begin, end); });
  }
};

struct WeightColumns {
  kernels::NormalizeWeightFn fn;
  kernels::NormalizeBackwardArgs args;

  explicit WeightColumns(const Call& c)
      : fn(kernels::table().normalize_weight[kernels::float_index(c[1].dtype())]),
        args(backward_args<NormalizeRowsWeightAttrs>(c)) {}
  void run() const {
    constexpr int64_t kStep = 64;  // columns: what a kernel takes at once
    const int64_t work = args.rows * args.cols * kCost;
    LongWork release(work);
    parallel_for((args.cols + kStep - 1) / kStep, work,
                 [&](int64_t t) { fn(args, t * kStep, std::min(args.cols, (t + 1) * kStep)); });
  }
};

template <typename What>
void run_backward(Run& r) {
  What what(r);
  what.args.dy = r[0].raw();
  what.args.x = r[1].raw();
  what.args.mean = r[2].raw();
  what.args.rstd = r[3].raw();
  what.args.weight = r.inputs.size() > 4 && r.has(4) ? r[4].raw() : nullptr;
  what.args.out = r.out().raw();
  what.run();
}

template <typename What>
void launch_backward(const Launch& l, char* const* table) {
  What what = l.as<What>();
  what.args.out = l.address(0, table);
  what.args.dy = l.address(1, table);
  what.args.x = l.address(2, table);
  what.args.mean = l.address(3, table);
  what.args.rstd = l.address(4, table);
  if constexpr (std::is_same_v<What, BackwardRows>) what.args.weight = l.address(5, table);
  what.run();
}

template <typename What>
bool prepare_backward(const Run& r, Launch& l) {
  l.set(launch_backward<What>, What(r));
  return true;
}

// ---- The gradients of gradients. Statistics are functions of x there, made again from it.

Tensor row_mean(const Tensor& t) { return mean(t, Dims{-1}, true); }

struct Normalized {
  Tensor hat, rstd;
  Normalized(const Tensor& x, double eps, bool center) {
    const Tensor distance = center ? sub(x, row_mean(x)) : x;
    rstd = rsqrt(add(row_mean(square(distance)), eps));
    hat = mul(distance, rstd);
  }
};

// What backward makes of u without a weight: L(u) = rstd (u - mean(u) - x^ mean(u x^)).
template <typename Attrs>
Tensor projected(Backward& b, const Tensor& u) {
  const auto& a = b.as<Attrs>();
  return normalize_rows_backward(contiguous(u), b.value(1), b.value(2), b.value(3), Tensor(), a.eps,
                                 a.center);
}

Tensor weighted(const Tensor& dy, const Tensor& weight) {
  return weight.defined() ? mul(dy, weight) : dy;
}

// <u, L(g)> = rstd c with c = sum(u g) - n mean(u) mean(g) - n mean(u x^) mean(g x^), where
// drstd/dx = -rstd^2 x^ / n and d mean(u x^)/dx = L(u) / n.
Tensor second_by_x(Backward& b) {
  const auto& a = b.as<NormalizeRowsBackwardAttrs>();
  const Tensor x = b.value(1), u = b.dy(), g = weighted(b.value(0), b.value(4));
  const Normalized z(x, a.eps, a.center != 0);
  const Tensor along_u = row_mean(mul(u, z.hat)), along_g = row_mean(mul(g, z.hat));
  Tensor c = sub(row_mean(mul(u, g)), mul(along_u, along_g));  // over n
  if (a.center) c = sub(c, mul(row_mean(u), row_mean(g)));
  const Tensor of_rstd = mul(mul(square(z.rstd), z.hat), c);
  const Tensor Lu = projected<NormalizeRowsBackwardAttrs>(b, u);
  const Tensor Lg = projected<NormalizeRowsBackwardAttrs>(b, g);
  const Tensor of_means = mul(z.rstd, add(mul(along_g, Lu), mul(along_u, Lg)));
  return neg(add(of_rstd, of_means));
}

}  // namespace

const OpDef kNormalizeRows = {
    .name = "normalize_rows",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias along the rows of a dense matrix; without "
        "center the mean counts as 0. Mean, variance and 1 / sqrt(var + eps) come along, without "
        "history.",
    .signatures = {"normalize_rows(Tensor input, Tensor? weight, Tensor? bias, float eps, "
                   "bool center=True) -> (output, mean, var, rstd)"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = {run_rows, prepare_rows},
    .grad = {{0, reads_value(0) | reads_value(1) | reads_output(1) | reads_output(3),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsAttrs>();
                return normalize_rows_backward(contiguous(b.dy()), b.value(0), b.output(1),
                                               b.output(3), b.value(1), a.eps, a.center);
              }},
             {1, reads_value(0) | reads_output(1) | reads_output(3),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsAttrs>();
                return normalize_rows_weight(contiguous(b.dy()), b.value(0), b.output(1),
                                             b.output(3), a.eps, a.center);
              }},
             {2, kReadsNothing, [](Backward& b) { return sum(b.dy(), Dims{0}); }}},
    .dtypes = kRealDTypes,
    .cost = kCost,
};

const OpDef kNormalizeRowsBackward = {
    .name = "normalize_rows_backward",
    .doc = "The gradient of normalize_rows by its input.",
    .signatures = {"normalize_rows_backward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, "
                   "Tensor? weight, float eps, bool center) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check(c, 1, {4}, {2, 3});
          check(c, 0, {}, {});
          c.out(c[1].dtype(), c[1].sizes());
        },
    .forward = {run_backward<BackwardRows>, prepare_backward<BackwardRows>},
    .grad = {{0, reads_value(1) | reads_value(2) | reads_value(3) | reads_value(4),
              [](Backward& b) {
                return weighted(projected<NormalizeRowsBackwardAttrs>(b, b.dy()), b.value(4));
              }},
             {1, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3) | reads_value(4),
              second_by_x},
             {4, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3),
              [](Backward& b) {
                return sum(mul(b.value(0), projected<NormalizeRowsBackwardAttrs>(b, b.dy())),
                           Dims{0});
              }}},
    .dtypes = kRealDTypes,
    .cost = 2 * kCost,
};

const OpDef kNormalizeRowsWeight = {
    .name = "normalize_rows_weight",
    .doc = "The gradient of normalize_rows by its weight.",
    .signatures = {"normalize_rows_weight(Tensor dy, Tensor x, Tensor mean, Tensor rstd, "
                   "float eps, bool center) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check(c, 1, {}, {2, 3});
          check(c, 0, {}, {});
          c.out(c[1].dtype(), Dims{c[1].size(1)});
        },
    .forward = {run_backward<WeightColumns>, prepare_backward<WeightColumns>},
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsWeightAttrs>();
                return mul(b.dy(), Normalized(b.value(1), a.eps, a.center != 0).hat);
              }},
             {1, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3),
              [](Backward& b) {
                return projected<NormalizeRowsWeightAttrs>(b, mul(b.dy(), b.value(0)));
              }}},
    .dtypes = kRealDTypes,
    .cost = kCost,
    .work = [](const Run& r) { return r[1].numel() * kCost; },
};

}  // namespace chainrule::ops
