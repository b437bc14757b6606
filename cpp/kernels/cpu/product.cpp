// The matrix products of float32 and float64. An element of C is, for each block of kProductBlockK
// along k in ascending order, a sum from zero in ascending k with one accumulator, added to the
// blocks before; the bias comes last. That holds for every orientation, tile and path below, so
// results depend neither on them nor on threads; on x86-64-v3 and v4 they are even the same
// numbers.
#include "core/workspace.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/product_plan.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kRowGroup = 3 * kRows;           // whole micro-tiles of any number of vectors
constexpr int64_t kScalarGroup = 2 * kRows;        // rows of a packed panel of scalars
constexpr int64_t kPackedRows = 4 * kScalarGroup;  // packed together, just before they are used

// Columns of one or more tiles and the rows that share what is packed of them.
template <typename T>
struct Block {
  const Product<T>& product;
  const ProductPlan& grid;
  Area area{};
  T* c = nullptr;  // of the block's first element; C itself, or where C transposed is collected
  int64_t c_step = 0;
  const T* bias = nullptr;      // of the block's first column
  T* packed_vectors = nullptr;  // of a block of k: column j's panel depth * j behind the first
  T* packed_scalars = nullptr;  // the same for groups of kScalarGroup rows
  bool keep_scalars = false;    // of all rows, for the next columns; else of those in use
  bool scalars_are_packed = false;
  T* sums = nullptr;  // over k of all rows' scalars or, swapped, of all columns' vectors; or null
  const ProductFinish* finish = nullptr;  // of rows of C as they are computed

  T* scalars_of(int64_t i, int64_t depth) const {
    return packed_scalars + (keep_scalars ? i : i % kPackedRows) * depth;
  }
};

template <typename T>
void pack(bool across, T* out, int64_t width, const T* in, int64_t step, int64_t count, int64_t at,
          int64_t k, int64_t depth) {
  if (across) {
    pack_across(out, width, in + at * step + k, step, count, depth);
  } else {
    pack_along(out, width, in + k * step + at, step, count, depth);
  }
}

// The columns behind the last full vector, where B is read in place and masks are not free: they
// are packed, padded to one vector, since a full load would end behind the operand's last row.
template <typename T>
int64_t packed_rest(const ProductPlan& grid, int64_t cols) {
  return kFreeMasks || grid.pack_vectors ? 0 : cols % kWidth<T>;
}

// The panel that starts at the tile's column j: where its rows lie, and how far apart.
template <typename T>
void point_to_vectors(const Block<T>& t, MicroTile<T>& micro, int64_t j, int64_t cols, int64_t k) {
  if (t.grid.pack_vectors) {
    micro.b = t.packed_vectors + j * micro.depth;
    micro.b_step = round_up(cols, kWidth<T>);
  } else if (!kFreeMasks && cols < kWidth<T>) {
    micro.b = t.packed_vectors;
    micro.b_step = kWidth<T>;
  } else {
    micro.b = t.product.vectors + k * t.product.vectors_step + t.area.col + j;
    micro.b_step = t.product.vectors_step;
  }
}

// Where scalars are read by k: sums of rows come along with the first columns, those of columns
// with the first rows.
template <typename T>
void run_columns_of_a(const Block<T>& t, MicroTile<T>& micro, int64_t i, int64_t rows, int64_t j,
                      int64_t cols, const T* a, const T* ask) {
  T* c = t.c + i * t.c_step + j;
  if (t.sums && !t.product.swapped && t.area.col + j == 0) {
    micro.sums = t.sums + t.area.row + i;
    return micro_rows<T, true, Sums::kOfA>(micro, rows, cols, a, c, ask);
  }
  if (t.sums && t.product.swapped && t.area.row + i == 0) {
    micro.sums = t.sums + t.area.col + j;
    const int vectors = static_cast<int>(parts_of(cols, kWidth<T>));
    const int64_t first = at_most(rows, most_rows(vectors, Sums::kOfB));
    micro_rows<T, true, Sums::kOfB>(micro, first, cols, a, c, ask);
    a += first;
    c += first * micro.c_step;
    rows -= first;
  }
  micro_rows<T, true>(micro, rows, cols, a, c, ask);
}

