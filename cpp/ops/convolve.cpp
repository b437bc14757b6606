// Convolutions of images (N, C, H, W) with filters (F, C / groups, kernel), bilinear, so that the
// gradients of each of the three are the other two. Each is a product with columns, which are made
// block by block in the workspace of the thread that needs them: of a layer of 16 filters of
// 6x5x5 on 12x12 that is 38 KB, never the 2.4 MB of a batch of 64.
//
// Order of additions: an element of the output is a product's; of the input's gradient, products'
// added in ascending order of parts and places; of the weight's, a product for each block, blocks
// in ascending order. None depends on threads.
#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

// ---- What the operations are given.

template <typename Attrs>
Convolution geometry(const Call& c, const Dims& x, const Dims& w) {
  const auto& a = c.as<Attrs>();
  const int64_t groups = a.groups;
  const bool small = groups >= 1 && groups <= INT32_MAX && w[1] <= INT32_MAX;
  if (!small || x[1] != w[1] * groups || w[0] % groups != 0) {
    fail<ShapeError>(c.name(),
                     "expected groups >= 1 that divide the filters, weight.shape[0], and "
                     "input.shape[1] == weight.shape[1] * groups; got input ",
                     x, ", weight ", w, " and groups=", groups, ".");
  }
  Convolution g;
  g.w = windows_of(c, {Dims{w[2], w[3]}, a.stride, a.padding, a.dilation}, x[2], x[3], &g.out_h);
  g.images = x[0];
  g.channels = x[1];
  g.filters = w[0];
  g.groups = groups;
  return g;
}

Dims sizes_of_y(const Convolution& g) { return {g.images, g.filters, g.out_h, g.w.out_w}; }

void check_y(const Call& c, const Convolution& g, const Tensor& dy) {
  if (dy.sizes() == sizes_of_y(g)) return;
  fail<ShapeError>(c.name(), "expected dy of sizes ", sizes_of_y(g), "; got ", dy.sizes(), ".");
}

Convolution of_convolve(const Call& c) {
  return geometry<ConvolveAttrs>(c, c[0].sizes(), c[1].sizes());
}

Convolution of_input(const Call& c) {
  const auto& a = c.as<ConvolveInputAttrs>();
  const Dims &dy = c[0].sizes(), &w = c[1].sizes();
  const bool sizes = a.size.size() == 2 && a.size[0] >= 0 && a.size[1] >= 0;
  const bool small = a.groups >= 1 && a.groups <= INT32_MAX && w[1] <= INT32_MAX;
  if (!sizes || !small) {
    fail<ShapeError>(c.name(), "expected two sizes >= 0 and groups >= 1; got ", a.size, " and ",
                     a.groups, ".");
  }
  const Dims x = {dy[0], w[1] * a.groups, a.size[0], a.size[1]};
  const Convolution g = geometry<ConvolveInputAttrs>(c, x, w);
  check_y(c, g, c[0]);
  return g;
}

Convolution of_weight(const Call& c) {
  const auto& a = c.as<ConvolveWeightAttrs>();
  const Dims &dy = c[0].sizes(), &x = c[1].sizes();
  if (a.kernel.size() != 2 || a.groups < 1) {
    fail<ShapeError>(c.name(), "expected two sizes of the kernel and groups >= 1; got ", a.kernel,
                     " and ", a.groups, ".");
  }
  const Dims w = {dy[1], x[1] / a.groups, a.kernel[0], a.kernel[1]};
  const Convolution g = geometry<ConvolveWeightAttrs>(c, x, w);
  check_y(c, g, c[0]);
  return g;
}

const char* data_of(const Call& c, int i) {
  return c.has(i) ? static_cast<const char*>(c[i].raw()) : nullptr;
}

// ---- The compositions, on columns [N, groups, rows, positions].

Tensor columns_of(const Tensor& x, const Convolution& g, const Dims& stride, const Dims& padding,
                  const Dims& dilation) {
  const Tensor columns =
      unfold_windows(contiguous(x), {g.w.kernel_h, g.w.kernel_w}, stride, padding, dilation);
  return view(columns, {g.images, g.groups, g.rows(), g.positions()});
}

Tensor grouped(const Tensor& w, const Convolution& g) {
  return view(contiguous(w), {g.groups, g.group_filters(), g.rows()});
}

Tensor grouped_y(const Tensor& y, const Convolution& g) {
  return view(contiguous(y), {g.images, g.groups, g.group_filters(), g.positions()});
}

Tensors compose_convolve(const Call& c) {
  const auto& a = c.as<ConvolveAttrs>();
  const Convolution g = of_convolve(c);
  const Tensor columns = columns_of(c[0], g, a.stride, a.padding, a.dilation);
  const Tensor y = view(matmul(grouped(c[1], g), columns), sizes_of_y(g));
  return just(c.has(2) ? add(y, view(contiguous(c[2]), {g.filters, 1, 1})) : y);
}

Tensors compose_input(const Call& c) {
  const auto& a = c.as<ConvolveInputAttrs>();
  const Convolution g = of_input(c);
  const Tensor columns = matmul(transpose(grouped(c[1], g), 1, 2), grouped_y(c[0], g));
  const Tensor flat = view(columns, {g.images, g.channels * g.taps(), g.positions()});
  return just(
      fold_windows(flat, a.size, {g.w.kernel_h, g.w.kernel_w}, a.stride, a.padding, a.dilation));
}

