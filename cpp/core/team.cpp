#include "core/team.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <signal.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/stalls.h"
#include "core/workspace.h"

namespace chainrule {

namespace {

#if defined(__x86_64__)
unsigned float_mode() { return _mm_getcsr(); }
void set_float_mode(unsigned mode) { _mm_setcsr(mode); }
void pause() { _mm_pause(); }
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
unsigned float_mode() { return __builtin_aarch64_get_fpcr(); }
void set_float_mode(unsigned mode) { __builtin_aarch64_set_fpcr(mode); }
void pause() { asm volatile("yield"); }
#else
unsigned float_mode() { return 0; }
void set_float_mode(unsigned) {}
void pause() {}
#endif

// Regions follow each other within a step; between steps a program does other things.
constexpr std::chrono::microseconds kSpin{50};

// Everything below is free of constructors and destructors: workers outlive static objects.
std::atomic<uint32_t> regions{0};  // opened so far: what workers wait on
// Workers inside the region, and whether more may enter. In one word, so that none enters after the
// caller has closed it.
std::atomic<uint32_t> gate{0};
constexpr uint32_t kOpen = 1u << 31;
std::atomic<Region*> current{nullptr};
std::atomic<uint32_t> most_inside{0};
std::atomic<bool> spins{true};
std::atomic<int> workers{0};  // that exist; more are started under the team's lock alone
std::atomic<int> wanted{0};   // more than these end when they wake: each region would wake them too

// True if `done` came true within kSpin.
template <typename Done>
bool spin_until(Done done) {
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() - begin < kSpin);
  return false;
}

void enter(int worker) {
  uint32_t inside = gate.load(std::memory_order_relaxed);
  do {
    if (!(inside & kOpen)) return;
    if ((inside & ~kOpen) >= most_inside.load(std::memory_order_relaxed)) return;
  } while (!gate.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire,
                                       std::memory_order_relaxed));
  try {
    thread_workspace(1);  // in the first region, not when chance gives it the first large tile
  } catch (const std::exception&) {  // then the tile that needs it says so
  }
  current.load(std::memory_order_relaxed)->work(worker);
  gate.fetch_sub(1, std::memory_order_release);
}

// The last one ends first, so that numbers stay those of shares.
bool superfluous(int worker) {
  int n = workers.load(std::memory_order_relaxed);
  return worker == n && n > wanted.load(std::memory_order_relaxed) &&
         workers.compare_exchange_strong(n, n - 1, std::memory_order_relaxed);
}

void serve(int worker, uint32_t seen) {
  do {
    const auto next = [&] { return regions.load(std::memory_order_acquire) != seen; };
    if (!spins.load(std::memory_order_relaxed) || !spin_until(next)) {
      regions.wait(seen, std::memory_order_acquire);
    }
    seen = regions.load(std::memory_order_acquire);
    enter(worker);
  } while (!superfluous(worker));
}

// Without a thread more, be it for a limit or for memory, the others and the caller do the work.
bool start_worker() {
#if defined(__unix__) || defined(__APPLE__)
  // Signals are the program's threads' business, except those that a thread brings upon itself:
  // blocked, they would end the process past every handler.
  sigset_t others, before;
  sigfillset(&others);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) sigdelset(&others, own);
  pthread_sigmask(SIG_SETMASK, &others, &before);
#endif
  bool made = true;
  try {
    const int worker = workers.load(std::memory_order_relaxed) + 1;
    std::thread(serve, worker, regions.load(std::memory_order_relaxed)).detach();
    workers.fetch_add(1, std::memory_order_relaxed);
  } catch (const std::exception&) {
    made = false;
  }
#if defined(__unix__) || defined(__APPLE__)
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  return made;
}

}  // namespace

Region::Region(int64_t tiles, int threads, TileFn fn, void* context)
    : tiles_(tiles),
      threads_(static_cast<int>(std::min<int64_t>(threads, tiles))),
      shares_(std::min(threads_, kMostShares)),
      fn_(fn),
      context_(context),
      float_mode_(float_mode()) {
  for (int s = 0; s < shares_; ++s) {
    claims_[s].next.store(tiles_ * s / shares_, std::memory_order_relaxed);
  }
}

int64_t Region::work(int thread) noexcept {
  set_float_mode(float_mode_);
  int64_t done = 0;
  try {
    for (int i = 0; i < shares_; ++i) {
      const int share = (thread + i) % shares_;
      std::atomic<int64_t>& next = claims_[share].next;
      const int64_t end = share_end(share);
      if (next.load(std::memory_order_relaxed) >= end) continue;
      for (int64_t t; (t = next.fetch_add(1, std::memory_order_relaxed)) < end; ++done) {
        fn_(context_, t);
      }
    }
  } catch (...) {
    for (int s = 0; s < shares_; ++s) claims_[s].next.store(tiles_, std::memory_order_relaxed);
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }
  return done;
}

void Region::rethrow() const {
  if (error_) std::rethrow_exception(error_);
}

void run_region(Region& region, int threads, int processors) {
  const int helpers = region.threads() - 1;
  wanted.store(threads - 1, std::memory_order_relaxed);
  while (workers.load(std::memory_order_relaxed) < helpers && start_worker()) {
  }
  spins.store(threads <= processors, std::memory_order_relaxed);
  most_inside.store(static_cast<uint32_t>(helpers), std::memory_order_relaxed);
  current.store(&region, std::memory_order_relaxed);
  gate.store(kOpen, std::memory_order_release);
  regions.fetch_add(1, std::memory_order_acq_rel);
  regions.notify_all();
  const Stopwatch work;
  const int64_t done = region.work(0);
  gate.fetch_and(~kOpen, std::memory_order_relaxed);
  const auto empty = [] { return gate.load(std::memory_order_acquire) == 0; };
  if (empty()) return;
  const int64_t own = work.nanoseconds();
  const Stopwatch wait;
  if (spin_until(empty)) return;
  while (!empty()) std::this_thread::yield();
  // With more threads than processors to wait is what was asked for.
  if (threads <= processors) note_wait(wait.nanoseconds(), own, done);
}

void forget_workers() {
  workers.store(0, std::memory_order_relaxed);
  gate.store(0, std::memory_order_relaxed);
}

}  // namespace chainrule
