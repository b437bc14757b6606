// Splitting a dense range over the thread team.
#pragma once

#include <algorithm>
#include <atomic>

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

// fn(begin, end) over `rows` in blocks of `step`; it returns a row that it could not use, or -1.
// The first of them all, whichever thread met it, or `rows`.
template <typename F>
int64_t first_bad_row(int64_t rows, int64_t step, int64_t work, F&& fn) {
  std::atomic<int64_t> first{rows};
  LongWork release(work);
  parallel_for((rows + step - 1) / step, work, [&](int64_t t) {
    const int64_t bad = fn(t * step, std::min(rows, (t + 1) * step));
    int64_t seen = first.load(std::memory_order_relaxed);
    while (bad >= 0 && bad < seen && !first.compare_exchange_weak(seen, bad)) {
    }
  });
  return first.load();
}

}  // namespace chainrule
