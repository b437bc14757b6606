// Work on several threads. One parallel region a call, run by the team of team.h; results never
// depend on who computed what. The team is taken by try-lock: a second Python thread meanwhile runs
// serially, with the same bits.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/team.h"

namespace chainrule {

int num_threads();
// n >= 1. Never more threads work, sometimes fewer do; results are the same bits.
void set_num_threads(int n);
// How many now: 1 within OneThread, half as many for a while after a worker lost its processor to a
// neighbour.
int threads_now();

// While one that is wanted lives, everything that the calling thread does runs on that thread.
class OneThread {
 public:
  explicit OneThread(bool wanted);
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const bool before_;
};

// Work below this many elementary operations is never split: 20 us where an element costs a load
// and a store, 1 to 3 us of products' and optimisers', which are split from about 5 us on.
inline constexpr int64_t kSerialWork = 1 << 16;

void run_tiles(int64_t tiles, int64_t work, TileFn fn, void* context);

// fn(tile) for tile in [0, tiles), in any order and on any thread; `work` is the cost of the whole
// in elementary operations and decides, with the thread count, whether threads are used.
template <typename F>
void parallel_for(int64_t tiles, int64_t work, F&& fn) {
  if (tiles <= 1 || work < kSerialWork) {
    for (int64_t t = 0; t < tiles; ++t) fn(t);
    return;
  }
  run_tiles(
      tiles, work, [](void* f, int64_t t) { (*static_cast<std::remove_reference_t<F>*>(f))(t); },
      &fn);
}

// fn(first, last) for ranges that cover [0, tiles), for work that neighbouring tiles share: all of
// them at once where one thread is asked for, else two equal ranges a thread, or single tiles where
// they are few.
template <typename F>
void parallel_ranges(int64_t tiles, int64_t work, F&& fn) {
  if (tiles == 0) return;
  const int64_t threads = tiles == 1 || work < kSerialWork ? 1 : threads_now();
  if (threads == 1) return fn(0, tiles);
  const int64_t ranges = tiles < 4 * threads ? tiles : 2 * threads;
  parallel_for(ranges, work,
               [&](int64_t range) { fn(range * tiles / ranges, (range + 1) * tiles / ranges); });
}

// Lets a host language release its lock meanwhile. The hooks are set once by bindings/, which may
// wait until nobody `reads` tensors any more; without them this does nothing.
struct HostLockHooks {
  void* (*release)(bool reads) = nullptr;
  void (*take)(void* token, bool reads) = nullptr;
};
extern HostLockHooks host_lock_hooks;

class HostLockReleased {
 public:
  HostLockReleased(bool worthwhile, bool reads)
      : token_(worthwhile && host_lock_hooks.release ? host_lock_hooks.release(reads) : nullptr),
        reads_(reads) {}
  ~HostLockReleased() {
    if (token_) host_lock_hooks.take(token_, reads_);
  }
  HostLockReleased(const HostLockReleased&) = delete;
  HostLockReleased& operator=(const HostLockReleased&) = delete;

 private:
  void* token_;
  bool reads_;
};

// Around work on tensors longer than about 20 us.
struct LongWork : HostLockReleased {
  explicit LongWork(int64_t work) : HostLockReleased(work >= kSerialWork, true) {}
};
// Around waiting for another thread, which may need the lock.
struct Waiting : HostLockReleased {
  Waiting() : HostLockReleased(true, false) {}
};

}  // namespace chainrule
