// conv1d and conv2d as users call them: one image or a batch, a number for every side or one each.
#include "ops/convolution.h"

#include <cmath>

namespace chainrule::ops {

namespace {

// What the C dimensions are called in messages.
const char* input_form(int sides) {
  return sides == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)";
}

// (before, after) of the sides one after the other. Twice as many values as sides: those before,
// then those after.
Dims padding_of(const Call& c, const Dims& padding, int sides) {
  const bool uneven = padding.size() == 2 * sides && sides > 0;
  Dims before = padding, after = padding;
  if (uneven) {
    before.clear();
    after.clear();
    for (int i = 0; i < sides; ++i)
      before.push_back(padding[i]), after.push_back(padding[sides + i]);
  }
  before = per_side(c.name(), "padding", before, sides, 0);
  after = per_side(c.name(), "padding", after, sides, 0);
  Dims all;
  for (int i = 0; i < sides; ++i) all.push_back(before[i]), all.push_back(after[i]);
  return all;
}

// The length of the sides of a square of `count` values; 0 where there is none.
int64_t square_side(int64_t count) {
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(count))));
  return side * side == count ? side : 0;
}

// What to write where the channels of an input are missing or stand last.
std::string channels_hint(const Tensor& x, const Tensor& w, int sides, int64_t groups) {
  if (w.dim() != sides + 2 || groups < 1 || x.dim() < 1) return "";
  const int64_t channels = w.size(1) * groups;
  if (channels > 0 && x.dim() == sides + 2 && x.size(-1) == channels) {
    return sides == 1 ? " Use input.transpose(1, 2)." : " Use input.permute(0, 3, 1, 2).";
  }
  if (channels > 0 && x.dim() == sides + 1 && x.size(-1) == channels) {
    return sides == 1 ? " Use input.T." : " Use input.permute(2, 0, 1).";
  }
  if (channels == 1 && x.dim() == sides + 1) {
    return " Use input.unsqueeze(1): without N the first size is that of the channels.";
  }
  const bool flat = sides == 2 && x.dim() == 2 && channels > 0 && x.size(1) % channels == 0;
  const int64_t side = flat ? square_side(x.size(1) / channels) : 0;
  if (side >= 8) return str(" Use input.reshape(-1, ", channels, ", ", side, ", ", side, ").");
  return channels == 1 && x.dim() == sides ? " Use input.unsqueeze(0)." : "";
}

void check_sizes(const Call& c, int sides, int64_t groups) {
  const Tensor &x = c[0], &w = c[1];
  if (x.dim() != sides + 1 && x.dim() != sides + 2) {
    fail<ShapeError>(c.name(), "expected an input ", input_form(sides), "; got ", x.sizes(), ".",
                     channels_hint(x, w, sides, groups));
  }
  if (w.dim() != sides + 2) {
    fail<ShapeError>(c.name(), "expected a weight (F, C / groups, ", sides == 1 ? "L" : "H, W",
                     "); got ", w.sizes(), ".");
  }
  if (groups < 1 || groups > INT32_MAX || w.size(0) % groups != 0) {
    fail<ShapeError>(c.name(), "expected groups >= 1 that divide weight.shape[0], ", w.size(0),
                     "; got ", groups, ".");
  }
  const int64_t channels = x.size(x.dim() - sides - 1);
  if (w.size(1) > INT32_MAX || channels != w.size(1) * groups) {
    fail<ShapeError>(c.name(),
                     "expected as many channels as weight.shape[1] * groups = ", w.size(1), " * ",
                     groups, "; got ", channels, " in the input ", x.sizes(), ".",
                     channels_hint(x, w, sides, groups));
  }
  if (c.has(2) && !(c[2].sizes() == Dims{w.size(0)})) {
    fail<ShapeError>(c.name(), "expected a bias of sizes (weight.shape[0],) = ", Dims{w.size(0)},
                     "; got ", c[2].sizes(), ".");
  }
}

void check_dtypes(const Call& c) {
  const DType t = c[0].dtype();
  if (!is_floating(t)) fail_dtype(c.name(), t, kFloatDTypes);
  for (int i = 1; i < 3; ++i) {
    if (c.has(i) && c[i].dtype() != t) fail_mixed(c.name(), t, c[i].dtype());
  }
}

template <typename Attrs>
Tensors convolution(const Call& c, int sides) {
  const auto& a = c.as<Attrs>();
  const Dims stride = per_side(c.name(), "stride", a.stride, sides, 1);
  const Dims dilation = per_side(c.name(), "dilation", a.dilation, sides, 1);
  const Dims padding = padding_of(c, a.padding, sides);
  check_sizes(c, sides, a.groups);
  check_dtypes(c);
  const bool one = c[0].dim() == sides + 1;
  const Tensor x = as_plane(one ? unsqueeze(c[0], 0) : c[0], sides);
  const Tensor w = as_plane(c[1], sides);
  const Tensor bias = c.has(2) ? contiguous(c[2]) : c[2];
  for (int i = 0; i < sides; ++i) {
    const int64_t kernel = c[1].size(2 + i), last = kernel - 1;
    const int64_t room = x.size(4 - sides + i) + padding[2 * i] + padding[2 * i + 1];
    if (kernel >= 1 && last <= (room - 1) / dilation[i] && room >= 1) continue;
    fail<ShapeError>(c.name(), "expected a kernel, weight.shape[", 2 + i,
                     "], of size >= 1 and with its dilation no larger than the padded input, ",
                     room, "; got ", kernel, " with dilation ", dilation[i], ".");
  }
  Tensor y = convolve(x, w, bias, of_plane(stride, sides, 1), of_plane(padding, sides, 0, 2),
                      of_plane(dilation, sides, 1), a.groups);
  Dims sizes = y.sizes();
  if (sides == 1) sizes.erase(2);
  if (one) sizes.erase(0);
  return just(view(y, sizes));
}

}  // namespace

const OpDef kConv1d = {
    .name = "conv1d",
    .doc =
        "Convolution (correlation) of lines: y[n, f, p] = bias[f] + sum of weight[f, c, i] "
        "input[n, c, p * stride - padding + i * dilation], zeros outside. Shapes: input (N, C, L) "
        "or (C, L), weight (F, C / groups, K), bias (F,) or None, result (N, F, P) or (F, P) with "
        "P = floor((L + 2 padding - dilation (K - 1) - 1) / stride) + 1.",
    .signatures = {"conv1d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=(1,), "
                   "int[] padding=(0,), int[] dilation=(1,), int groups=1) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return convolution<Conv1dAttrs>(c, 1); },
    .autocast = in_bfloat16,
};

const OpDef kConv2d = {
    .name = "conv2d",
    .doc =
        "Convolution (correlation) of images: y[n, f, p] = bias[f] + sum of weight[f, c, i] "
        "input[n, c, p * stride - padding + i * dilation], zeros outside, with places p and i of "
        "two numbers. Shapes: input (N, C, H, W) or (C, H, W), weight (F, C / groups, KH, KW), "
        "bias (F,) or None, result (N, F, PH, PW) or (F, PH, PW) with "
        "PH = floor((H + 2 padding - dilation (KH - 1) - 1) / stride) + 1. Each of stride, padding "
        "and dilation is an int or two.",
    .signatures = {"conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[] stride=(1,), "
                   "int[] padding=(0,), int[] dilation=(1,), int groups=1) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return convolution<Conv2dAttrs>(c, 2); },
    .autocast = in_bfloat16,
};

}  // namespace chainrule::ops
