// softmax and log_softmax. The kernels work on the rows of dense matrices; another dim than the
// last is moved there and back.
#include "core/threads.h"
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kTile = 1 << 14;  // elements of one task
constexpr int64_t kRowCost = 16;    // an exponential against an addition

struct Matrix {
  int64_t rows = 0, cols = 1;
  explicit Matrix(const Tensor& x) : cols(x.dim() == 0 ? 1 : x.size(-1)) {
    rows = cols == 0 ? 0 : x.numel() / cols;
  }
  int64_t rows_per_tile() const { return std::max<int64_t>(1, kTile / std::max<int64_t>(1, cols)); }
};

template <typename F>
void for_rows(const Matrix& m, F&& fn) {
  const int64_t step = m.rows_per_tile(), work = m.rows * m.cols * kRowCost;
  LongWork release(work);
  parallel_for((m.rows + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(m.rows, (t + 1) * step)); });
}

void infer_rows(Infer& c) {
  for (const Tensor& t : c.inputs) {
    if (!t.is_contiguous() || !(t.sizes() == c[0].sizes())) {
      throw InternalError(str("[", c.name(), "] expected dense tensors of one shape."));
    }
    if (t.dtype() != c[0].dtype()) fail_mixed(c.name(), t.dtype(), c[0].dtype());
  }
  c.out(c[0].dtype(), c[0].sizes());
}

void run_rows(Run& r, const kernels::RowFn* slots) {
  const Matrix m(r[0]);
  const kernels::RowFn fn = slots[kernels::float_index(r[0].dtype())];
  for_rows(m,
           [&](int64_t begin, int64_t end) { fn(begin, end, m.cols, r.out().raw(), r[0].raw()); });
}

void run_rows_backward(Run& r, const kernels::RowBackwardFn* slots) {
  const Matrix m(r[0]);
  const kernels::RowBackwardFn fn = slots[kernels::float_index(r[0].dtype())];
  for_rows(m, [&](int64_t begin, int64_t end) {
    fn(begin, end, m.cols, r.out().raw(), r[0].raw(), r[1].raw());
  });
}

// rows(input) with `dim` as the last one.
template <Tensor (*kRows)(const Tensor&)>
Tensors along_dim(const Call& c, int64_t dim, OptDType dtype) {
  const Tensor x = dtype.has() && dtype.value() != c[0].dtype() ? cast(c[0], dtype.value()) : c[0];
  const int at = normalize_dim(c.name(), dim, x.dim());
  if (at == std::max(0, x.dim() - 1)) return just(kRows(contiguous(x)));
  return just(contiguous(transpose(kRows(contiguous(transpose(x, at, -1))), at, -1)));
}

Tensor row_sum(const Tensor& t) { return t.dim() == 0 ? t : sum(t, Dims{-1}, true); }

}  // namespace

const OpDef kSoftmax = {
    .name = "softmax",
    .doc =
        "exp(x) / sum(exp(x)) along dim: positive numbers that add up to 1. A row of -inf gives "
        "NaN.",
    .signatures = {"softmax(Tensor input, int dim, dtype? dtype=None) -> Tensor"},
    .surface = kEverywhere | kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<SoftmaxAttrs>();
          return along_dim<softmax_rows>(c, a.dim, a.dtype);
        },
    .autocast = in_float32,
};

const OpDef kLogSoftmax = {
    .name = "log_softmax",
    .doc = "x - log(sum(exp(x))) along dim: the logarithm of softmax without its loss of digits.",
    .signatures = {"log_softmax(Tensor input, int dim, dtype? dtype=None) -> Tensor"},
    .surface = kEverywhere | kFunctional,
    .compose =
        [](const Call& c) {
          const auto& a = c.as<LogSoftmaxAttrs>();
          return along_dim<log_softmax_rows>(c, a.dim, a.dtype);
        },
    .autocast = in_float32,
};

const OpDef kSoftmaxRows = {
    .name = "softmax_rows",
    .doc = "softmax along the last dim of a dense tensor.",
    .signatures = {"softmax_rows(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = [](Run& r) { run_rows(r, kernels::table().softmax); },
    .grad = {{0, reads_output(0),
              [](Backward& b) { return softmax_backward(contiguous(b.dy()), b.output(0)); }}},
    .dtypes = kRealDTypes,
    .cost = 20,
};

const OpDef kLogSoftmaxRows = {
    .name = "log_softmax_rows",
    .doc = "log_softmax along the last dim of a dense tensor.",
    .signatures = {"log_softmax_rows(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = [](Run& r) { run_rows(r, kernels::table().log_softmax); },
    .grad = {{0, reads_output(0),
              [](Backward& b) { return log_softmax_backward(contiguous(b.dy()), b.output(0)); }}},
    .dtypes = kRealDTypes,
    .cost = 20,
};

const OpDef kSoftmaxBackward = {
    .name = "softmax_backward",
    .doc = "y * (dy - sum(dy * y)) along the last dim, for y = softmax(x).",
    .signatures = {"softmax_backward(Tensor dy, Tensor y) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = [](Run& r) { run_rows_backward(r, kernels::table().softmax_backward); },
    .grad = {{0, reads_value(1),
              [](Backward& b) { return softmax_backward(contiguous(b.dy()), b.value(1)); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                const Tensor dy = b.value(0), y = b.value(1);
                const Tensor inner = sub(dy, row_sum(mul(dy, y)));
                return sub(mul(b.dy(), inner), mul(dy, row_sum(mul(b.dy(), y))));
              }}},
    .dtypes = kRealDTypes,
    .cost = 4,
};

const OpDef kLogSoftmaxBackward = {
    .name = "log_softmax_backward",
    .doc = "dy - exp(y) * sum(dy) along the last dim, for y = log_softmax(x).",
    .signatures = {"log_softmax_backward(Tensor dy, Tensor y) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = [](Run& r) { run_rows_backward(r, kernels::table().log_softmax_backward); },
    .grad = {{0, reads_value(1),
              [](Backward& b) { return sub(b.dy(), row_sum(mul(b.dy(), exp(b.value(1))))); }},
             {1, reads_value(0) | reads_value(1),
              [](Backward& b) {
                return neg(mul(mul(b.dy(), exp(b.value(1))), row_sum(b.value(0))));
              }}},
    .dtypes = kRealDTypes,
    .cost = 20,
};

}  // namespace chainrule::ops
