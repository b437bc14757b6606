// The kernel slots and their signatures: HOW an operation runs, as raw pointers and sizes. A table
// is filled once per instruction set (cpu/), with the integer, bool and indexing kernels shared by
// all of them (common/), and once with naive loops (reference/) that are oracle and fallback.
//
// Contract of every kernel: an element's result depends on its operands alone, never on its
// position, alignment, stride, neighbours or the number of threads. No Tensor, no allocation, no
// exceptions; a product alone asks for the workspace of its thread (core/workspace.h), whose growth
// may end in OutOfMemory before anything is computed.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"
#include "kernels/blocking.h"
#include "kernels/create.h"
#include "kernels/index.h"
#include "kernels/kernel_list.h"
#include "kernels/labels.h"
#include "kernels/nll.h"
#include "kernels/recurrence.h"
#include "kernels/windows.h"

namespace chainrule::kernels {

// ---- Elementwise: one-dimensional. in[i] steps by strides[i] elements (0 repeats one value), the
// output is dense. `params` are the scalars a functor names (slope, limits, ...).
using ElementwiseFn = void (*)(int64_t n, void* out, const void* const* in, const int64_t* strides,
                               const double* params);

enum class Map : int {
#define CHAINRULE_SLOT(name, arity) name,
  CHAINRULE_FLOAT_MAPS(CHAINRULE_SLOT) CHAINRULE_NUMBER_MAPS(CHAINRULE_SLOT)
      CHAINRULE_INTEGER_MAPS(CHAINRULE_SLOT) CHAINRULE_PREDICATE_MAPS(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
          kCount
};
inline constexpr int kMapCount = static_cast<int>(Map::kCount);

// ---- Copies between any two strided layouts of one item size; never overlapping
// (common/copy.cpp).
struct StridedCopy {
  int dims = 0;
  int64_t item = 0;  // bytes
  void* out = nullptr;
  const void* in = nullptr;
  int64_t sizes[kMaxDims];
  int64_t out_strides[kMaxDims];  // in elements
  int64_t in_strides[kMaxDims];
};
void copy_strided(const StridedCopy& copy);

// ---- Reductions over a dense input read as [outer, n, inner], giving [outer, inner]. The tree is
// a function of n (and of inner == 1) alone: see reduce.h of each implementation.
using ReduceFn = void (*)(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner,
                          void* out, const void* in);
// Values and the index of the first extreme; NaN wins and its first index is reported.
using ReduceIndexFn = void (*)(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner,
                               void* values, int64_t* indices, const void* in);
// Cumulative forms keep the input's shape.
using ScanFn = ReduceFn;

enum class Reduce : int {
#define CHAINRULE_SLOT(name) name,
  CHAINRULE_REDUCTIONS(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
      kCount
};
inline constexpr int kReduceCount = static_cast<int>(Reduce::kCount);

// ---- Products: C[m, n] = A[m, k] * B[k, n] (+ bias[n]), row-major C with leading dimension ldc.
// trans_a: A is stored [k, m] with leading dimension lda; trans_b: B is stored [n, k].
// How that is done is planned first, by a rule of the sizes, leading dimensions, layouts, dtype and
// instruction set, never of pointers, threads or time; a plan may be kept. Each of its tiles is its
// own part of C. A call writes the tiles [first, last) and nothing else; one call for many tiles
// reorders what they share only once.
//
// `finish` is called for every part of C as soon as it has its final values and is in the cache: a
// product of several calls finishes each part once.
struct ProductFinish {
  void (*part)(const void* context, int64_t row, int64_t rows, int64_t col, int64_t cols);
  const void* context;
};
struct ProductArgs {
  int64_t m, n, k;
  const void* a;
  int64_t lda;
  bool trans_a;
  const void* b;
  int64_t ldb;
  bool trans_b;
  void* c;
  int64_t ldc;
  const void* bias;  // n values added after the last k-block; null for none
  // Of bfloat16 alone: B is float32 and rounded as it is read; C is float32 and not rounded.
  bool wide_b = false, wide_c = false;
  // Of float32 and float64, where A is stored [k, m] and B [k, n]: m >= 2 values, the sums of A's
  // rows over k, where products are `by_blocks` to the bit as the reduction makes them; null for
  // none.
  void* a_sums = nullptr;
  const ProductFinish* finish = nullptr;
};
struct ProductPlan {
  int64_t tiles = 0;
  // Of the float kernels alone, see cpu/product_plan.h.
  bool swapped = false, pack_scalars = false, pack_vectors = false;
  // Products of blocks of kProductBlockK, added up in ascending order, are the result to the bit:
  // so a caller may have them made apart.
  bool by_blocks = false;
  int64_t tile_rows = 0, tile_cols = 0;
  int64_t rows = 0, cols = 0;  // of tiles
};
using ProductPlanFn = ProductPlan (*)(const ProductArgs& args);
using ProductFn = void (*)(const ProductArgs& args, const ProductPlan& plan, int64_t first,
                           int64_t last);

// ---- Row-local kernels take a range of rows of a dense [rows, cols] matrix.
using RowFn = void (*)(int64_t row_begin, int64_t row_end, int64_t cols, void* out, const void* in);
// dx from dy and the saved output y.
using RowBackwardFn = void (*)(int64_t row_begin, int64_t row_end, int64_t cols, void* dx,
                               const void* dy, const void* y);
// Cross-entropy with integer targets on logits: per row the loss (unweighted by the reduction) and
// its gradient by the row's logits. target < 0 || >= cols other than ignore_index: a bad row.
struct CrossEntropyArgs {
  int64_t cols;
  const void* logits;
  const int64_t* target;
  const void* weight;  // cols values or null
  int64_t ignore_index;
  double label_smoothing;
  void* loss;   // [rows]; 0 where ignored or bad
  void* slope;  // [rows, cols] or null: the gradient of `loss`, 0 where ignored or bad
  void* scale;  // [rows]: weight[target], 0 where ignored (what a mean divides by)
};
// Returns the first bad row in [row_begin, row_end) or -1.
using CrossEntropyFn = int64_t (*)(const CrossEntropyArgs& args, int64_t row_begin,
                                   int64_t row_end);
// dlogits = dy / divisor * slope; a row whose dy is 0 or that is ignored gets zeros.
struct CrossEntropyBackwardArgs {
  int64_t cols;
  const void* slope;
  const int64_t* target;
  int64_t ignore_index;
  const void* dy;  // [rows], or one value with stride 0
  int64_t dy_stride;
  const void* divisor;  // one value
  void* dlogits;        // [rows, cols]
};
using CrossEntropyBackwardFn = void (*)(const CrossEntropyBackwardArgs& args, int64_t row_begin,
                                        int64_t row_end);

// Normalisation of the rows of a dense matrix, or of its columns: y = (x - mean) / sqrt(var + eps)
// * weight + bias, var the mean of the squared distances from the mean. With `center` false the
// mean is taken for 0, as in RMSNorm. A call does the rows, or columns, [begin, end).
//
// Weight and bias are of a channel. Along a row a channel is `span` elements; a row has cols / span
// channels, and the `groups` rows of a sample have all of the sample's. Columns are one each, of
// which kernels take kNormalizeBand side by side.
inline constexpr int64_t kNormalizeBand = 64;
struct NormalizeArgs {
  int64_t rows, cols, groups, span;
  const void* x;
  const void *weight, *bias;  // groups * cols / span values or null
  double eps;
  bool center;
  void* y;
  void *mean, *var, *rstd;  // one value a row, or column; rstd = 1 / sqrt(var + eps)
};
using NormalizeFn = void (*)(const NormalizeArgs& args, int64_t begin, int64_t end);
struct NormalizeBackwardArgs {
  int64_t rows, cols, groups, span;
  const void *dy, *x, *mean, *rstd;
  const void* weight;  // groups * cols / span values or null
  bool center;
  void* out;  // dx, or dweight
};
// dx of a range of rows, or columns. One without an incoming gradient gets none, whatever is in it.
using NormalizeBackwardFn = void (*)(const NormalizeBackwardArgs& args, int64_t begin, int64_t end);
// dweight of a range of channels, dy (x - mean) rstd summed over the samples.
using NormalizeWeightFn = void (*)(const NormalizeBackwardArgs& args, int64_t begin, int64_t end);

// ---- Random numbers: Philox4x32-10, key = seed, counter = (offset, element / 4 or / 2).
// Elements [begin, end) of the call's logical index; state = {seed, offset}.
using RandomFn = void (*)(int64_t begin, int64_t end, const int64_t* state, void* out);
// out = keep ? x * scale : 0 with P(keep) = 1 - p; params = {p, scale}. `x` is dense.
using DropoutFn = void (*)(int64_t begin, int64_t end, const int64_t* state, void* out,
                           const void* x, const double* params);

// ---- Optimisers: one step of a rule (kernels/updates) for a flat block of a parameter.
struct UpdateArgs {
  int64_t n;
  void* w;
  const void* g;
  void* const* states;    // blocks of those that the variant has, in the op's order
  const double* hyper;    // as the op documents it
  const double* derived;  // what the op makes of hyper and the steps taken, once a step: a power
                          // costs as much as a hundred elements
  int variant;
  bool maximize, decoupled;  // weight decay by shrinking the weight
};
using UpdateFn = void (*)(const UpdateArgs& args);
enum class Update : int {
#define CHAINRULE_SLOT(name, rule) name,
  CHAINRULE_UPDATES(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
      kCount
};
inline constexpr int kUpdateCount = static_cast<int>(Update::kCount);

inline constexpr int kFloatTypes =
    3;  // bfloat16, float32, float64; bfloat16 is null in most: call() widens
constexpr int float_index(DType t) {
  return static_cast<int>(t) - static_cast<int>(DType::kBFloat16);
}

struct KernelTable {
  const char* isa;
  ElementwiseFn map[kMapCount]
                   [kDTypeCount];  // null where the op has no meaning for the input dtype
  ElementwiseFn cast[kDTypeCount][kDTypeCount];  // [from][to]
  // in = {uint8, dense; float32, one factor}: cast, then mul in one pass, for images. May be null.
  ElementwiseFn scale_bytes;
  ElementwiseFn where[kDTypeCount];            // in = {condition (bool), a, b}
  ReduceFn reduce[kReduceCount][kDTypeCount];  // any, all: out is bool; sum of ints: out is int64
  ReduceIndexFn max[kDTypeCount];
  ReduceIndexFn min[kDTypeCount];
  ScanFn cumsum[kDTypeCount];
  ProductPlanFn product_plan[kDTypeCount];
  ProductFn product[kDTypeCount];
  RowFn softmax[kFloatTypes];
  RowFn log_softmax[kFloatTypes];
  RowBackwardFn softmax_backward[kFloatTypes];
  RowBackwardFn log_softmax_backward[kFloatTypes];
  CrossEntropyFn cross_entropy[kFloatTypes];
  CrossEntropyBackwardFn cross_entropy_backward[kFloatTypes];
  // [0] of rows, [1] of columns
  NormalizeFn normalize[2][kFloatTypes];
  NormalizeBackwardFn normalize_backward[2][kFloatTypes];
  NormalizeWeightFn normalize_weight[2][kFloatTypes];
  ColumnsFn columns[kFloatTypes];
  AddColumnsFn add_columns[kFloatTypes];
  ShiftRowsFn shift_rows[kFloatTypes];
  MaxPoolFn max_pool[kFloatTypes];
  MaxPoolBackwardFn max_pool_backward[kFloatTypes];
  AvgPoolFn avg_pool[kFloatTypes];
  AvgPoolFn avg_pool_backward[kFloatTypes];
  RecurrenceFn recurrence[kRecurrences][kFloatTypes];
  RecurrenceBackwardFn recurrence_backward[kRecurrences][kFloatTypes];
  RandomFn uniform[kFloatTypes];  // [0, 1)
  RandomFn normal[kFloatTypes];   // mean 0, variance 1
  RandomFn random_bits;           // uint64 per element
  DropoutFn dropout[kFloatTypes];
  UpdateFn update[kUpdateCount][kFloatTypes];
};

// The table in use; chosen once from the CPU and CHAINRULE_ISA, switchable by tests.
const KernelTable& table();
// "reference", "v2", "v3", "v4", "generic"; ValueError lists what this build and CPU have.
void select_isa(const char* name);
const char* available_isas();  // comma-separated

}  // namespace chainrule::kernels