// Rows [i, i + rows) of the panel of micro.b, which starts at the block's column j.
template <typename T>
void run_rows(const Block<T>& t, MicroTile<T>& micro, int64_t i, int64_t rows, int64_t j,
              int64_t cols, int64_t k, const T* ask) {
  const Product<T>& p = t.product;
  const int64_t row = t.area.row + i;
  micro.a_step = t.grid.pack_scalars ? kScalarGroup : p.scalars_step;
  if (t.grid.pack_scalars) {
    run_columns_of_a(t, micro, i, rows, j, cols, t.scalars_of(i, micro.depth), ask);
  } else if (p.scalars_by_k) {
    run_columns_of_a(t, micro, i, rows, j, cols, p.scalars + k * p.scalars_step + row, ask);
  } else {
    micro_rows<T, false>(micro, rows, cols, p.scalars + row * p.scalars_step + k,
                         t.c + i * t.c_step + j, ask);
  }
}

// The block's columns [j, j + cols), where they are read packed.
template <typename T>
void pack_panel(const Block<T>& t, int64_t j, int64_t cols, int64_t k, int64_t depth) {
  const Product<T>& p = t.product;
  if (t.grid.pack_vectors) {
    pack(p.vectors_across, t.packed_vectors + j * depth, round_up(cols, kWidth<T>), p.vectors,
         p.vectors_step, cols, t.area.col + j, k, depth);
  } else if (cols == packed_rest<T>(t.grid, t.area.cols)) {
    pack(false, t.packed_vectors, kWidth<T>, p.vectors, p.vectors_step, cols, t.area.col + j, k,
         depth);
  }
}

// A single panel passes by once: then only what follows on the finished rows wants them in L1.
template <typename T>
int64_t rows_at_once(const ProductPlan& grid, int64_t cols) {
  constexpr int64_t kStrip = (16 << 10) / static_cast<int64_t>(sizeof(T));
  return next_cols<T>(grid, cols) == cols ? kStrip / (cols * kRowGroup) * kRowGroup : kRowGroup;
}

template <typename T>
void run_block(const Block<T>& t, int64_t k, int64_t depth) {
  const Product<T>& p = t.product;
  MicroTile<T> micro;
  micro.depth = depth;
  micro.c_step = t.c_step;
  micro.add = k > 0;
  const bool last = k + depth == p.depth;
  const bool ask = asks<T>(p, t.grid);
  // A few rows of scalars stay in L1 while the panels, in L2, pass by. Where the panels have to be
  // fetched the groups are larger: each micro-tile of the first asks for a part of the next panel.
  const int64_t step = t.grid.pack_scalars ? kScalarGroup : rows_at_once<T>(t.grid, t.area.cols);
  const int64_t group = ask ? kPackedRows : step;
  for (int64_t first = 0; first < t.area.rows; first += group) {
    const int64_t end = at_most(first + group, t.area.rows);
    if (t.grid.pack_scalars && !t.scalars_are_packed && first % kPackedRows == 0) {
      pack(false, t.scalars_of(first, depth), kScalarGroup, p.scalars, p.scalars_step,
           at_most(kPackedRows, t.area.rows - first), t.area.row + first, k, depth);
    }
    for (int64_t j = 0, cols; j < t.area.cols; j += cols) {
      cols = next_cols<T>(t.grid, t.area.cols - j);
      if (first == 0) pack_panel(t, j, cols, k, depth);
      point_to_vectors(t, micro, j, cols, k);
      micro.bias = last && t.bias ? t.bias + j : nullptr;
      micro.ask_rows = ask && first == 0 && j + cols < t.area.cols
                           ? at_most(depth / kUnroll, parts_of(depth, micro_tiles(end)))
                           : 0;
      for (int64_t i = first; i < end; i += step) {
        run_rows(t, micro, i, at_most(step, end - i), j, cols, k,
                 micro.b + cols + micro_tiles(i) * micro.ask_rows * micro.b_step);
      }
    }
    if (last && t.finish) {
      t.finish->part(t.finish->context, t.area.row + first, end - first, t.area.col, t.area.cols);
    }
  }
}

