// Convolutions of images (N, C, H, W) with filters (F, C / groups, kernel), bilinear, so that the
// gradients of each of the three are the other two. Each is a product with columns, which are made
// block by block in the workspace of the thread that needs them: of a layer of 16 filters of
// 6x5x5 on 12x12 that is 38 KB, never the 2.4 MB of a batch of 64.
//
// Order of additions: an element of the output is a product's; of the input's gradient, products'
// added in ascending order of parts and places; of the weight's, a product for each block, blocks
// in ascending order. None depends on threads.
#include <cstring>

#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kColumnBytes = 256 << 10;  // made together: they stay in the second-level cache
constexpr int64_t kNarrow = 96;              // columns below which a product is inefficient
constexpr int64_t kWideRows = 128;           // of columns, of a weight's gradient at once

int64_t rounded(int64_t bytes) {
  const int64_t unit = static_cast<int64_t>(kAlignment);
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

Blocks::Blocks(const Convolution& g, int64_t rows, int64_t item, int64_t wanted)
    : all_images_(g.images), positions_(g.positions()), chunk_(positions_) {
  constexpr int64_t kUnit = 16;
  if (positions_ < wanted) images_ = std::max<int64_t>(1, std::min(wanted / positions_, g.images));
  groups_of_images_ = (g.images + images_ - 1) / images_;
  const int64_t room = kColumnBytes / (std::max<int64_t>(1, rows) * item) / kUnit * kUnit;
  if (images_ > 1 || positions_ <= std::max(room, wanted)) return;
  // Whole rows of positions where these are short: columns are made faster then.
  const int64_t unit = g.w.out_w <= wanted ? g.w.out_w : kUnit;
  parts_ = (positions_ - 1) / std::max(room, wanted) + 1;
  chunk_ = ((positions_ - 1) / parts_ + unit) / unit * unit;
  parts_ = (positions_ - 1) / chunk_ + 1;
}

ColumnKernels::ColumnKernels(DType dtype)
    : item(itemsize(dtype)),
      plan(kernels::table().product_plan[static_cast<int>(dtype)]),
      product(kernels::table().product[static_cast<int>(dtype)]),
      columns(kernels::table().columns[kernels::float_index(dtype)]),
      add_columns(kernels::table().add_columns[kernels::float_index(dtype)]),
      shift_rows(kernels::table().shift_rows[kernels::float_index(dtype)]),
      add(kernels::table().map[static_cast<int>(kernels::Map::add)][static_cast<int>(dtype)]) {}

void ColumnKernels::multiply(const kernels::ProductArgs& args) const {
  if (args.m == 0 || args.n == 0) return;
  if (args.k == 0) {
    for (int64_t i = 0; i < args.m; ++i) {
      std::memset(static_cast<char*>(args.c) + i * args.ldc * item, 0, args.n * item);
    }
    return;
  }
  const kernels::ProductPlan tiles = plan(args);
  product(args, tiles, 0, tiles.tiles);
}

namespace {

// What the three have at hand on one thread.
struct Pass {
  const Convolution& g;
  ColumnKernels k;
  const char *x, *w, *y;  // dense; the one that is computed is `out`

  int64_t place_in_x(int64_t image, int64_t group) const {
    return (image * g.channels + group * g.group_channels()) * g.plane();
  }
  int64_t place_in_y(int64_t image, int64_t group) const {
    return (image * g.filters + group * g.group_filters()) * g.positions();
  }
  bool in_place(const Block& b) const { return b.images == 1 && g.plain(); }

  // The operand of rows [row, row + rows) of the columns; made in `memory` where there is a need.
  struct Operand {
    const char* data;
    int64_t ld;
  };
  Operand columns(const Block& b, int64_t group, int64_t row, int64_t rows, char* memory) const {
    if (in_place(b)) {
      return {x + (place_in_x(b.image, group) + row * g.plane() + b.first) * k.item, g.plane()};
    }
    const int64_t each = b.last - b.first;
    for (int64_t i = 0; i < b.images; ++i) {
      k.columns(g.w, {row, rows, b.first, b.last, memory + i * each * k.item, b.width()},
                x + place_in_x(b.image + i, group) * k.item);
    }
    return {memory, b.width()};
  }

  // The block's part of y: as it is, or of several images side by side.
  Operand part_of_y(const Block& b, int64_t group, char* memory) const {
    if (b.images == 1) return {y + (place_in_y(b.image, group) + b.first) * k.item, g.positions()};
    for (int64_t i = 0; i < b.images; ++i) {
      k.shift_rows({g.group_filters(), g.positions(), memory + i * g.positions() * k.item,
                    b.width(), y + place_in_y(b.image + i, group) * k.item, g.positions(),
                    nullptr});
    }
    return {memory, b.width()};
  }
};

// ---- y = w * columns + bias, a block and a group at a time.

void convolve_block(const Pass& p, const Block& b, int64_t group, const char* bias, char* out,
                    int64_t most) {
  const Convolution& g = p.g;
  const int64_t item = p.k.item, filters = g.group_filters(), width = b.width();
  const int64_t bytes = p.in_place(b) ? 0 : rounded(g.rows() * most * item);
  const int64_t aside = b.images > 1 ? filters * most * item : 0;
  char* memory = static_cast<char*>(thread_workspace(bytes + aside, Workspace::kDriver));
  const Pass::Operand columns = p.columns(b, group, 0, g.rows(), memory);
  char* const here = out + (p.place_in_y(b.image, group) + b.first) * item;
  char* const c = b.images > 1 ? memory + bytes : here;
  const int64_t ldc = b.images > 1 ? width : g.positions();
  p.k.multiply({filters, width, g.rows(), p.w + group * filters * g.rows() * item, g.rows(), false,
                columns.data, columns.ld, false, c, ldc, nullptr});
  const char* shift = bias ? bias + group * filters * item : nullptr;
  if (b.images == 1) {
    if (shift) p.k.shift_rows({filters, width, here, ldc, here, ldc, shift});
    return;
  }
  for (int64_t i = 0; i < b.images; ++i) {
    p.k.shift_rows({filters, g.positions(), out + p.place_in_y(b.image + i, group) * item,
                    g.positions(), c + i * g.positions() * item, ldc, shift});
  }
}

void run_convolve(const Pass& p, const char* bias, char* out) {
  const Convolution& g = p.g;
  const Blocks blocks(g, p.g.plain() ? 1 : g.rows(), p.k.item, kNarrow);
  LongWork release(g.work());
  parallel_for(blocks.count() * g.groups, g.work(), [&](int64_t tile) {
    convolve_block(p, blocks[tile / g.groups], tile % g.groups, bias, out, blocks.most());
  });
}

// ---- dx: columns = w^T * dy, added up where they belong. Channels have rows of their own.

void input_block(const Pass& p, const Blocks& blocks, int64_t images, int64_t group,
                 int64_t channel, int64_t channels, char* out) {
  const Convolution& g = p.g;
  const int64_t item = p.k.item, filters = g.group_filters();
  const int64_t row = channel * g.taps(), rows = channels * g.taps();
  const Block first = blocks[images * blocks.parts()];
  const int64_t bytes = p.in_place(first) ? 0 : rounded(rows * blocks.most() * item);
  const int64_t aside = first.images > 1 ? filters * blocks.most() * item : 0;
  char* memory = static_cast<char*>(thread_workspace(bytes + aside, Workspace::kDriver));
  const auto planes = [&](int64_t image) {
    return out + (p.place_in_x(image, group) + channel * g.plane()) * item;
  };
  for (int64_t part = 0; part < blocks.parts(); ++part) {
    const Block b = blocks[images * blocks.parts() + part];
    const bool in_place = p.in_place(b);
    char* const c = in_place ? planes(b.image) + b.first * item : memory;
    const int64_t ldc = in_place ? g.plane() : b.width();
    const Pass::Operand dy = p.part_of_y(b, group, memory + bytes);
    p.k.multiply({rows, b.width(), filters, p.w + (group * filters * g.rows() + row) * item,
                  g.rows(), true, dy.data, dy.ld, false, c, ldc, nullptr});
    if (in_place) continue;
    for (int64_t i = 0; i < b.images; ++i) {
      char* const to = planes(b.image + i);
      if (part == 0) std::memset(to, 0, channels * g.plane() * item);
      const int64_t each = b.last - b.first;
      p.k.add_columns(g.w, {0, rows, b.first, b.last, memory + i * each * item, b.width()}, to);
    }
  }
}

void run_input(const Pass& p, char* out) {
  constexpr int64_t kTiles = 8;
  const Convolution& g = p.g;
  const Blocks blocks(g, g.rows(), p.k.item, kNarrow);
  const int64_t tiles = blocks.groups_of_images() * g.groups;
  const int64_t parts =
      std::clamp<int64_t>(kTiles / std::max<int64_t>(1, tiles), 1, g.group_channels());
  const int64_t channels = (g.group_channels() + parts - 1) / parts;
  LongWork release(g.work());
  parallel_for(tiles * parts, g.work(), [&](int64_t tile) {
    const int64_t channel = tile % parts * channels;
    const int64_t now = std::min(channels, g.group_channels() - channel);
    const int64_t rest = tile / parts;
    if (now > 0) input_block(p, blocks, rest / g.groups, rest % g.groups, channel, now, out);
  });
}

// ---- dw: dy * columns^T for each block, added up. Rows of columns have columns of dw of their
// own.

void weight_rows(const Pass& p, const Blocks& blocks, int64_t group, int64_t row, int64_t rows,
                 char* out) {
  const Convolution& g = p.g;
  const int64_t item = p.k.item, filters = g.group_filters();
  const int64_t of_columns = rounded(rows * blocks.most() * item);
  const int64_t of_y = rounded(filters * blocks.most() * item);
  char* memory = static_cast<char*>(
      thread_workspace(of_columns + of_y + filters * rows * item, Workspace::kDriver));
  char* const sum = memory + of_columns + of_y;
  char* const dw = out + (group * filters * g.rows() + row) * item;
  for (int64_t i = 0; i < blocks.count(); ++i) {
    const Block b = blocks[i];
    const Pass::Operand columns = p.columns(b, group, row, rows, memory);
    const Pass::Operand dy = p.part_of_y(b, group, memory + of_columns);
    p.k.multiply({filters, rows, b.width(), dy.data, dy.ld, false, columns.data, columns.ld, true,
                  i == 0 ? dw : sum, i == 0 ? g.rows() : rows, nullptr});
    if (i == 0) continue;
    const bool dense = rows == g.rows();
    const int64_t lines = dense ? 1 : filters, length = dense ? filters * rows : rows;
    for (int64_t f = 0; f < lines; ++f) {
      char* const to = dw + f * g.rows() * item;
      const void* in[] = {to, sum + f * rows * item};
      const int64_t strides[] = {1, 1};
      p.k.add(length, to, in, strides, nullptr);
    }
  }
}

void run_weight(const Pass& p, char* out) {
  constexpr int64_t kTiles = 8, kLeastRows = 16;
  const Convolution& g = p.g;
  const Blocks blocks(g, kWideRows, p.k.item, kernels::kProductBlockK);
  if (blocks.count() == 0) std::memset(out, 0, g.filters * g.rows() * p.k.item);
  const int64_t wanted = threads_now() > 1 ? std::min(kTiles / g.groups, g.rows() / kLeastRows) : 1;
  const int64_t parts = std::max<int64_t>(wanted, (g.rows() + kWideRows - 1) / kWideRows);
  const int64_t rows = parts > 0 ? (g.rows() + parts - 1) / parts : 0;
  LongWork release(g.work());
  parallel_for(parts * g.groups, g.work(), [&](int64_t tile) {
    const int64_t row = tile % parts * rows, now = std::min(rows, g.rows() - row);
    if (now > 0) weight_rows(p, blocks, tile / parts, row, now, out);
  });
}

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
          run_convolve({g, ColumnKernels(r[0].dtype()), data_of(r, 0), data_of(r, 1), nullptr},
                       data_of(r, 2), static_cast<char*>(r.out().raw()));
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
    .work = [](const Run& r) { return of_convolve(r).work(); },
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
          run_input({g, ColumnKernels(r[0].dtype()), nullptr, data_of(r, 1), data_of(r, 0)},
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
    .work = [](const Run& r) { return of_input(r).work(); },
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
          run_weight({g, ColumnKernels(r[0].dtype()), data_of(r, 1), nullptr, data_of(r, 0)},
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
    .work = [](const Run& r) { return of_weight(r).work(); },
};

}  // namespace chainrule::ops
