// Windows on planes: columns for convolutions (cpu/columns.cpp), and pooling (cpu/*_pool.cpp).
#pragma once

#include <cstdint>

namespace chainrule::kernels {

// A window of kernel_h x kernel_w places, dilation apart, goes over planes of height x width; the
// position (y, x) starts at (y * stride_h - top, x * stride_w - left). Places outside the plane
// count as zeros.
struct Windows {
  int64_t height, width;
  int64_t kernel_h, kernel_w;
  int64_t stride_h, stride_w;
  int64_t top, left;
  int64_t dilation_h, dilation_w;
  int64_t out_w;  // positions in a row of positions
};

// Columns: number p of row r is what place (r / kernel_w % kernel_h, r % kernel_w) of position p
// shows of plane r / (kernel_h * kernel_w). Rows [row, row + rows) and positions [first, last); the
// first of them is columns[0], rows are `ld` elements apart.
struct Columns {
  int64_t row, rows;
  int64_t first, last;
  void* data;
  int64_t ld;
};
// Reads planes into columns.
using ColumnsFn = void (*)(const Windows& w, const Columns& columns, const void* planes);
// Adds columns to the planes, place by place in ascending order of rows, then of positions.
using AddColumnsFn = void (*)(const Windows& w, const Columns& columns, void* planes);

// out[r, c] = in[r, c] (+ bias[r]) for rows at distances; `in` may be `out`.
struct ShiftRows {
  int64_t rows, cols;
  void* out;
  int64_t out_step;
  const void* in;
  int64_t in_step;
  const void* bias;  // a value a row, or null
};
using ShiftRowsFn = void (*)(const ShiftRows& args);

// One side of pooling windows: window o shows the places begin[o], begin[o] + step, ... below
// end[o], all inside the plane; of a dilated window there may be none. Where `stride` is not 0 they
// are the places o * stride - before + j * step for j < kernel, as far as they are inside.
struct PoolSide {
  int64_t size, windows;
  const int64_t *begin, *end;
  const int64_t* count;  // what the sum of a window is divided by, times the other side's
  int64_t step = 1;
  int64_t stride = 0, before = 0, kernel = 0;
};
struct Pool {
  PoolSide rows, cols;
  int64_t plane() const { return rows.size * cols.size; }
  int64_t positions() const { return rows.windows * cols.windows; }
};
// Of planes [begin, end). The largest value of each window and its place in the plane: the first of
// equals, the last NaN if there is one.
using MaxPoolFn = void (*)(const Pool& pool, int64_t begin, int64_t end, const void* planes,
                           void* out, int64_t* places);
// dx = 0, then dx[places[p]] += dy[p] in ascending order; places outside are skipped.
using MaxPoolBackwardFn = void (*)(const Pool& pool, int64_t begin, int64_t end, const void* dy,
                                   const int64_t* places, void* dx);
// Sums of windows, divided; and the gradient of that.
using AvgPoolFn = void (*)(const Pool& pool, int64_t begin, int64_t end, const void* in, void* out);

}  // namespace chainrule::kernels
