// The one driver of reductions: brings any set of dimensions to the kernels' [outer, n, inner] and
// splits the work over threads. Which additions are made in which order follows from the logical
// shape and the reduced dimensions alone, never from strides or threads.
#pragma once

#include "kernels/kernel_table.h"
#include "ops/op.h"

namespace chainrule {

// The reduced dimensions, ascending and in range; none given (or an empty list) means all.
Dims reduced_dims(const char* op, const OptDims& dim, int rank);
Dims reduced_dims(const char* op, int64_t dim, int rank);
// The result's sizes; reduced dimensions stay as 1 with keepdim.
Dims reduced_sizes(const Dims& sizes, const Dims& dims, bool keepdim);
// IndexError when a reduced dimension is empty: an extreme of nothing has no value.
void check_not_empty(const char* op, const Dims& sizes, const Dims& dims);

struct ReducePlan {
  int64_t outer = 1, n = 1, inner = 1;
  Dims order;         // of x's dimensions in the dense block
  bool copy = false;  // x is not dense in that order

  ReducePlan(const Tensor& x, const Dims& dims);
  int64_t copy_bytes(const Tensor& x) const;
  int64_t partial_bytes() const;  // of the partial results of a split reduction
  int64_t scratch_bytes(const Tensor& x) const { return copy_bytes(x) + partial_bytes(); }
  // x as a dense [outer, n, inner] block, copied to scratch if need be.
  const void* dense(const Tensor& x, void* scratch) const;
};

// out <- x reduced over dims with slot `op`; `scratch` holds plan.scratch_bytes(x).
void run_reduce(kernels::Reduce op, const Tensor& out, const Tensor& x, const Dims& dims,
                void* scratch);
// The same as a launch; false where x has to be copied or the reduction split.
bool prepare_reduce(kernels::Reduce op, const Run& run, const Dims& dims, Launch& launch);
// The same on a dense block; `partials` holds plan.partial_bytes().
void reduce_block(kernels::Reduce op, DType dtype, const ReducePlan& plan, void* out,
                  DType out_dtype, const void* in, void* partials);
// fn(first, last) over ranges of `outer`, in parallel; `row` elements belong to each.
template <typename F>
void for_outer(int64_t outer, int64_t row, F&& fn);
template <typename F>
void for_outer(const ReducePlan& plan, F&& fn);

// dy of a reduction back at the input's sizes (an expanded view).
Tensor expand_reduced(const Tensor& dy, const Dims& sizes, const Dims& dims);

}  // namespace chainrule

#include "core/threads.h"

namespace chainrule {

template <typename F>
void for_outer(int64_t outer, int64_t row, F&& fn) {
  constexpr int64_t kTile = 1 << 14;  // elements of one task
  if (row == 0) row = 1;
  const int64_t per_tile = row < kTile ? kTile / row : 1;
  const int64_t work = outer * row;
  LongWork release(work);
  parallel_for((outer + per_tile - 1) / per_tile, work, [&](int64_t t) {
    const int64_t end = (t + 1) * per_tile;
    fn(t * per_tile, end < outer ? end : outer);
  });
}
template <typename F>
void for_outer(const ReducePlan& plan, F&& fn) {
  for_outer(plan.outer, plan.n * plan.inner, fn);
}

}  // namespace chainrule
