// How convolutions run, block by block of columns; see convolve.cpp.
#include <cstring>

#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kFewPositions = 96;  // columns below which a product is inefficient
constexpr int64_t kWideRows = 128;     // of columns, of a weight's gradient at once

int64_t rounded(int64_t bytes) {
  const int64_t unit = static_cast<int64_t>(kAlignment);
  return (bytes + unit - 1) / unit * unit;
}

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

}  // namespace

void run_convolve(const Convolution& g, DType dtype, const char* x, const char* w, const char* bias,
                  char* out) {
  const Pass p{g, ColumnKernels(dtype), x, w, nullptr};
  const Blocks blocks(g, g.plain() ? 1 : g.rows(), p.k.item, kFewPositions);
  LongWork release(g.work());
  parallel_for(blocks.count() * g.groups, g.work(), [&](int64_t tile) {
    convolve_block(p, blocks[tile / g.groups], tile % g.groups, bias, out, blocks.most());
  });
}

// ---- dx: columns = w^T * dy, added up where they belong. Channels have rows of their own.

namespace {

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

}  // namespace

void run_convolve_input(const Convolution& g, DType dtype, const char* dy, const char* w,
                        char* out) {
  constexpr int64_t kTiles = 8;
  const Pass p{g, ColumnKernels(dtype), nullptr, w, dy};
  if (g.filters == 0) {  // whatever the size of the kernels is of which there are none
    std::memset(out, 0, g.images * g.channels * g.plane() * p.k.item);
    return;
  }
  const Blocks blocks(g, g.rows(), p.k.item, kFewPositions);
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

namespace {

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

}  // namespace

void run_convolve_weight(const Convolution& g, DType dtype, const char* dy, const char* x,
                         char* out) {
  constexpr int64_t kTiles = 8, kLeastRows = 16;
  const Pass p{g, ColumnKernels(dtype), x, nullptr, dy};
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

}  // namespace chainrule::ops
