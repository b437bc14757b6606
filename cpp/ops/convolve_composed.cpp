// Convolutions from other operations, on columns [N, groups, rows, positions]: the oracle of those
// block by block.
#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

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

}  // namespace

Tensors compose_convolve(const Call& c) {
  const auto& a = c.as<ConvolveAttrs>();
  const Convolution g = of_convolve(c);
  const Tensor columns = columns_of(c[0], g, a.stride, a.padding, a.dilation);
  const Tensor y = view(matmul(grouped(c[1], g), columns), sizes_of_y(g));
  return just(c.has(2) ? add(y, view(contiguous(c[2]), {g.filters, 1, 1})) : y);
}

Tensors compose_convolve_input(const Call& c) {
  const auto& a = c.as<ConvolveInputAttrs>();
  const Convolution g = of_convolve_input(c);
  const Tensor columns = matmul(transpose(grouped(c[1], g), 1, 2), grouped_y(c[0], g));
  const Tensor flat = view(columns, {g.images, g.channels * g.taps(), g.positions()});
  return just(
      fold_windows(flat, a.size, {g.w.kernel_h, g.w.kernel_w}, a.stride, a.padding, a.dilation));
}

Tensors compose_convolve_weight(const Call& c) {
  const auto& a = c.as<ConvolveWeightAttrs>();
  const Convolution g = of_convolve_weight(c);
  const Tensor columns = columns_of(c[1], g, a.stride, a.padding, a.dilation);
  const Tensor each = matmul(grouped_y(c[0], g), transpose(columns, 2, 3));
  return just(view(sum(each, OptDims(Dims{0})),
                   {g.filters, g.group_channels(), g.w.kernel_h, g.w.kernel_w}));
}

}  // namespace chainrule::ops
