// The sizes of convolutions from their operands, checked.
#include "ops/convolution.h"

namespace chainrule::ops {

Dims sizes_of_y(const Convolution& g) { return {g.images, g.filters, g.out_h, g.w.out_w}; }

namespace {

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

void check_y(const Call& c, const Convolution& g, const Tensor& dy) {
  if (dy.sizes() == sizes_of_y(g)) return;
  fail<ShapeError>(c.name(), "expected dy of sizes ", sizes_of_y(g), "; got ", dy.sizes(), ".");
}

}  // namespace

Convolution of_convolve(const Call& c) {
  return geometry<ConvolveAttrs>(c, c[0].sizes(), c[1].sizes());
}

Convolution of_convolve_input(const Call& c) {
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

Convolution of_convolve_weight(const Call& c) {
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

}  // namespace chainrule::ops