// What was collected goes to its place, some rows at a time.
template <typename T>
void store_collected(const ProductArgs& args, const Area& area, const T* collected, int64_t step) {
  constexpr int64_t kPart = 64;
  const T* bias = args.bias ? static_cast<const T*>(args.bias) + area.row : nullptr;
  T* const c = static_cast<T*>(args.c) + area.col * args.ldc + area.row;
  const int64_t part = args.finish ? kPart : area.cols;
  for (int64_t i = 0; i < area.cols; i += part) {
    const int64_t rows = at_most(part, area.cols - i);
    store_transposed(c + i * args.ldc, args.ldc, collected + i, step, rows, area.rows, bias);
    if (!args.finish) continue;
    args.finish->part(args.finish->context, area.col + i, rows, area.row, area.rows);
  }
}

// All blocks of k, and in each the columns one block after the other: so every number is packed
// once.
template <typename T>
void run_area(const ProductArgs& args, const Product<T>& p, const ProductPlan& grid,
              const Area& area) {
  Block<T> t{.product = p, .grid = grid, .area = area};
  // Half of the columns that a tile may have loses nothing and leaves room in the cache.
  const int64_t block_cols =
      area.cols <= kMostCols<T> / 2
          ? area.cols
          : at_most(parts_of(kMostCols<T> / 2, grid.tile_cols) * grid.tile_cols, area.cols);
  const int64_t packed_cols = grid.pack_vectors ? block_cols : packed_rest<T>(grid, area.cols);
  const int64_t vectors = kProductBlockK * round_up(packed_cols, kWidth<T>);
  t.keep_scalars = area.cols > block_cols;
  const int64_t packed_rows = t.keep_scalars ? round_up(area.rows, kScalarGroup) : kPackedRows;
  const int64_t scalars = grid.pack_scalars ? kProductBlockK * packed_rows : 0;
  const bool collect = collects(p, args);
  t.finish = p.swapped ? nullptr : args.finish;
  t.sums = static_cast<T*>(args.a_sums);
  const int64_t collected = collect ? area.rows * round_up(area.cols, kWidth<T>) : 0;
  if (const int64_t all = vectors + scalars + collected) {
    t.packed_vectors = static_cast<T*>(thread_workspace(all * static_cast<int64_t>(sizeof(T))));
    t.packed_scalars = t.packed_vectors + vectors;
  }
  T* const c = static_cast<T*>(args.c);
  const T* const bias = static_cast<const T*>(args.bias);
  t.c_step = collect ? round_up(area.cols, kWidth<T>) : args.ldc;
  int64_t k = 0;
  do {  // once for k == 0 too: sums of nothing, and the bias
    const int64_t depth = at_most(kProductBlockK, p.depth - k);
    for (int64_t col = 0; col < area.cols; col += block_cols) {
      t.area.col = area.col + col;
      t.area.cols = at_most(block_cols, area.cols - col);
      t.c = collect     ? t.packed_scalars + scalars + col
            : p.swapped ? c + t.area.col
                        : c + area.row * args.ldc + t.area.col;
      t.bias = bias && !p.swapped ? bias + t.area.col : nullptr;
      t.scalars_are_packed = col > 0;
      run_block(t, k, depth);
    }
    k += kProductBlockK;
  } while (k < p.depth);
  if (collect) return store_collected(args, area, t.packed_scalars + scalars, t.c_step);
  if (!p.swapped) return;
  for (int64_t j = 0; bias && j < area.cols; ++j) c[area.col + j] += bias[0];
  if (args.finish) args.finish->part(args.finish->context, area.col, area.cols, 0, 1);
}

template <typename T>
void product(const ProductArgs& args, const ProductPlan& plan, int64_t first, int64_t last) {
  const Product<T> p = orient<T>(args, plan.swapped);
  if (plan.tiles == 1) return run_area(args, p, plan, {0, p.rows, 0, p.cols});
  while (first < last) run_area(args, p, plan, next_area(p, plan, collects(p, args), &first, last));
}

template <typename T>
ProductPlan product_plan(const ProductArgs& args) {
  if (args.m == 0 || args.n == 0) return {};
  return plan_of(orient<T>(args, better_swapped<T>(args)));
}

}  // namespace

void CHAINRULE_ENTRY(product)(KernelTable& table) {
  constexpr int kFloat = static_cast<int>(DType::kFloat32);
  constexpr int kDouble = static_cast<int>(DType::kFloat64);
  table.product_plan[kFloat] = product_plan<float>;
  table.product_plan[kDouble] = product_plan<double>;
  table.product[kFloat] = product<float>;
  table.product[kDouble] = product<double>;
}

}  // namespace chainrule::kernels
