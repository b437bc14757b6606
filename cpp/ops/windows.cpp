// The geometry of windows on planes, and unfold and fold: columns of images and back.
#include <cstring>

#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

// How many positions a window has along one side.
int64_t positions_along(int64_t size, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                        int64_t dilation) {
  const int64_t room = size + before + after - dilation * (kernel - 1) - 1;
  return room < 0 ? 0 : room / stride + 1;
}

}  // namespace

kernels::Windows windows_of(const Call& c, const WindowAttrs& a, int64_t height, int64_t width,
                            int64_t* out_h) {
  check_sides(c, "kernel_size", a.kernel, 2, 1);
  check_sides(c, "stride", a.stride, 2, 1);
  check_sides(c, "padding", a.padding, 4, 0);
  check_sides(c, "dilation", a.dilation, 2, 1);
  const Dims padded = {height + a.padding[0] + a.padding[1], width + a.padding[2] + a.padding[3]};
  if (height > kMostOfSide || width > kMostOfSide || padded[0] > kMostOfSide ||
      padded[1] > kMostOfSide) {
    fail<ShapeError>(c.name(), "expected planes of at most ", kMostOfSide,
                     " a side with padding; got ", padded, ".");
  }
  kernels::Windows w{height,
                     width,
                     a.kernel[0],
                     a.kernel[1],
                     a.stride[0],
                     a.stride[1],
                     a.padding[0],
                     a.padding[2],
                     a.dilation[0],
                     a.dilation[1],
                     0};
  *out_h =
      positions_along(height, a.padding[0], a.padding[1], w.kernel_h, w.stride_h, w.dilation_h);
  w.out_w =
      positions_along(width, a.padding[2], a.padding[3], w.kernel_w, w.stride_w, w.dilation_w);
  if (*out_h > 0 && w.out_w > 0) return w;
  fail<ShapeError>(c.name(), "expected a kernel no larger than the padded input, ", padded,
                   "; got one of ",
                   Dims{w.dilation_h * (w.kernel_h - 1) + 1, w.dilation_w * (w.kernel_w - 1) + 1},
                   " with its dilation.");
}

void check_planes(const Call& c, std::initializer_list<int> inputs) {
  const DType dtype = c[*inputs.begin()].dtype();
  for (int i : inputs) {
    const Tensor& t = c[i];
    if (!t.defined()) continue;
    if (t.dtype() != dtype) fail_mixed(c.name(), t.dtype(), dtype);
    if (t.dim() != 4 || !t.is_contiguous()) {
      fail<ShapeError>(c.name(), "expected dense tensors of 4 dimensions; got one of sizes ",
                       t.sizes(), " and strides ", t.strides(), ".");
    }
  }
}

