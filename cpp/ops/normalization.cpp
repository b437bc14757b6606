// Normalisation with learned scale and shift: layer_norm, rms_norm, group_norm, and what batch_norm
// and instance_norm train on. Each brings what is normalised together to rows, which normalize_rows
// takes.
#include <limits>

#include "ops/rules.h"

namespace chainrule::ops {

namespace {

int64_t product_of(const Dims& sizes, int begin, int end) {
  int64_t n = 1;
  for (int d = begin; d < end; ++d) n *= sizes[d];
  return n;
}

void check_eps(const Call& c, double eps) {
  if (eps >= 0) return;
  fail<ValueError>(c.name(), "expected eps >= 0; got ", eps, ".");
}

// The vector of one value a column or channel; undefined stays so.
Tensor vector_of(const Call& c, const Tensor& t, const char* what, const Dims& sizes, DType dtype) {
  if (!t.defined()) return t;
  if (!(t.sizes() == sizes)) {
    fail<ShapeError>(c.name(), "expected ", what, " of sizes ", sizes, "; got ", t.sizes(), ".");
  }
  const bool fits = t.dtype() == dtype || t.dtype() == c[0].dtype();
  const bool mixed = is_floating(t.dtype()) && is_floating(c[0].dtype()) &&
                     promote_types(t.dtype(), c[0].dtype()) == DType::kFloat32;
  if (!fits && !mixed) {
    const bool widens = is_floating(t.dtype());  // the input, not the vector, is the odd one
    fail<DtypeError>(c.name(), "expected ", what, " of the input's dtype, ",
                     dtype_name(c[0].dtype()), "; got ", dtype_name(t.dtype()), ". Use ",
                     widens ? str("input.to(", what, ".dtype).") : str(what, ".to(input.dtype)."));
  }
  const Tensor dense = contiguous(reshape(t, {t.numel()}));
  return dense.dtype() == dtype ? dense : cast(dense, dtype);
}

// The last dimensions of the input, which are normalised together.
int64_t normalized_columns(const Call& c, const Dims& shape) {
  const Dims& sizes = c[0].sizes();
  const int from = sizes.size() - shape.size();
  bool fits = shape.size() > 0 && from >= 0;
  for (int d = 0; fits && d < shape.size(); ++d) fits = sizes[from + d] == shape[d];
  if (!fits) {
    fail<ShapeError>(
        c.name(), "expected normalized_shape to be the last sizes of the input ", sizes, "; got ",
        shape, ".",
        sizes.size() > 2 && shape == Dims{sizes[1]} ? " Use input.movedim(1, -1)." : "");
  }
  return product_of(shape, 0, shape.size());
}

Tensor over_last(const Call& c, const Dims& shape, const Tensor& weight, const Tensor& bias,
                 double eps, bool center) {
  check_eps(c, eps);
  const Tensor& x = c[0];
  const int64_t cols = normalized_columns(c, shape);
  const int64_t rows = product_of(x.sizes(), 0, x.dim() - shape.size());
  const Tensor w = vector_of(c, weight, "weight", shape, x.dtype());
  const Tensor b = vector_of(c, bias, "bias", shape, x.dtype());
  if (x.numel() == 0) {  // parameters get gradients of zeros
    const Tensor y = w.defined() ? mul(x, reshape(w, shape)) : mul(x, 1.0);
    return b.defined() ? add(y, reshape(b, shape)) : y;
  }
  const Tensors out = normalize_rows(contiguous(reshape(x, {rows, cols})), w, b, eps, center);
  return reshape(out[0], x.sizes());
}

// [N, C, ...] with one value a channel.
Tensor of_channels(const Tensor& t, int rank) {
  Dims sizes;
  for (int d = 0; d < rank; ++d) sizes.push_back(d == 1 ? t.numel() : 1);
  return reshape(t, sizes);
}

Tensor with_channels(Tensor y, const Tensor& weight, const Tensor& bias) {
  if (weight.defined()) y = mul(y, of_channels(weight, y.dim()));
  return bias.defined() ? add(y, of_channels(bias, y.dim())) : y;
}

int64_t channels_of(const Call& c) {
  if (c[0].dim() >= 2) return c[0].size(1);
  fail<ShapeError>(c.name(), "expected an input of sizes (N, C, ...); got ", c[0].sizes(), ".");
}

void check_floating(const Call& c) {
  if (is_floating(c[0].dtype())) return;
  fail<DtypeError>(c.name(), "expected a floating input; got ", dtype_name(c[0].dtype()),
                   ". Use .float().");
}

Tensors normalize_groups(const Call& c) {
  const auto& a = c.as<GroupNormAttrs>();
  check_floating(c);
  check_eps(c, a.eps);
  const Tensor& x = c[0];
  const int64_t channels = channels_of(c), groups = a.num_groups;
  if (groups <= 0 || channels % groups != 0) {
    fail<ValueError>(c.name(), "expected num_groups to divide the channels, ", channels, "; got ",
                     groups, ".");
  }
  const Tensor weight = vector_of(c, c[1], "weight", {channels}, x.dtype());
  const Tensor bias = vector_of(c, c[2], "bias", {channels}, x.dtype());
  if (x.numel() == 0) return just(with_channels(mul(x, 1.0), weight, bias));
  const int64_t rows = x.size(0) * groups, cols = x.numel() / rows;
  const int64_t span = cols / (channels / groups);
  const Tensors out = normalize_rows(contiguous(reshape(x, {rows, cols})), weight, bias, a.eps,
                                     true, false, groups, span);
  return just(reshape(out[0], x.sizes()));
}

// Channel by channel over all samples: channels of one value a sample are columns, others are
// turned into rows and back.
Tensors normalize_channels(const Call& c) {
  const auto& a = c.as<NormalizeChannelsAttrs>();
  check_floating(c);
  check_eps(c, a.eps);
  // Statistics of bfloat16 stay in float32.
  const DType wide = c[0].dtype() == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
  const Tensor x = c[0].dtype() == wide ? c[0] : cast(c[0], wide);
  const int64_t channels = channels_of(c);
  const Tensor weight = vector_of(c, c[1], "weight", {channels}, wide);
  const Tensor bias = vector_of(c, c[2], "bias", {channels}, wide);
  Tensor y;
  Tensors lines;
  if (x.numel() == 0) {  // statistics of nothing; weight and bias get gradients of zeros
    lines = normalize_rows(reshape(contiguous(transpose(x, 0, 1)), {channels, 0}), Tensor(),
                           Tensor(), a.eps, true);
    y = with_channels(x, weight, bias);
  } else if (x.numel() == x.size(0) * channels) {
    lines = normalize_rows(contiguous(reshape(x, {x.size(0), channels})), weight, bias, a.eps, true,
                           true);
    y = reshape(lines[0], x.sizes());
  } else {
    const Tensor turned = contiguous(transpose(x, 0, 1));
    const int64_t cols = x.numel() / channels;
    lines = normalize_rows(reshape(turned, {channels, cols}), weight, bias, a.eps, true, false,
                           channels, cols);
    y = contiguous(transpose(reshape(lines[0], turned.sizes()), 0, 1));
  }
  Tensors out;
  out.push_back(y.dtype() == c[0].dtype() ? y : cast(y, c[0].dtype()));
  out.push_back(lines[1]);
  out.push_back(lines[2]);
  return out;
}

}  // namespace

const OpDef kLayerNorm = {
    .name = "layer_norm",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias, with mean and variance (the mean of the "
        "squared distances) over the last dimensions, whose sizes are normalized_shape.",
    .signatures = {"layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, "
                   "Tensor? bias=None, float eps=1e-05) -> Tensor"},
    .surface = kFunction | kFunctional,
    .compose =
        [](const Call& c) {
          check_floating(c);
          const auto& a = c.as<LayerNormAttrs>();
          return just(over_last(c, a.normalized_shape, c[1], c[2], a.eps, true));
        },
    .autocast = in_float32,
};

const OpDef kRmsNorm = {
    .name = "rms_norm",
    .doc =
        "x / sqrt(mean(x^2) + eps) * weight over the last dimensions, whose sizes are "
        "normalized_shape. Without eps it is the distance from 1 to the next number of float32, or "
        "of "
        "float64 for that.",
    .signatures = {"rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, "
                   "float? eps=None) -> Tensor"},
    .surface = kFunction | kFunctional,
    .compose =
        [](const Call& c) {
          check_floating(c);
          const auto& a = c.as<RmsNormAttrs>();
          const double of_dtype = c[0].dtype() == DType::kFloat64
                                      ? std::numeric_limits<double>::epsilon()
                                      : std::numeric_limits<float>::epsilon();
          return just(over_last(c, a.normalized_shape, c[1], Tensor(),
                                a.eps.has ? a.eps.value : of_dtype, false));
        },
    .autocast = in_float32,
};

const OpDef kGroupNorm = {
    .name = "group_norm",
    .doc =
        "(x - mean) / sqrt(var + eps) with mean and variance of each sample's group of channels, "
        "then times weight plus bias of the channel; input (N, C, ...).",
    .signatures = {"group_norm(Tensor input, int num_groups, Tensor? weight=None, "
                   "Tensor? bias=None, float eps=1e-05) -> Tensor"},
    .surface = kFunction,
    .compose = normalize_groups,
    .autocast = in_float32,
    .dtypes = kWideDTypes,
};

const OpDef kNormalizeChannels = {
    .name = "normalize_channels",
    .doc =
        "(x - mean) / sqrt(var + eps) * weight + bias with mean and variance of each channel over "
        "all samples of (N, C, ...). Mean and variance come along, of bfloat16 in float32; no "
        "gradient "
        "goes through them.",
    .signatures = {"normalize_channels(Tensor input, Tensor? weight, Tensor? bias, float eps) -> "
                   "(output, mean, var)"},
    .surface = kPrivate,
    .compose = normalize_channels,
};

}  // namespace chainrule::ops
