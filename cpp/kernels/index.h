// Kernels that move elements to and from places given by int64 indices (common/index.cpp), and sort
// rows (common/sort.cpp). Moves are generic by item size. Indices are checked before anything
// moves: a bad one is never followed, its position is returned (-1 for none).
//
// Writes happen in ascending order of the index's elements, so repeated places get the same result
// in every run: the last value, or the sum in that order.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"

namespace chainrule::kernels {

// The first i whose index is outside [wrap ? -size : 0, size).
int64_t first_bad_index(int64_t n, const int64_t* index, int64_t size, bool wrap);

// offsets[i] += stride * index[i], a negative index counting from `size`. Indices are checked
// already.
void add_offsets(int64_t n, const int64_t* index, int64_t size, int64_t stride, int64_t* offsets);

// A tensor seen as [before..., place, after...], where `place` is one of `places` offsets, against
// a dense block [before, places, after]. Strides belong to the tensor and count elements.
struct IndexedBlock {
  int64_t item = 0;  // bytes
  void* tensor = nullptr;
  void* dense = nullptr;
  const int64_t* offsets = nullptr;
  int64_t places = 0;
  int before_dims = 0, after_dims = 0;
  int64_t before_sizes[kMaxDims], before_strides[kMaxDims];
  int64_t after_sizes[kMaxDims], after_strides[kMaxDims];
  int64_t before = 1, after = 1;  // products of the sizes
  int64_t dense_row = 1;          // elements between two places of `dense`: at least `after`
};
// dense <- tensor, for rows [begin, end) of the before * places rows.
void indexed_read(const IndexedBlock& block, int64_t begin, int64_t end);
// tensor <- dense, for `before` blocks [begin, end).
void indexed_write(const IndexedBlock& block, int64_t begin, int64_t end);
// tensor += dense, likewise. On bool: or.
void indexed_add(DType t, const IndexedBlock& block, int64_t begin, int64_t end);

// Element by element along one dimension: the element at i of the index's (dense) shape meets the
// one of `tensor` whose coordinate along `dim` is index[i] and whose others are i's. A negative
// index[i] counts from `size`.
struct IndexedElements {
  int64_t item = 0;
  int dims = 0, dim = 0;
  int64_t size = 0;         // of `tensor` along dim
  int64_t sizes[kMaxDims];  // of the index
  const int64_t* index = nullptr;
  void* tensor = nullptr;
  int64_t strides[kMaxDims];
  void* other = nullptr;  // what is read to or written from
  int64_t other_strides[kMaxDims];
};
// Rows [begin, end) of the index, a row being its last dimension.
void elements_read(const IndexedElements& e, int64_t begin, int64_t end);
void elements_write(const IndexedElements& e, int64_t begin, int64_t end);
void elements_add(DType t, const IndexedElements& e, int64_t begin, int64_t end);

// How many elements are not zero (NaN counts), and the flat positions of the first `total` of them.
int64_t count_nonzero(DType t, int64_t n, const void* in);
void nonzero_positions(DType t, int64_t n, const void* in, int64_t total, int64_t* out);
// The coordinates of flat positions along every dimension, as rows of `dims` values.
void unravel(int64_t n, const int64_t* positions, int dims, const int64_t* sizes, int64_t* out);

// Rows [begin, end) of [rows, cols]: the part on or below the diagonal (upper: on or above), else
// 0.
struct Triangle {
  int64_t item = 0;
  int64_t rows = 0, cols = 0;  // of one matrix
  int64_t diagonal = 0;
  bool upper = false;
  const void* in = nullptr;  // dense, any number of matrices
  void* out = nullptr;
};
void triangle(const Triangle& triangle, int64_t begin, int64_t end);

// Sorting rows of a dense [rows, n] input; stable, NaN counts as the largest value, -0 equals 0.
struct SortedRows {
  DType t;
  int64_t n = 0, k = 0;  // the first k of each sorted row are written
  bool descending = false;
  const void* in = nullptr;
  void* values = nullptr;      // [rows, k]
  int64_t* indices = nullptr;  // [rows, k]
};
int64_t sort_scratch_bytes(int64_t n);
void sort_rows(const SortedRows& rows, int64_t begin, int64_t end, void* scratch);

// Runs of equal elements in a sorted row: how many, and where each starts and which run element i
// is in. NaNs differ from each other.
int64_t count_runs(DType t, int64_t n, const void* sorted);
void find_runs(DType t, int64_t n, const void* sorted, int64_t* starts, int64_t* run_of);

}  // namespace chainrule::kernels
