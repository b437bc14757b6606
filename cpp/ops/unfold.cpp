// unfold and fold as users call them: images to columns and back.
#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

// Top, bottom, left, right.
Dims all_sides(const Dims& padding) { return {padding[0], padding[0], padding[1], padding[1]}; }

template <typename Attrs>
struct Numbers {
  Dims kernel, stride, padding, dilation;
  explicit Numbers(const Call& c) {
    const auto& a = c.as<Attrs>();
    kernel = per_side(c.name(), "kernel_size", a.kernel_size, 2, 1);
    stride = per_side(c.name(), "stride", a.stride, 2, 1);
    padding = all_sides(per_side(c.name(), "padding", a.padding, 2, 0));
    dilation = per_side(c.name(), "dilation", a.dilation, 2, 1);
  }
};

void check_rank(const Call& c, int rank, const char* form) {
  const int d = c[0].dim();
  if (d != rank && d != rank - 1) {
    fail<ShapeError>(c.name(), "expected an input ", form, "; got ", c[0].sizes(), ".");
  }
  if (!is_floating(c[0].dtype())) fail_dtype(c.name(), c[0].dtype(), kFloatDTypes);
}

Tensor batch(const Tensor& x, bool one) { return contiguous(one ? unsqueeze(x, 0) : x); }
Tensors back(const Tensor& y, bool one) { return just(one ? squeeze(y, Dims{0}) : y); }

}  // namespace

const OpDef kUnfold = {
    .name = "unfold",
    .doc =
        "The windows of images as columns: (N, C, H, W) or (C, H, W) to (N, C * KH * KW, P) or "
        "(C * KH * KW, P), P the positions of the windows row by row, zeros in the padding. Each "
        "of kernel_size, dilation, padding and stride is an int or two.",
    .signatures = {"unfold(Tensor input, int[] kernel_size, int[] dilation=(1,), "
                   "int[] padding=(0,), int[] stride=(1,)) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_rank(c, 4, "(N, C, H, W) or (C, H, W)");
          const Numbers<UnfoldAttrs> n(c);
          const bool one = c[0].dim() == 3;
          return back(unfold_windows(batch(c[0], one), n.kernel, n.stride, n.padding, n.dilation),
                      one);
        },
};

const OpDef kFold = {
    .name = "fold",
    .doc =
        "Columns (N, C * KH * KW, P) or (C * KH * KW, P), as unfold makes them, added up where "
        "they belong in images (N, C, *output_size) or (C, *output_size). Each of output_size, "
        "kernel_size, dilation, padding and stride is an int or two.",
    .signatures = {"fold(Tensor input, int[] output_size, int[] kernel_size, "
                   "int[] dilation=(1,), int[] padding=(0,), int[] stride=(1,)) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          check_rank(c, 3, "(N, C * KH * KW, P) or (C * KH * KW, P)");
          const Numbers<FoldAttrs> n(c);
          const Dims size = per_side(c.name(), "output_size", c.as<FoldAttrs>().output_size, 2, 1);
          const bool one = c[0].dim() == 2;
          return back(
              fold_windows(batch(c[0], one), size, n.kernel, n.stride, n.padding, n.dilation), one);
        },
};

}  // namespace chainrule::ops
