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

const char* data_of(const Call& c, int i) {
  return c.has(i) ? static_cast<const char*>(c[i].raw()) : nullptr;
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
          if (c.has(2) && !is_dense(c[2], c[0].dtype(), Dims{g.filters})) {
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
          const Convolution g = of_convolve_input(c);
          c.out(c[0].dtype(), {g.images, g.channels, g.w.height, g.w.width});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_convolve_input(r);
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
    .compose = compose_convolve_input,
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
          const Convolution g = of_convolve_weight(c);
          c.out(c[0].dtype(), {g.filters, g.group_channels(), g.w.kernel_h, g.w.kernel_w});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_convolve_weight(r);
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
    .compose = compose_convolve_weight,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return work_of(r[0], r.out()); },
};

}  // namespace chainrule::ops
