// Stalls: a region waits for a worker that a neighbour keeps from its processor. While somebody
// else uses that, every few regions wait a time slice for it: 784-256-128-10, 0.6 ms on one thread,
// took 4 ms in one step of ten. Then half the threads do for a while, of two the caller alone,
// longer each time. A stall now and then costs little and is nothing to give up the threads for.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace chainrule {

class Stopwatch {
 public:
  int64_t nanoseconds() const {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Times are nanoseconds of the steady clock. May be used by several threads.
class Stalls {
 public:
  // A region's caller, after `own_work` on `own_tiles` of its tiles, has waited for its workers,
  // until `end`.
  void waited(int64_t wait, int64_t own_work, int64_t own_tiles, int64_t end);
  bool fewer(int64_t now) const { return now < fewer_until_.load(std::memory_order_relaxed); }
  bool never() const { return fewer_until_.load(std::memory_order_relaxed) == 0; }
  void forget();

 private:
  std::atomic<int64_t> fewer_until_{0};
  std::atomic<int64_t> fewer_for_{0};  // how long that was or will be
  std::atomic<int64_t> last_stall_{0};
};

// The team's, by the clock.
void note_wait(int64_t wait, int64_t own_work, int64_t own_tiles);  // it ends now
bool team_is_stalled();  // not all threads should take part for now
void forget_stalls();

}  // namespace chainrule
