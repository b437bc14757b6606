// The worker threads. A region's tiles are claimed from atomic counters by whoever is awake; the
// caller begins at once and leaves when no tile is left and no worker is inside. A worker that
// comes late finds the region closed, so one that gets no processor delays nobody. One that loses
// its processor inside a tile does, for a time slice of milliseconds: see stalls.h.
//
// Each of up to 16 threads begins with its own share of the tiles, always the same one, and helps
// with the others' when it is done: so what a thread has written is in its cache when it comes to
// read it.
//
// An OpenMP region ends at a barrier for all of its threads, also those that have not run yet:
// beside a process that kept one of two processors busy, a training step of 39 us took 2 to 5 ms
// on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>

namespace chainrule {

using TileFn = void (*)(void* context, int64_t tile);

class Region {
 public:
  Region(int64_t tiles, int threads, TileFn fn, void* context);

  // Takes tiles until none is left, those of thread number `thread` first. Every thread has the
  // caller's rounding mode and flush-to-zero meanwhile, so that a tile has the same bits wherever
  // it runs. How many it took.
  int64_t work(int thread) noexcept;
  int threads() const { return threads_; }  // that there are tiles for
  void rethrow() const;  // the first exception of a tile, which ended the claiming

 private:
  static constexpr int kMostShares = 16;

  int64_t share_end(int share) const { return tiles_ * (share + 1) / shares_; }

  // A line of its own: every claim takes it away from the other threads.
  struct alignas(64) Claim {
    std::atomic<int64_t> next;
  };
  Claim claims_[kMostShares];  // the next tile of each share
  alignas(64) const int64_t tiles_;
  const int threads_, shares_;
  const TileFn fn_;
  void* const context_;
  const unsigned float_mode_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};

// Runs the region on the caller and up to region.threads() - 1 workers, which are started when they
// are first needed and end when more than `threads` - 1 are there. One at a time: the caller holds
// the team's try-lock. `processors` is how many there are; workers that outnumber them do not spin.
void run_region(Region& region, int threads, int processors);

void forget_workers();  // in a forked child, which has the calling thread alone

}  // namespace chainrule
