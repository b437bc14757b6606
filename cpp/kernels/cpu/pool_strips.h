// Windows of pooling side by side, in strips that stay in registers and L1, one place of all of
// them after the other.
#pragma once

#include "kernels/cpu/spans.h"
#include "kernels/kernel_table.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kStrip = 64;  // windows side by side

// The places j that are inside for one of windows [first, last) at least.
struct Places {
  int64_t from, to;
  Places(const PoolSide& s, int64_t first, int64_t last)
      : from(ceil_from_zero(s.before - (last - 1) * s.stride, s.step)), to(s.kernel) {
    const int64_t room = s.size + s.before - first * s.stride;
    if ((to - 1) * s.step >= room) to = ceil_from_zero(room, s.step);
  }
};

// fn(window, where it is) for those of windows [first, last) whose place j is inside, with strides
// that the compiler knows where they are small.
template <typename F>
inline void for_windows(const PoolSide& s, int64_t j, int64_t first, int64_t last, F&& fn) {
  const int64_t right = j * s.step - s.before;
  const Span shown(right, s.stride, s.size, first, last);
  if (s.stride == 1) {
#pragma GCC ivdep
    for (int64_t o = shown.from; o < shown.to; ++o) fn(o, o + right);
  } else if (s.stride == 2) {
#pragma GCC ivdep
    for (int64_t o = shown.from; o < shown.to; ++o) fn(o, 2 * o + right);
  } else {
#pragma GCC ivdep
    for (int64_t o = shown.from; o < shown.to; ++o) fn(o, s.stride * o + right);
  }
}

}  // namespace
}  // namespace chainrule::kernels
