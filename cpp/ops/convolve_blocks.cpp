// How the columns of convolutions are cut into blocks, and the kernels that make and use them.
#include <cstring>

#include "ops/convolution.h"

namespace chainrule::ops {

namespace {

constexpr int64_t kColumnBytes = 256 << 10;  // made together: they stay in the second-level cache

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

}  // namespace chainrule::ops
