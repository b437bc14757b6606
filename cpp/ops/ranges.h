// Splitting a dense range over the thread team.
#pragma once

#include <algorithm>

#include "core/threads.h"

namespace chainrule {

// fn(begin, end) over [0, n) in tiles; `cost` is the work per element. Tile borders are a multiple
// of every kernel's block, and no result depends on them.
template <typename F>
void for_range(int64_t n, int64_t cost, F&& fn) {
  constexpr int64_t kTile = 1 << 13;
  LongWork release(n * cost);
  parallel_for((n + kTile - 1) / kTile, n * cost,
               [&](int64_t t) { fn(t * kTile, std::min(n, (t + 1) * kTile)); });
}

}  // namespace chainrule
