#include "core/stalls.h"

#include <algorithm>
#include <atomic>

namespace chainrule {

namespace {

// Nanoseconds: with fewer threads, and of a wait that counts.
constexpr int64_t kShortest = 50'000'000, kLongest = 1'000'000'000;
constexpr int64_t kLeast = 250'000;
constexpr int64_t kTolerable = 8;  // of so many parts of the time one: less than threads gain

// Nanoseconds of the clock.
std::atomic<int64_t> fewer_until{0};
std::atomic<int64_t> fewer_for{0};  // how long that was or will be
std::atomic<int64_t> last_stall{0};

int64_t now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void note_wait(int64_t wait, int64_t own_work, int64_t own_tiles) {
  // Longer than a tile can take: several of the caller's own, and what starting late may cost.
  if (wait <= kLeast || wait <= 4 * own_work / (own_tiles + 1)) return;
  const int64_t end = now(), last_end = fewer_until.load(std::memory_order_relaxed);
  const int64_t before = last_stall.exchange(end, std::memory_order_relaxed);
  if (wait * kTolerable < end - wait - std::max(before, last_end)) return;
  // Soon after the last time: the neighbour is still there.
  const int64_t last = fewer_for.load(std::memory_order_relaxed);
  const int64_t next = end - last_end < 4 * last ? std::min(4 * last, kLongest) : kShortest;
  fewer_for.store(next, std::memory_order_relaxed);
  fewer_until.store(end + next, std::memory_order_relaxed);
}

bool team_is_stalled() {
  const int64_t until = fewer_until.load(std::memory_order_relaxed);
  return until != 0 && now() < until;
}

void forget_stalls() {
  for (std::atomic<int64_t>* time : {&fewer_until, &fewer_for, &last_stall}) {
    time->store(0, std::memory_order_relaxed);
  }
}

}  // namespace chainrule
