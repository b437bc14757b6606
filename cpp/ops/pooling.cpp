// Pooling as users call it: lines and images, one or a batch, a number for every side or one each.
#include "ops/pool.h"

namespace chainrule::ops {

namespace {

// Which sizes may be 0, as PyTorch has it.
enum class Empty { kBatch, kFirst, kBatchAndChannels };

// A call on (N, C, L) or (N, C, H, W), or one sample of those, brought to planes and back.
struct Planes {
  const char* name;
  int sides;
  bool one;
  Tensor x;

  Planes(const Call& c, int sides_, Empty may_be = Empty::kBatch)
      : name(c.name()), sides(sides_), one(c[0].dim() == sides_ + 1) {
    const Tensor& given = c[0];
    const bool fits = one || given.dim() == sides + 2;
    const bool channels = may_be == Empty::kBatch || (may_be == Empty::kFirst && !one);
    bool empty = false;
    for (int i = 0; fits && i < sides + channels; ++i) empty = empty || given.size(-1 - i) == 0;
    if (!fits || empty) {
      fail<ShapeError>(name, "expected an input ",
                       sides == 1 ? "(N, C, L) or (C, L)" : "(N, C, H, W) or (C, H, W)", ", only ",
                       may_be == Empty::kBatch   ? "N"
                       : may_be == Empty::kFirst ? "the first"
                                                 : "N and C",
                       " of which may be 0; got ", given.sizes(), ".",
                       given.dim() == sides ? " Use input.unsqueeze(0)." : "");
    }
    if (!is_floating(given.dtype())) fail_dtype(name, given.dtype(), kFloatDTypes);
    x = as_plane(one ? unsqueeze(given, 0) : given, sides);
  }

  Dims kernel(const Dims& k) const {
    return with_height(per_side(name, "kernel_size", k, sides, 1));
  }
  Dims stride(const OptDims& s, const Dims& kernel_size) const {
    const Dims& given = s.has && !s.value.empty() ? s.value : kernel_size;
    return with_height(per_side(name, "stride", given, sides, 1));
  }
  Dims padding(const Dims& p, const Dims& kernel) const {
    const Dims given = per_side(name, "padding", p, sides, 0);
    const Dims all = of_plane(given, sides, 0);
    for (int i = 0; i < 2; ++i) {
      if (all[i] <= most_padding(kernel[i])) continue;
      fail<ShapeError>(name, "expected padding of at most half of kernel_size, ",
                       most_padding(kernel[i]), "; got ", given, ".");
    }
    return all;
  }
  Dims dilation(const Dims& d) const {
    return with_height(per_side(name, "dilation", d, sides, 1));
  }
  Dims output(const Dims& size) const {
    return with_height(per_side(name, "output_size", size, sides, 0));
  }

  Tensor back(const Tensor& y) const {
    Dims sizes = y.sizes();
    if (sides == 1) sizes.erase(2);
    if (one) sizes.erase(0);
    return view(y, sizes);
  }
  Tensors back(const Tensors& both) const {
    Tensors out;
    for (const Tensor& t : both) out.push_back(back(t));
    return out;
  }

