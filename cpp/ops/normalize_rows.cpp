// Rows of a dense matrix brought to mean 0 and variance 1, with weight and bias: what LayerNorm,
// RMSNorm, GroupNorm, InstanceNorm and BatchNorm are made of (normalization.cpp). Backward keeps
// the rows' statistics and makes the normalised values again.
//
// Source: Ba, Kiros, Hinton, Layer Normalization (2016), section 3; Zhang and Sennrich, Root Mean
// Square Layer Normalization (2019), equation 4.
#include "ops/normalize_rows.h"

namespace chainrule::ops {

namespace {

struct Rows {
  kernels::NormalizeFn fn;
  bool columns;
  kernels::NormalizeArgs args;  // without addresses

  explicit Rows(const Call& c) : args{} {
    const auto& a = c.as<NormalizeRowsAttrs>();
    columns = a.columns != 0;
    fn = kernels::table().normalize[columns][kernels::float_index(c[0].dtype())];
    args.rows = c[0].size(0);
    args.cols = c[0].size(1);
    args.groups = a.groups;
    args.span = a.span;
    args.eps = a.eps;
    args.center = a.center != 0;
  }
  void run() const {
    for_lines(columns, args.rows, args.cols,
              [&](int64_t begin, int64_t end) { fn(args, begin, end); });
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

void infer_rows(Infer& c) {
  const Channels channels(c.as<NormalizeRowsAttrs>());
  check_matrix(c, 0, channels, {1, 2}, {});
  c.out(c[0].dtype(), c[0].sizes());
  const Dims lines = {c[0].size(channels.columns ? 1 : 0)};
  for (int statistic = 0; statistic < 3; ++statistic) c.out(c[0].dtype(), lines);
}

}  // namespace

const OpDef kNormalizeRows = {
    .name = "normalize_rows",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias along the rows of a dense matrix, or down "
        "its columns. Weight and bias are of channels: of each column, or where groups rows are a "
        "sample, of each span columns of each of them. Without center the mean counts as 0. Mean, "
        "variance and 1 / sqrt(var + eps) come along; no gradient goes through them.",
    .signatures = {"normalize_rows(Tensor input, Tensor? weight, Tensor? bias, float eps, "
                   "bool center=True, bool columns=False, int groups=1, int span=1) -> (output, "
                   "mean, var, rstd)"},
    .surface = kPrivate,
    .infer = infer_rows,
    .forward = {run_rows, prepare_rows},
    .grad = {{0, reads_value(0) | reads_value(1) | reads_output(1) | reads_output(3),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsAttrs>();
                return normalize_rows_backward(contiguous(b.dy()), b.value(0), b.output(1),
                                               b.output(3), b.value(1), a.eps, a.center, a.columns,
                                               a.groups, a.span);
              }},
             {1, reads_value(0) | reads_output(1) | reads_output(3),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsAttrs>();
                return normalize_rows_weight(contiguous(b.dy()), b.value(0), b.output(1),
                                             b.output(3), a.eps, a.center, a.columns, a.groups,
                                             a.span);
              }},
             {2, kReadsNothing,
              [](Backward& b) { return Channels(b.as<NormalizeRowsAttrs>()).sums(b.dy()); }}},
    .dtypes = kRealDTypes,
    .cost = kNormalizeCost,
};

}  // namespace chainrule::ops
