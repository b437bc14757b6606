// How a product of given sizes and layouts is computed. Everything here is a rule of the arguments'
// sizes, leading dimensions and layouts: never of pointers, threads or time.
#pragma once

#include "kernels/cpu/product_micros.h"
#include "kernels/cpu/product_pack.h"
#include "kernels/kernel_table.h"

namespace chainrule::kernels {
namespace {

// The product with its sides named by their part in the micro-kernel: "vector" operands are read W
// numbers at a time, "scalar" operands one by one. rows x cols is C, or C transposed if `swapped`.
template <typename T>
struct Product {
  bool swapped;
  int64_t rows, cols, depth;
  const T* scalars;  // [rows, depth]
  int64_t scalars_step;
  bool scalars_by_k;  // stored [depth, rows]
  const T* vectors;   // [depth, cols]
  int64_t vectors_step;
  bool vectors_across;  // stored [cols, depth]: must be packed
};

// Cycles, in units of what W multiply-adds take on two ports, that one k costs in rows of either
// orientation: multiply-adds on padded columns, the transposition of an operand stored along k,
// and, swapped, of the result. Packing was measured at 0.3 cycles an element from the second-level
// cache where the multiply-adds of a row take 1/32, and at 0.5 in rows of ten: 150x3x10 takes
// 0.56 us swapped, 0.42 as it is.
template <typename T>
double cost(int64_t rows, int64_t cols, int64_t depth, bool across, bool swapped) {
  const double k = static_cast<double>(depth);
  const double pack = (0.3 + 2 / k) * 2 * kWidth<T>;
  double cycles = static_cast<double>(rows) * static_cast<double>(round_up(cols, kWidth<T>));
  if (across) cycles += pack * static_cast<double>(cols);
  if (swapped && rows > 1) {
    cycles += pack * static_cast<double>(rows) * static_cast<double>(cols) / k;
  }
  return cycles;
}

// Where both cost the same, C is better written once: forward of 512x1024x1024 takes 5 % longer
// swapped.
template <typename T>
bool better_swapped(const ProductArgs& args) {
  return cost<T>(args.n, args.m, args.k, !args.trans_a, true) <
         0.98 * cost<T>(args.m, args.n, args.k, args.trans_b, false);
}

template <typename T>
Product<T> orient(const ProductArgs& args, bool swapped) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  if (swapped) {  // C^T = B^T A^T
    return {true, args.n, args.m, args.k, b, args.ldb, !args.trans_b, a, args.lda, !args.trans_a};
  }
  return {false, args.m, args.n, args.k, a, args.lda, args.trans_a, b, args.ldb, args.trans_b};
}

template <typename T>
inline constexpr int64_t kPanel = kVectors * kWidth<T>;

// Whether vectors that could be read in place are packed, because their rows pay it back.
template <typename T>
bool worth_packing(const Product<T>& p) {
  const int64_t bytes = p.vectors_step * static_cast<int64_t>(sizeof(T));
  // Rows whole pages apart share their cache sets and their translation entries: 2048^3 in place
  // reached 70 %, packed 88 % of the peak. 2 MiB of them leave the second-level cache: packed, dX
  // of 64x1024x1024 is 1.5 to 1.8 times as fast, of 32x1024x1024 1.2 to 1.5 times.
  if (bytes % 4096 == 0) return p.rows >= (p.depth * bytes >= 2 << 20 ? 32 : 128);
  // Every other vector lies in two cache lines: dX of 512x500x500 gained 9 %.
  if (bytes % 64 != 0) return p.rows >= 128;
  // dX of 512x784x784 gains 4 %, 256^3 loses 5 %. Not both operands where one could stay: several
  // tiles would pack the vectors again.
  return p.rows >= 512 && !p.scalars_by_k;
}

// Splits n into `parts` of whole units; the last may be smaller.
inline int64_t part(int64_t n, int64_t parts, int64_t unit) {
  return round_up((n + parts - 1) / parts, unit);
}
inline int64_t parts_of(int64_t n, int64_t part) { return (n + part - 1) / part; }

// Raises `parts` towards `wanted` tiles of `others` each, none smaller than `least`.
inline void split(int64_t n, int64_t least, int64_t wanted, int64_t others, int64_t* parts) {
  if (*parts * others >= wanted) return;
  const int64_t more = at_most(parts_of(wanted, others), n / least);
  if (more > *parts) *parts = more;
}

// Below what the caches ask for, tiles are made for the threads. Between threads what is packed is
// packed once a tile, so they are few: two from half a MFLOP (2 to 5 us) each on, which then are
// the same rows of a weight in its product, its gradient and its update; up to four of 4 MFLOP, up
// to eight of 64 MFLOP. Sixteen at 512x1024x1024 lose 8 to 13 % of dW.
inline int64_t wanted_tiles(double work) {
  constexpr double kLeastTile = 1 << 19, kSmallTile = 4 << 20, kTile = 64 << 20;
  if (work < 2 * kSmallTile) return at_most(2, static_cast<int64_t>(work / kLeastTile));
  if (work < 4 * kTile) return at_most(4, static_cast<int64_t>(work / kSmallTile));
  return at_most(8, static_cast<int64_t>(work / kTile));
}

// Of a tile. Packed panels (kProductBlockK x kMostCols) of 2 MiB pass by from the third-level cache
// where the second holds 1 MiB, but the rows pass half as often as with tiles of 512 columns: on
// such a processor 2048^3 gained 1 to 2 %, in float64 3 to 4 %.
inline constexpr int64_t kMostRows = 512;
inline constexpr int64_t kFewRows = 2 * kRows;  // a packed panel is used while it is in L1
template <typename T>
inline constexpr int64_t kMostCols = (kVectorBytes == 64 ? 64 : 30) * kWidth<T>;

// Tiles are long along the side whose packing would be repeated. GF/s at 512^3 with blocks of 256,
// tiles 512x64, 256x128, 128x512, where the best is 184: forward 168, 177, 172; dW 124, 156, 184.
template <typename T>
ProductPlan plan_of(const Product<T>& p) {
  ProductPlan g;
  g.by_blocks = true;
  g.swapped = p.swapped;
  g.pack_vectors = p.vectors_across || worth_packing(p);
  g.pack_scalars = p.scalars_by_k && p.cols >= 4 * kPanel<T> && p.rows >= kRows;
  int64_t rows = parts_of(p.rows, kMostRows);
  int64_t cols = parts_of(p.cols, g.pack_vectors && p.rows <= kFewRows ? kPanel<T> : kMostCols<T>);
  const int64_t wanted = wanted_tiles(2.0 * static_cast<double>(p.rows) *
                                      static_cast<double>(p.cols) * static_cast<double>(p.depth));
  const int64_t least_rows = p.vectors_across ? 256 : g.pack_vectors ? 128 : 64;
  if (g.pack_scalars) split(p.rows, least_rows, wanted, cols, &rows);
  split(p.cols, 8 * kWidth<T>, wanted, rows, &cols);
  split(p.rows, least_rows, wanted, cols, &rows);
  split(p.cols, 2 * kWidth<T>, wanted, rows, &cols);
  g.tile_rows = part(p.rows, rows, kRows);
  g.tile_cols = part(p.cols, cols, kWidth<T>);
  g.rows = parts_of(p.rows, g.tile_rows);
  g.cols = parts_of(p.cols, g.tile_cols);
  g.tiles = g.rows * g.cols;
  return g;
}

// Whether vectors read in place are asked for ahead: too many to lie in the second-level cache from
// before. dX of 128x512x784 gains 14 to 21 % where W comes from the third, 4 % where it does not.
template <typename T>
bool asks(const Product<T>& p, const ProductPlan& grid) {
  return !grid.pack_vectors && !p.scalars_by_k &&
         p.cols * p.depth * static_cast<int64_t>(sizeof(T)) >= 256 << 10;
}

// Whether C transposed is collected aside and turned when it is done. n == 1: a row of C transposed
// is the column of C itself.
template <typename T>
bool collects(const Product<T>& p, const ProductArgs& args) {
  return p.swapped && args.ldc != 1;
}

// Rows x columns of a product: one or more tiles.
struct Area {
  int64_t row, rows, col, cols;
};

// The largest rectangle at the start of the tiles [first, last), which are numbered down the
// columns; `first` moves behind it. What is packed of a row or column serves the whole of it.
template <typename T>
Area next_area(const Product<T>& p, const ProductPlan& grid, bool collect, int64_t* first,
               int64_t last) {
  // 4 MiB of packed scalars may pass by from the third-level cache; what is collected of C may not.
  constexpr int64_t kManyRows = (4 << 20) / (kProductBlockK * static_cast<int64_t>(sizeof(T)));
  const int64_t left = last - *first;
  const int64_t col = grid.rows == 1 ? *first : *first / grid.rows, row = *first - col * grid.rows;
  int64_t rows = 1, cols = 1;
  if (grid.rows > 1) {
    const int64_t most = (collect ? kMostRows : kManyRows) / grid.tile_rows;
    rows = at_most(grid.rows - row, at_most(left, most));
  }
  // Columns come along: all of them where they share packed scalars, else up to a whole block.
  if (rows == grid.rows) {
    const bool all = grid.pack_scalars && !collect;
    cols = at_most(left / rows, all ? grid.cols : kMostCols<T> / grid.tile_cols);
  }
  *first += rows * cols;
  Area area{row * grid.tile_rows, rows * grid.tile_rows, col * grid.tile_cols,
            cols * grid.tile_cols};
  area.rows = at_most(area.rows, p.rows - area.row);
  area.cols = at_most(area.cols, p.cols - area.col);
  return area;
}

// How many of `left` columns the next micro-tile takes: as many vectors as it can, but never one
// after three where two and two do (a single vector reaches 75 to 85 % of the peak). Vectors read
// in place must not reach behind the last column: the rest that fills no vector is left for a
// micro-tile of its own, which masks its loads or reads a packed copy.
template <typename T>
int64_t next_cols(const ProductPlan& grid, int64_t left) {
  constexpr int64_t kW = kWidth<T>;
  const int64_t vectors = grid.pack_vectors || left < kW ? parts_of(left, kW) : left / kW;
  const int64_t now = vectors == 4 ? 2 : at_most(vectors, kVectors);
  return at_most(now * kW, left);
}

}  // namespace
}  // namespace chainrule::kernels
