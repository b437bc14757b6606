// The team runs on OpenMP (serially without it): a region costs about 1 us where its threads are
// awake, and one runtime serves every library of the process that uses OpenMP too.
#include "core/threads.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <thread>

#include "core/errors.h"

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace chainrule {

LongWorkHooks long_work_hooks;

namespace {

// libgomp ends the process when it cannot create a thread, so absurd numbers are refused before.
constexpr int kMaxThreads = 1024;

std::atomic<int> configured{0};      // 0: not asked for yet
std::atomic<bool> team_busy{false};  // the try-lock; also what makes nested calls serial
std::atomic<bool> team_used{false};  // a region has run: OpenMP's threads exist
std::atomic<bool> team_lost{
    false};  // forked after that: they do not exist here, a region would hang

int processors() {
#if !defined(_OPENMP)
  return 1;
#elif defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, std::min(CPU_COUNT(&set), kMaxThreads));
#else
  return std::max(1, std::min<int>(std::thread::hardware_concurrency(), kMaxThreads));
#endif
}

// The number at the start of `text`, which ends there or at a comma (OMP_NUM_THREADS may be a list,
// one entry a nesting level); 0 if there is none in [1, kMaxThreads].
int parse_threads(std::string_view text, bool list) {
  const size_t end = list ? text.find(',') : std::string_view::npos;
  std::string_view number = text.substr(0, end);
  while (!number.empty() && number.front() == ' ') number.remove_prefix(1);
  while (!number.empty() && number.back() == ' ') number.remove_suffix(1);
  int n = 0;
  const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), n);
  const bool whole = error == std::errc() && last == number.data() + number.size();
  return whole && n >= 1 && n <= kMaxThreads ? n : 0;
}

int initial_threads() {
  if (const char* own = std::getenv("CHAINRULE_NUM_THREADS"); own && *own) {
    const int n = parse_threads(own, false);
    if (!n) {
      fail<ValueError>("num_threads", "expected CHAINRULE_NUM_THREADS to be an integer in [1, ",
                       kMaxThreads, "]; got '", own, "'.");
    }
    return n;
  }
  if (const char* omp = std::getenv("OMP_NUM_THREADS"); omp && *omp) {
    if (const int n = parse_threads(omp, true))
      return n;  // a bad one is OpenMP's to complain about
  }
  return processors();
}

#if defined(__unix__) || defined(__APPLE__)
// A forked child has the calling thread alone, whatever the team was doing.
void after_fork_in_child() {
  configured.store(1, std::memory_order_relaxed);
  team_busy.store(false, std::memory_order_relaxed);
  team_lost.store(team_used.load(std::memory_order_relaxed), std::memory_order_relaxed);
}
const int fork_handler = pthread_atfork(nullptr, nullptr, after_fork_in_child);
#endif

#if defined(_OPENMP)
// Rounding mode and flush-to-zero are per thread: workers take the caller's, so that a tile has the
// same bits wherever it runs, and get their own back, as other libraries use these threads too.
#if defined(__x86_64__)
unsigned float_mode() { return _mm_getcsr(); }
void set_float_mode(unsigned mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__) && defined(__GNUC__) && !defined(__clang__)
unsigned float_mode() { return __builtin_aarch64_get_fpcr(); }
void set_float_mode(unsigned mode) { __builtin_aarch64_set_fpcr(mode); }
#else
unsigned float_mode() { return 0; }
void set_float_mode(unsigned) {}
#endif

class Region {
 public:
  Region(int64_t tiles, TileFn fn, void* context)
      : tiles_(tiles), fn_(fn), context_(context), mode_(float_mode()) {}

  // Every thread of the team, the caller included, takes tiles until none is left. An exception
  // must not leave an OpenMP region: the first is kept and ends the claiming.
  void work() noexcept {
    const unsigned own = float_mode();
    set_float_mode(mode_);
    try {
      for (int64_t t; (t = next_.fetch_add(1, std::memory_order_relaxed)) < tiles_;) {
        fn_(context_, t);
      }
    } catch (...) {
      next_.store(tiles_, std::memory_order_relaxed);
      if (!failed_.exchange(true)) error_ = std::current_exception();
    }
    set_float_mode(own);
  }

  void rethrow() {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  // A line of its own: every claim takes it away from the other threads.
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) int64_t tiles_;
  TileFn fn_;
  void* context_;
  unsigned mode_;
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;
};
#endif

}  // namespace

int num_threads() {
  int n = configured.load(std::memory_order_relaxed);
  if (n == 0) {
    n = initial_threads();
    int unset = 0;  // a set_num_threads of another thread meanwhile stands
    if (!configured.compare_exchange_strong(unset, n, std::memory_order_relaxed)) n = unset;
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads) {
    fail<ValueError>("set_num_threads", "expected a number in [1, ", kMaxThreads, "]; got ", n,
                     ".");
  }
  if (n > 1 && team_lost.load(std::memory_order_relaxed)) {
    fail<StateError>("set_num_threads",
                     "expected 1 in a process forked after threads were used; got ", n,
                     ". Start the process with the 'spawn' method instead of 'fork'.");
  }
  configured.store(n, std::memory_order_relaxed);
}

void run_tiles(int64_t tiles, int64_t work, TileFn fn, void* context) {
#if defined(_OPENMP)
  // Always the whole team: libgomp ends and creates threads when the number changes.
  const int n = tiles > 1 && work >= kSerialWork ? num_threads() : 1;
  if (n > 1 && !team_busy.exchange(true, std::memory_order_acquire)) {
    team_used.store(true, std::memory_order_relaxed);
    Region region(tiles, fn, context);
#pragma omp parallel num_threads(n)
    region.work();
    team_busy.store(false, std::memory_order_release);
    region.rethrow();
    return;
  }
#else
  (void)work;
#endif
  for (int64_t t = 0; t < tiles; ++t) fn(context, t);
}

}  // namespace chainrule
