// What the pooling operations share: windows along the sides of planes, and how planes are split
// among threads.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "kernels/dispatch.h"
#include "ops/sides.h"

namespace chainrule::ops {

// Windows along one side as pooling at a stride has them; sizes below 2^31.
struct Stride {
  int64_t size, kernel, stride, padding, dilation;
  bool ceil_mode;
  int64_t windows() const;
};
// The numbers of a call, checked: two each, a plane of at least one element, a kernel that fits.
struct Strides {
  Stride rows, cols;
};
Strides checked_strides(const Call& c, const Dims& size, const Dims& kernel, const Dims& stride,
                        const Dims& padding, const Dims& dilation, bool ceil_mode);

// The last two sizes of a dense (N, C, H, W), both at least 1.
Dims plane_of(const Call& c, const Tensor& x);
// What padding a kernel may have.
constexpr int64_t most_padding(int64_t kernel) { return kernel / 2; }

// Bytes for the windows' limits.
int64_t pool_scratch(int64_t rows, int64_t cols);

// Takes its memory from `scratch`, which moves on.
kernels::PoolSide strided_side(const Stride& s, bool include_padding, int64_t*& scratch);
kernels::PoolSide adaptive_side(int64_t size, int64_t windows, int64_t*& scratch);

template <typename F>
void for_planes(const kernels::Pool& pool, int64_t planes, F&& fn) {
  const int64_t each = std::max<int64_t>(1, std::max(pool.plane(), pool.positions()));
  const int64_t step = std::max<int64_t>(1, (1 << 14) / each), work = planes * each * 2;
  LongWork release(work);
  parallel_for((planes + step - 1) / step, work,
               [&](int64_t t) { fn(t * step, std::min(planes, (t + 1) * step)); });
}

}  // namespace chainrule::ops