Tensors compose_weight(const Call& c) {
  const auto& a = c.as<ConvolveWeightAttrs>();
  const Convolution g = of_weight(c);
  const Tensor columns = columns_of(c[1], g, a.stride, a.padding, a.dilation);
  const Tensor each = matmul(grouped_y(c[0], g), transpose(columns, 2, 3));
  return just(view(sum(each, OptDims(Dims{0})),
                   {g.filters, g.group_channels(), g.w.kernel_h, g.w.kernel_w}));
}

// A filter's multiplications and additions for each element of y; also of sizes that no call has.
int64_t work_of(const Tensor& y, const Tensor& w) {
  return 2 * y.numel() * (w.numel() / std::max<int64_t>(1, w.dim() > 0 ? w.size(0) : 1));
}

Dims plane_of(const Dims& sizes) { return {sizes[2], sizes[3]}; }

}  // namespace

const OpDef kConvolve = {
    .name = "convolve",
    .doc =
        "y[n, f, p] = sum of w[f, c, i, j] x[n, c, p * stride - padding + (i, j) * dilation] + "
        "bias[f] for dense x (N, C, H, W), w (F, C / groups, kernel); padding is top, bottom, "
        "left, right, of zeros.",
    .signatures = {"convolve(Tensor input, Tensor weight, Tensor? bias, int[] stride, "
                   "int[] padding, int[] dilation, int groups) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_planes(c, {0, 1});
          const Convolution g = of_convolve(c);
          const bool fits = !c.has(2) || (c[2].sizes() == Dims{g.filters} && c[2].is_contiguous() &&
                                          c[2].dtype() == c[0].dtype());
          if (!fits) {
            fail<ShapeError>(c.name(), "expected a dense bias of sizes ", Dims{g.filters},
                             " and the input's dtype; got ", c[2].sizes(), ".");
          }
          c.out(c[0].dtype(), sizes_of_y(g));
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_convolve(r);
          if (r.out().numel() == 0) return;
          run_convolve(g, r[0].dtype(), data_of(r, 0), data_of(r, 1), data_of(r, 2),
                       static_cast<char*>(r.out().raw()));
        },
    .grad = {{0, reads_value(1) | reads_shape(0),
              [](Backward& b) {
                const auto& a = b.as<ConvolveAttrs>();
                return convolve_input(contiguous(b.dy()), b.value(1), plane_of(b.shape(0).sizes),
                                      a.stride, a.padding, a.dilation, a.groups);
              }},
             {1, reads_value(0) | reads_shape(1),
              [](Backward& b) {
                const auto& a = b.as<ConvolveAttrs>();
                return convolve_weight(contiguous(b.dy()), b.value(0), plane_of(b.shape(1).sizes),
                                       a.stride, a.padding, a.dilation, a.groups);
              }},
             {2, kReadsNothing, [](Backward& b) { return sum(sum(b.dy(), Dims{2, 3}), Dims{0}); }}},
    .compose = compose_convolve,
    .autocast = in_bfloat16,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return work_of(r.out(), r[1]); },
};

const OpDef kConvolveInput = {
    .name = "convolve_input",
    .doc = "The gradient of convolve by its input, of planes of `size`.",
    .signatures = {"convolve_input(Tensor dy, Tensor weight, int[] size, int[] stride, "
                   "int[] padding, int[] dilation, int groups) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_planes(c, {0, 1});
          const Convolution g = of_input(c);
          c.out(c[0].dtype(), {g.images, g.channels, g.w.height, g.w.width});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_input(r);
          if (r.out().numel() == 0) return;
          run_convolve_input(g, r[0].dtype(), data_of(r, 0), data_of(r, 1),
                             static_cast<char*>(r.out().raw()));
        },
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ConvolveInputAttrs>();
                return convolve(contiguous(b.dy()), b.value(1), Tensor(), a.stride, a.padding,
                                a.dilation, a.groups);
              }},
             {1, reads_value(0) | reads_shape(1),
              [](Backward& b) {
                const auto& a = b.as<ConvolveInputAttrs>();
                return convolve_weight(b.value(0), contiguous(b.dy()), plane_of(b.shape(1).sizes),
                                       a.stride, a.padding, a.dilation, a.groups);
              }}},
    .compose = compose_input,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return work_of(r[0], r[1]); },
};

const OpDef kConvolveWeight = {
    .name = "convolve_weight",
    .doc = "The gradient of convolve by its weight, of kernels of size `kernel`.",
    .signatures = {"convolve_weight(Tensor dy, Tensor input, int[] kernel, int[] stride, "
                   "int[] padding, int[] dilation, int groups) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_planes(c, {0, 1});
          const Convolution g = of_weight(c);
          c.out(c[0].dtype(), {g.filters, g.group_channels(), g.w.kernel_h, g.w.kernel_w});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_weight(r);
          if (r.out().numel() == 0) return;
          run_convolve_weight(g, r[0].dtype(), data_of(r, 0), data_of(r, 1),
                              static_cast<char*>(r.out().raw()));
        },
    .grad = {{0, reads_value(1),
              [](Backward& b) {
                const auto& a = b.as<ConvolveWeightAttrs>();
                return convolve(b.value(1), contiguous(b.dy()), Tensor(), a.stride, a.padding,
                                a.dilation, a.groups);
              }},
             {1, reads_value(0) | reads_shape(1),
              [](Backward& b) {
                const auto& a = b.as<ConvolveWeightAttrs>();
                return convolve_input(b.value(0), contiguous(b.dy()), plane_of(b.shape(1).sizes),
                                      a.stride, a.padding, a.dilation, a.groups);
              }}},
    .compose = compose_weight,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return work_of(r[0], r.out()); },
};

}  // namespace chainrule::ops