namespace {

// A kernel as large as its padding may have more places than memory or 64 bits have room for.
void check_columns(const Call& c, const Convolution& g) {
  constexpr int64_t kMostColumns = int64_t{1} << 59;
  int64_t n = g.taps();
  bool fits = true;
  for (int64_t factor : {g.channels, g.out_h, g.w.out_w, std::max<int64_t>(1, g.images)}) {
    fits = fits && !__builtin_mul_overflow(n, factor, &n) && n < kMostColumns;
  }
  if (fits) return;
  fail<OutOfMemory>(c.name(), "expected columns that memory has room for; got ", g.channels,
                    " channels of ", g.w.kernel_h, " * ", g.w.kernel_w, " places in ", g.out_h,
                    " * ", g.w.out_w, " windows.");
}

template <typename Attrs>
Convolution unfolded(const Call& c, const Attrs& a, int64_t images, int64_t channels,
                     int64_t height, int64_t width) {
  Convolution g;
  g.w = windows_of(c, {a.kernel, a.stride, a.padding, a.dilation}, height, width, &g.out_h);
  g.images = images;
  g.channels = channels;
  check_columns(c, g);
  return g;
}

Convolution of_unfold(const Call& c) {
  const Tensor& x = c[0];
  return unfolded(c, c.as<UnfoldWindowsAttrs>(), x.size(0), x.size(1), x.size(2), x.size(3));
}

Convolution of_fold(const Call& c) {
  const auto& a = c.as<FoldWindowsAttrs>();
  const Tensor& x = c[0];
  if (x.dim() != 3 || !x.is_contiguous() || a.size.size() != 2 || a.size[0] < 0 || a.size[1] < 0) {
    fail<ShapeError>(c.name(),
                     "expected dense columns (N, C * places, positions) and two sizes; got ",
                     x.sizes(), " and ", a.size, ".");
  }
  Convolution g = unfolded(c, a, x.size(0), 1, a.size[0], a.size[1]);
  g.channels = x.size(1) / g.taps();
  if (x.size(1) % g.taps() != 0 || x.size(2) != g.positions()) {
    fail<ShapeError>(c.name(), "expected columns (N, C * ", g.taps(), ", ", g.positions(),
                     ") for a kernel of ", a.kernel, " on ", a.size, "; got ", x.sizes(), ".");
  }
  return g;
}

// fn(columns, image and channel) for every plane of every image.
template <typename F>
void for_planes(const Convolution& g, const Tensor& columns, F&& fn) {
  const int64_t planes = g.images * g.channels, work = columns.numel();
  const int64_t bytes = g.taps() * g.positions() * static_cast<int64_t>(itemsize(columns.dtype()));
  LongWork release(work);
  parallel_for(planes, work, [&](int64_t i) {
    char* data = static_cast<char*>(columns.raw()) + i * bytes;
    fn(kernels::Columns{0, g.taps(), 0, g.positions(), data, g.positions()}, i);
  });
}

}  // namespace

const OpDef kUnfoldWindows = {
    .name = "unfold_windows",
    .doc =
        "The columns of dense images (N, C, H, W): (N, C * places of the kernel, positions), zeros "
        "where a window is outside. `padding` is top, bottom, left, right.",
    .signatures = {"unfold_windows(Tensor input, int[] kernel, int[] stride, int[] padding, "
                   "int[] dilation) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_planes(c, {0});
          const Convolution g = of_unfold(c);
          c.out(c[0].dtype(), {g.images, g.channels * g.taps(), g.positions()});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_unfold(r);
          const ColumnKernels k(r[0].dtype());
          const char* x = static_cast<const char*>(r[0].raw());
          for_planes(g, r.out(), [&](const kernels::Columns& columns, int64_t plane) {
            k.columns(g.w, columns, x + plane * g.plane() * k.item);
          });
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                const auto& a = b.as<UnfoldWindowsAttrs>();
                const Dims& sizes = b.shape(0).sizes;
                return fold_windows(contiguous(b.dy()), {sizes[2], sizes[3]}, a.kernel, a.stride,
                                    a.padding, a.dilation);
              }}},
    .dtypes = kRealDTypes,
};

const OpDef kFoldWindows = {
    .name = "fold_windows",
    .doc =
        "Columns (N, C * places, positions) added up where they belong in images (N, C, *size): "
        "the gradient of unfold_windows.",
    .signatures = {"fold_windows(Tensor columns, int[] size, int[] kernel, int[] stride, "
                   "int[] padding, int[] dilation) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Convolution g = of_fold(c);
          c.out(c[0].dtype(), {g.images, g.channels, g.w.height, g.w.width});
        },
    .forward =
        [](Run& r) {
          const Convolution g = of_fold(r);
          const ColumnKernels k(r[0].dtype());
          char* out = static_cast<char*>(r.out().raw());
          const int64_t bytes = g.plane() * k.item;
          for_planes(g, r[0], [&](const kernels::Columns& columns, int64_t plane) {
            std::memset(out + plane * bytes, 0, bytes);
            k.add_columns(g.w, columns, out + plane * bytes);
          });
        },
    .grad = {{0, kReadsNothing,
              [](Backward& b) {
                const auto& a = b.as<FoldWindowsAttrs>();
                return unfold_windows(contiguous(b.dy()), a.kernel, a.stride, a.padding,
                                      a.dilation);
              }}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return r[0].numel(); },
};

}  // namespace chainrule::ops
