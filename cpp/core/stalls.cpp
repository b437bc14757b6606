#include "core/stalls.h"

#include <algorithm>

namespace chainrule {

namespace {

// Nanoseconds: with fewer threads, and of a wait that counts. A neighbour who stays costs a slice
// or two every kLongest. With a kShortest of 16 ms the 99th percentile of 300 steps of 0.6 ms
// beside one was 5 to 7 times that of one thread alone, with 50 ms 1.1 to 1.3 times.
constexpr int64_t kShortest = 50'000'000, kLongest = 1'000'000'000;
constexpr int64_t kLeast = 250'000;
constexpr int64_t kTolerable = 4;  // of so many parts of the time one: less than threads gain

constinit Stalls team_stalls;

int64_t now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void Stalls::waited(int64_t wait, int64_t own_work, int64_t own_tiles, int64_t end) {
  // Longer than a tile can take: several of the caller's own, and what starting late may cost.
  if (wait <= kLeast || wait <= 4 * own_work / (own_tiles + 1)) return;
  const int64_t last_end = fewer_until_.load(std::memory_order_relaxed);
  const int64_t before = last_stall_.exchange(end, std::memory_order_relaxed);
  if (wait * kTolerable < end - wait - std::max(before, last_end)) return;
  // Soon after the last time: the neighbour is still there.
  const int64_t last = fewer_for_.load(std::memory_order_relaxed);
  const int64_t next = end - last_end < 4 * last ? std::min(4 * last, kLongest) : kShortest;
  fewer_for_.store(next, std::memory_order_relaxed);
  fewer_until_.store(end + next, std::memory_order_relaxed);
}

void Stalls::forget() {
  for (std::atomic<int64_t>* time : {&fewer_until_, &fewer_for_, &last_stall_}) {
    time->store(0, std::memory_order_relaxed);
  }
}

void note_wait(int64_t wait, int64_t own_work, int64_t own_tiles) {
  team_stalls.waited(wait, own_work, own_tiles, now());
}

// The clock is not read while nothing has happened.
bool team_is_stalled() { return !team_stalls.never() && team_stalls.fewer(now()); }

void forget_stalls() { team_stalls.forget(); }

}  // namespace chainrule
