// The windows of pooling along the sides of planes.
#include "ops/pool.h"

namespace chainrule::ops {

namespace {

int64_t reach(const Stride& s) { return s.dilation * (s.kernel - 1) + 1; }

void check_stride(const Call& c, const Stride& s) {
  if (s.padding > most_padding(s.kernel)) {
    fail<ShapeError>(c.name(), "expected padding of at most half of kernel_size, ",
                     most_padding(s.kernel), "; got ", s.padding, ".");
  }
  if (s.windows() > 0) return;
  fail<ShapeError>(c.name(), "expected a kernel no larger than the padded input, ",
                   s.size + 2 * s.padding, "; got ", reach(s), ".");
}

}  // namespace

// The last window of ceil_mode starts inside the input or the padding before it.
int64_t Stride::windows() const {
  const int64_t room = size + 2 * padding - reach(*this) + (ceil_mode ? stride - 1 : 0);
  if (room < 0) return 0;
  const int64_t n = room / stride + 1;
  return ceil_mode && (n - 1) * stride >= size + padding ? n - 1 : n;
}

Strides checked_strides(const Call& c, const Dims& size, const Dims& kernel, const Dims& stride,
                        const Dims& padding, const Dims& dilation, bool ceil_mode) {
  check_sides(c, "kernel_size", kernel, 2, 1);
  check_sides(c, "stride", stride, 2, 1);
  check_sides(c, "padding", padding, 2, 0);
  check_sides(c, "dilation", dilation, 2, 1);
  check_sides(c, "size", size, 2, 1);
  const auto side = [&](int i) {
    return Stride{size[i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode};
  };
  const Strides both{side(0), side(1)};
  check_stride(c, both.rows);
  check_stride(c, both.cols);
  return both;
}

Dims plane_of(const Call& c, const Tensor& x) {
  if (x.dim() != 4 || !x.is_contiguous()) {
    fail<ShapeError>(c.name(), "expected a dense tensor of 4 dimensions; got sizes ", x.sizes(),
                     " and strides ", x.strides(), ".");
  }
  const Dims size = {x.size(2), x.size(3)};
  if (size[0] > 0 && size[1] > 0 && size[0] <= kMostOfSide / size[1]) return size;
  fail<ShapeError>(c.name(), "expected planes of 1 to ", kMostOfSide, " elements; got ", x.sizes(),
                   ".");
}

int64_t pool_scratch(int64_t rows, int64_t cols) {
  return 3 * (rows + cols) * static_cast<int64_t>(sizeof(int64_t));
}

namespace {

struct Limits {
  int64_t *begin, *end, *count;
  Limits(int64_t windows, int64_t*& scratch)
      : begin(scratch), end(scratch + windows), count(scratch + 2 * windows) {
    scratch += 3 * windows;
  }
};

}  // namespace

kernels::PoolSide strided_side(const Stride& s, bool include_padding, int64_t*& scratch) {
  const int64_t windows = s.windows();
  const Limits at(windows, scratch);
  for (int64_t o = 0; o < windows; ++o) {
    const int64_t start = o * s.stride - s.padding;
    const int64_t end = std::min(start + reach(s), s.size + s.padding);
    int64_t begin = start;
    if (begin < 0) begin += (s.dilation - 1 - begin) / s.dilation * s.dilation;
    at.end[o] = std::min(end, s.size);
    // Of a dilated kernel every place may be outside.
    at.begin[o] = begin < at.end[o] ? begin : at.end[o] = s.size - 1;
    at.count[o] = include_padding ? end - start : at.end[o] - at.begin[o];
  }
  // Windows of which none shows what another does are read one by one: side by side they would be
  // at a place where few of them are inside.
  const int64_t stride = s.stride > s.size ? 0 : s.stride;
  return {s.size, windows, at.begin, at.end, at.count, s.dilation, stride, s.padding, s.kernel};
}

kernels::PoolSide adaptive_side(int64_t size, int64_t windows, int64_t*& scratch) {
  constexpr int64_t kShort = 16;  // windows side by side
  const Limits at(windows, scratch);
  for (int64_t o = 0; o < windows; ++o) {
    at.begin[o] = o * size / windows;
    at.end[o] = ((o + 1) * size + windows - 1) / windows;
    at.count[o] = at.end[o] - at.begin[o];
  }
  kernels::PoolSide side{size, windows, at.begin, at.end, at.count};
  if (windows > 0 && size % windows == 0 && size / windows <= kShort) {
    side.stride = side.kernel = size / windows;
  }
  return side;
}

}  // namespace chainrule::ops
