// The matrix products of bfloat16 by VDPBF16PS, in float32. An element of C is, for each block of
// kBFloat16BlockK along k in ascending order, a sum from zero with one accumulator, added to the
// blocks before; then the bias is added and the result is rounded once. Inside a block pair after
// pair of k in ascending order is taken in, the odd one first, by multiply-adds; the instruction
// takes subnormal operands and sums as 0. That holds for every layout and tile, so results depend
// neither on them nor on threads.
//
// Panels of B are packed when they are used, rows of A are read in place or, where they lie across,
// packed once for a block of k.
#include "core/workspace.h"
#include "kernels/cpu/bf16/product_micro.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/product_plan.h"

namespace chainrule::kernels {
namespace {

// C's rows and columns in tiles, a rule of the sizes alone.
struct PairGrid {
  int64_t rows, cols, tile_rows, tile_cols;
};

constexpr int64_t kMostTile = 480;  // 10 panels; the sums of several blocks of k stay in the cache

PairGrid pair_grid(const ProductArgs& args) {
  PairGrid g;
  g.rows = parts_of(args.m, kMostTile);
  g.cols = parts_of(args.n, kMostTile);
  const int64_t wanted = wanted_tiles(static_cast<double>(args.m) * static_cast<double>(args.n) *
                                      static_cast<double>(args.k));
  // Columns first: tiles of the same columns would pack them once each.
  split(args.n, 2 * bf16::kPanel, wanted, g.rows, &g.cols);
  split(args.m, 4 * bf16::kGroup, wanted, g.cols, &g.rows);
  g.tile_rows = part(args.m, g.rows, bf16::kGroup);
  g.tile_cols = part(args.n, g.cols, bf16::kPanel);
  g.rows = parts_of(args.m, g.tile_rows);
  g.cols = parts_of(args.n, g.tile_cols);
  return g;
}

template <typename T>
const T* element(const void* x, int64_t ld, bool transposed, int64_t row, int64_t col) {
  return static_cast<const T*>(x) + (transposed ? col * ld + row : row * ld + col);
}

// What a thread needs beside its operands, in one workspace.
struct PairWork {
  Pair* panel;  // of B
  Pair* rows;   // of A, where they lie across
  float* sums;  // of the blocks before, where there are several
  int64_t sums_step;

