// The gradients of normalize_rows by its input and its weight, and theirs.
#include "ops/normalize_rows.h"

namespace chainrule::ops {

namespace {

template <typename Attrs>
kernels::NormalizeBackwardArgs backward_args(const Call& c) {
  kernels::NormalizeBackwardArgs args = {};
  args.rows = c[1].size(0);
  args.cols = c[1].size(1);
  args.groups = c.as<Attrs>().groups;
  args.span = c.as<Attrs>().span;
  args.center = c.as<Attrs>().center != 0;
  return args;
}

struct BackwardRows {
  bool columns;
  kernels::NormalizeBackwardFn fn;
  kernels::NormalizeBackwardArgs args;

  explicit BackwardRows(const Call& c)
      : columns(c.as<NormalizeRowsBackwardAttrs>().columns != 0),
        fn(kernels::table().normalize_backward[columns][kernels::float_index(c[1].dtype())]),
        args(backward_args<NormalizeRowsBackwardAttrs>(c)) {}
  void run() const {
    for_lines(columns, args.rows, args.cols,
              [&](int64_t begin, int64_t end) { fn(args, begin, end); });
  }
};

struct WeightChannels {
  kernels::NormalizeWeightFn fn;
  kernels::NormalizeBackwardArgs args;

  explicit WeightChannels(const Call& c)
      : fn(kernels::table().normalize_weight[c.as<NormalizeRowsWeightAttrs>().columns != 0]
                                            [kernels::float_index(c[1].dtype())]),
        args(backward_args<NormalizeRowsWeightAttrs>(c)) {}
  void run() const {
    const int64_t count = args.groups * (args.cols / args.span);
    for_steps(count, args.span == 1 ? kernels::kNormalizeBand : 1, args.rows, args.cols,
              [&](int64_t begin, int64_t end) { fn(args, begin, end); });
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

// Of each row or column, kept as a dimension of 1.
Tensor line_mean(const Tensor& t, bool columns) { return mean(t, Dims{columns ? 0 : 1}, true); }

struct Normalized {
  Tensor hat, rstd;
  Normalized(const Tensor& x, double eps, bool center, bool columns) {
    const Tensor distance = center ? sub(x, line_mean(x, columns)) : x;
    rstd = rsqrt(add(line_mean(square(distance), columns), eps));
    hat = mul(distance, rstd);
  }
};

// What backward makes of u without a weight: L(u) = rstd (u - mean(u) - x^ mean(u x^)).
template <typename Attrs>
Tensor projected(Backward& b, const Tensor& u) {
  const auto& a = b.as<Attrs>();
  return normalize_rows_backward(contiguous(u), b.value(1), b.value(2), b.value(3), Tensor(), a.eps,
                                 a.center, a.columns, a.groups, a.span);
}

template <typename Attrs>
Tensor weighted(Backward& b, const Tensor& dy, const Tensor& weight) {
  return weight.defined() ? Channels(b.as<Attrs>()).times(dy, weight) : dy;
}

// <u, L(g)> = rstd c with c = sum(u g) - n mean(u) mean(g) - n mean(u x^) mean(g x^), where
// drstd/dx = -rstd^2 x^ / n and d mean(u x^)/dx = L(u) / n. Rows without u or without dy get none.
Tensor second_by_x(Backward& b) {
  const auto& a = b.as<NormalizeRowsBackwardAttrs>();
  const Tensor x = b.value(1), u = b.dy(),
               g = weighted<NormalizeRowsBackwardAttrs>(b, b.value(0), b.value(4));
  const bool columns = a.columns != 0;
  const Normalized z(x, a.eps, a.center != 0, columns);
  const auto mean_of = [columns](const Tensor& t) { return line_mean(t, columns); };
  const Tensor along_u = mean_of(absorb(u, z.hat)), along_g = mean_of(absorb(g, z.hat));
  Tensor c = sub(mean_of(mul(u, g)), mul(along_u, along_g));  // over n
  if (a.center) c = sub(c, mul(mean_of(u), mean_of(g)));
  const Tensor of_rstd = absorb(c, mul(square(z.rstd), z.hat));
  const Tensor Lu = projected<NormalizeRowsBackwardAttrs>(b, u);
  const Tensor Lg = projected<NormalizeRowsBackwardAttrs>(b, g);
  const Tensor of_means = absorb(add(mul(along_g, Lu), mul(along_u, Lg)), z.rstd);
  return neg(add(of_rstd, of_means));
}

}  // namespace

const OpDef kNormalizeRowsBackward = {
    .name = "normalize_rows_backward",
    .doc = "The gradient of normalize_rows by its input.",
    .signatures =
        {"normalize_rows_backward(Tensor dy, Tensor x, Tensor mean, Tensor rstd, "
         "Tensor? weight, float eps, bool center, bool columns, int groups, int span) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Channels channels(c.as<NormalizeRowsBackwardAttrs>());
          check_matrix(c, 1, channels, {4}, {2, 3}, {0});
          c.out(c[1].dtype(), c[1].sizes());
        },
    .forward = {run_backward<BackwardRows>, prepare_backward<BackwardRows>},
    .grad = {{0, reads_value(1) | reads_value(2) | reads_value(3) | reads_value(4),
              [](Backward& b) {
                return weighted<NormalizeRowsBackwardAttrs>(
                    b, projected<NormalizeRowsBackwardAttrs>(b, b.dy()), b.value(4));
              }},
             {1, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3) | reads_value(4),
              second_by_x},
             {4, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3),
              [](Backward& b) {
                const Channels channels(b.as<NormalizeRowsBackwardAttrs>());
                return channels.sums(
                    mul(b.value(0), projected<NormalizeRowsBackwardAttrs>(b, b.dy())));
              }}},
    .dtypes = kRealDTypes,
    .cost = 2 * kNormalizeCost,
};

const OpDef kNormalizeRowsWeight = {
    .name = "normalize_rows_weight",
    .doc = "The gradient of normalize_rows by its weight.",
    .signatures = {"normalize_rows_weight(Tensor dy, Tensor x, Tensor mean, Tensor rstd, "
                   "float eps, bool center, bool columns, int groups, int span) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Channels channels(c.as<NormalizeRowsWeightAttrs>());
          check_matrix(c, 1, channels, {}, {2, 3}, {0});
          c.out(c[1].dtype(), Dims{channels.count(c[1])});
        },
    .forward = {run_backward<WeightChannels>, prepare_backward<WeightChannels>},
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<NormalizeRowsWeightAttrs>();
                return Channels(a).times(
                    Normalized(b.value(1), a.eps, a.center != 0, a.columns != 0).hat, b.dy());
              }},
             {1, reads_value(0) | reads_value(1) | reads_value(2) | reads_value(3),
              [](Backward& b) {
                const Channels channels(b.as<NormalizeRowsWeightAttrs>());
                return projected<NormalizeRowsWeightAttrs>(b, channels.times(b.value(0), b.dy()));
              }}},
    .dtypes = kRealDTypes,
    .cost = kNormalizeCost,
    .work = [](const Run& r) { return r[1].numel() * kNormalizeCost; },
};

}  // namespace chainrule::ops