 private:
  Dims with_height(const Dims& values) const { return of_plane(values, sides, 1); }
};

template <typename Attrs>
Tensors max_pooling(const Call& c, int sides) {
  const auto& a = c.as<Attrs>();
  const Planes p(c, sides);
  const Dims kernel = p.kernel(a.kernel_size), dilation = p.dilation(a.dilation);
  return p.back(max_pool(p.x, kernel, p.stride(a.stride, a.kernel_size),
                         p.padding(a.padding, kernel), dilation, a.ceil_mode));
}

template <typename Attrs>
Tensors avg_pooling(const Call& c, int sides, OptInt divisor) {
  const auto& a = c.as<Attrs>();
  const Planes p(c, sides);
  const Dims kernel = p.kernel(a.kernel_size);
  if (divisor.has && divisor.value == 0) {
    fail<ValueError>(c.name(), "expected divisor_override != 0; got 0.");
  }
  return just(
      p.back(avg_pool(p.x, kernel, p.stride(a.stride, a.kernel_size), p.padding(a.padding, kernel),
                      a.ceil_mode, a.count_include_pad, divisor)));
}

template <typename Attrs>
Tensors adaptive_avg(const Call& c, int sides) {
  const Planes p(c, sides, Empty::kBatchAndChannels);
  return just(p.back(adaptive_avg_pool(p.x, p.output(c.as<Attrs>().output_size))));
}

template <typename Attrs>
Tensors adaptive_max(const Call& c, int sides) {
  const Planes p(c, sides, Empty::kFirst);
  return p.back(adaptive_max_pool(p.x, p.output(c.as<Attrs>().output_size)));
}

}  // namespace

const OpDef kMaxPool1dWithIndices = {
    .name = "max_pool1d_with_indices",
    .doc = "max_pool1d, and the place of each largest value in its line.",
    .signatures = {"max_pool1d_with_indices(Tensor input, int[] kernel_size, int[]? stride=None, "
                   "int[] padding=(0,), int[] dilation=(1,), bool ceil_mode=False) -> "
                   "(output, indices)"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return max_pooling<MaxPool1dWithIndicesAttrs>(c, 1); },
};

const OpDef kMaxPool2dWithIndices = {
    .name = "max_pool2d_with_indices",
    .doc = "max_pool2d, and the place of each largest value in its plane, row by row.",
    .signatures = {"max_pool2d_with_indices(Tensor input, int[] kernel_size, int[]? stride=None, "
                   "int[] padding=(0,), int[] dilation=(1,), bool ceil_mode=False) -> "
                   "(output, indices)"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return max_pooling<MaxPool2dWithIndicesAttrs>(c, 2); },
};

const OpDef kAvgPool1d = {
    .name = "avg_pool1d",
    .doc =
        "The mean of each window of kernel_size along (N, C, L) or (C, L), `stride` apart "
        "(kernel_size without one), with `padding` zeros at both ends, which count unless "
        "count_include_pad is False. With ceil_mode a last window may reach behind the end.",
    .signatures = {"avg_pool1d(Tensor input, int[] kernel_size, int[]? stride=None, "
                   "int[] padding=(0,), bool ceil_mode=False, bool count_include_pad=True) -> "
                   "Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return avg_pooling<AvgPool1dAttrs>(c, 1, {}); },
};

const OpDef kAvgPool2d = {
    .name = "avg_pool2d",
    .doc =
        "The mean of each window of kernel_size on (N, C, H, W) or (C, H, W), `stride` apart "
        "(kernel_size without one), with `padding` zeros around, which count unless "
        "count_include_pad is False; divisor_override divides in place of the count. With "
        "ceil_mode a last window may reach behind the end. Sizes are an int or one a side.",
    .signatures = {"avg_pool2d(Tensor input, int[] kernel_size, int[]? stride=None, "
                   "int[] padding=(0,), bool ceil_mode=False, bool count_include_pad=True, "
                   "int? divisor_override=None) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          return avg_pooling<AvgPool2dAttrs>(c, 2, c.as<AvgPool2dAttrs>().divisor_override);
        },
};

const OpDef kAdaptiveAvgPool1d = {
    .name = "adaptive_avg_pool1d",
    .doc =
        "The means of output_size windows of (N, C, L) or (C, L): number o is from "
        "floor(o L / output_size) to ceil((o + 1) L / output_size).",
    .signatures = {"adaptive_avg_pool1d(Tensor input, int[] output_size) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return adaptive_avg<AdaptiveAvgPool1dAttrs>(c, 1); },
};

const OpDef kAdaptiveAvgPool2d = {
    .name = "adaptive_avg_pool2d",
    .doc =
        "The means of output_size windows of (N, C, H, W) or (C, H, W): along each side number o "
        "is from floor(o H / output_size) to ceil((o + 1) H / output_size).",
    .signatures = {"adaptive_avg_pool2d(Tensor input, int[] output_size) -> Tensor"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return adaptive_avg<AdaptiveAvgPool2dAttrs>(c, 2); },
};

const OpDef kAdaptiveMaxPool1dWithIndices = {
    .name = "adaptive_max_pool1d_with_indices",
    .doc = "adaptive_max_pool1d, and the place of each largest value in its line.",
    .signatures = {"adaptive_max_pool1d_with_indices(Tensor input, int[] output_size) -> "
                   "(output, indices)"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return adaptive_max<AdaptiveMaxPool1dWithIndicesAttrs>(c, 1); },
};

const OpDef kAdaptiveMaxPool2dWithIndices = {
    .name = "adaptive_max_pool2d_with_indices",
    .doc = "adaptive_max_pool2d, and the place of each largest value in its plane, row by row.",
    .signatures = {"adaptive_max_pool2d_with_indices(Tensor input, int[] output_size) -> "
                   "(output, indices)"},
    .surface = kFunctional,
    .compose = [](const Call& c) { return adaptive_max<AdaptiveMaxPool2dWithIndicesAttrs>(c, 2); },
};

}  // namespace chainrule::ops