  PairWork(const ProductArgs& args, const Area& area) : sums_step(round_up(area.cols, kLanes)) {
    const int64_t pairs = pairs_of(at_most(args.k, kBFloat16BlockK));
    const int64_t for_panel = pairs * bf16::kPanel;
    const int64_t for_rows = args.trans_a ? pairs * round_up(area.rows, bf16::kGroup) : 0;
    const int64_t for_sums = args.k > kBFloat16BlockK ? area.rows * sums_step : 0;
    void* all = thread_workspace((for_panel + for_rows + for_sums) * 4);
    panel = static_cast<Pair*>(all);
    rows = panel + for_panel;
    sums = for_sums ? reinterpret_cast<float*>(rows + for_rows) : nullptr;
  }
};

// Rows [0, rows) of the area for one panel of columns and one block of k.
void run_panel(const ProductArgs& args, const Area& area, const PairWork& work,
               bf16::MicroTile tile, int64_t k, int64_t cols) {
  const int vectors = static_cast<int>(parts_of(cols, kLanes));
  tile.last = cols - (vectors - 1) * kLanes;
  const int64_t most = vectors == 1 ? 2 * bf16::kRows : bf16::kRows;
  for (int64_t i = 0, now; i < area.rows; i += now) {
    now = most;
    int power = vectors == 1 ? 4 : 3;
    while (now > area.rows - i) now /= 2, --power;
    if (args.trans_a) {
      const Pair* group = work.rows + i / bf16::kGroup * bf16::kGroup * pairs_of(tile.depth);
      bf16::kMicros<true>[vectors - 1][power](tile, group + i % bf16::kGroup);
    } else {
      bf16::kMicros<false>[vectors - 1][power](
          tile, element<BFloat16>(args.a, args.lda, false, area.row + i, k));
    }
    if (tile.c) tile.c += now * tile.c_step;
    if (tile.sums) tile.sums += now * tile.sums_step;
    if (tile.before) tile.before += now * tile.before_step;
  }
}

template <typename In>
void pack_panel(const ProductArgs& args, Pair* panel, int64_t k, int64_t depth, int64_t col,
                int64_t cols) {
  const In* b = element<In>(args.b, args.ldb, args.trans_b, k, col);
  const int64_t width = round_up(cols, kLanes);
  if (args.trans_b) {
    pack_pairs_across(panel, width, b, args.ldb, cols, depth);
  } else {
    pack_pairs_along(panel, width, b, args.ldb, cols, depth);
  }
}

void run_pair_area(const ProductArgs& args, const Area& area) {
  const PairWork work(args, area);
  int64_t k = 0;
  do {  // once for k == 0 too: sums of nothing, and the bias
    const int64_t depth = at_most(kBFloat16BlockK, args.k - k);
    const bool last = k + depth == args.k;
    if (args.trans_a) {
      pack_pairs_along(work.rows, bf16::kGroup,
                       element<BFloat16>(args.a, args.lda, true, area.row, k), args.lda, area.rows,
                       depth);
    }
    for (int64_t j = 0; j < area.cols; j += bf16::kPanel) {
      const int64_t cols = at_most(bf16::kPanel, area.cols - j);
      if (args.wide_b) {
        pack_panel<float>(args, work.panel, k, depth, area.col + j, cols);
      } else {
        pack_panel<BFloat16>(args, work.panel, k, depth, area.col + j, cols);
      }
      const int64_t place = area.row * args.ldc + area.col + j;
      const auto* bias = static_cast<const BFloat16*>(args.bias);
      bf16::MicroTile tile{.depth = depth, .a_step = args.lda, .b = work.panel};
      tile.b_step = round_up(cols, kLanes);
      tile.before = k > 0 ? work.sums + j : nullptr;
      tile.before_step = work.sums_step;
      if (!last) {
        tile.sums = work.sums + j;
        tile.sums_step = work.sums_step;
      } else if (args.wide_c) {
        tile.sums = static_cast<float*>(args.c) + place;
        tile.sums_step = args.ldc;
      } else {
        tile.c = static_cast<BFloat16*>(args.c) + place;
        tile.c_step = args.ldc;
      }
      tile.bias = last && bias ? bias + area.col + j : nullptr;
      run_panel(args, area, work, tile, k, cols);
    }
    k += kBFloat16BlockK;
  } while (k < args.k);
}

// The largest rectangle at the start of the tiles [first, last), which are numbered down the
// columns: its rows share the panels of B; its columns what is packed of A, where no sums of blocks
// before have to be kept.
Area next_pair_area(const ProductArgs& args, const PairGrid& grid, int64_t* first, int64_t last) {
  constexpr int64_t kMostRows = 4 * kMostTile;  // 4 MiB of packed rows
  const int64_t left = last - *first, row = *first % grid.rows, col = *first / grid.rows;
  const int64_t rows = at_most(at_most(grid.rows - row, left), kMostRows / grid.tile_rows);
  const bool share = args.trans_a && rows == grid.rows && args.k <= kBFloat16BlockK;
  const int64_t cols = share ? left / rows : 1;
  *first += rows * cols;
  Area area{row * grid.tile_rows, rows * grid.tile_rows, col * grid.tile_cols,
            cols * grid.tile_cols};
  area.rows = at_most(area.rows, args.m - area.row);
  area.cols = at_most(area.cols, args.n - area.col);
  return area;
}

void pair_product(const ProductArgs& args, const ProductPlan&, int64_t first, int64_t last) {
  if (first == last) return;
  const PairGrid grid = pair_grid(args);
  while (first < last) {
    const Area area = next_pair_area(args, grid, &first, last);
    run_pair_area(args, area);
    if (!args.finish) continue;
    args.finish->part(args.finish->context, area.row, area.rows, area.col, area.cols);
  }
}

ProductPlan pair_product_plan(const ProductArgs& args) {
  if (args.m == 0 || args.n == 0) return {};
  const PairGrid grid = pair_grid(args);
  return {grid.rows * grid.cols};
}

}  // namespace

void CHAINRULE_ENTRY(product)(KernelTable& table) {
  table.product_plan[static_cast<int>(DType::kBFloat16)] = pair_product_plan;
  table.product[static_cast<int>(DType::kBFloat16)] = pair_product;
}

}  // namespace chainrule::kernels
