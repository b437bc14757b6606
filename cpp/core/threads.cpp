#include "core/threads.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "core/errors.h"
#include "core/stalls.h"
#include "core/team.h"
#include "core/tls.h"

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace chainrule {

HostLockHooks host_lock_hooks;

namespace {

constexpr int kMaxThreads = 1024;  // absurd numbers are refused before anything is started

std::atomic<int> configured{0};                   // 0: not asked for yet
constinit CHAINRULE_TLS bool one_thread = false;  // within OneThread
std::atomic<bool> team_busy{false};  // the try-lock; also what makes nested calls serial

int count_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, std::min(CPU_COUNT(&set), kMaxThreads));
#else
  return std::max(1, std::min<int>(std::thread::hardware_concurrency(), kMaxThreads));
#endif
}

int processors() {
  static constinit std::atomic<int> known{0};  // nothing to wait for, should a fork come between
  int n = known.load(std::memory_order_relaxed);
  if (n == 0) known.store(n = count_processors(), std::memory_order_relaxed);
  return n;
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
      return n;  // a bad one is for the libraries that use OpenMP to complain about
  }
  return processors();
}

#if defined(__unix__) || defined(__APPLE__)
// A forked child has the calling thread alone, whatever the team was doing. It works on that one
// until it asks for more.
void after_fork_in_child() {
  configured.store(1, std::memory_order_relaxed);
  team_busy.store(false, std::memory_order_relaxed);
  forget_workers();
}
const int fork_handler = pthread_atfork(nullptr, nullptr, after_fork_in_child);
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
  configured.store(n, std::memory_order_relaxed);
  forget_stalls();
}

OneThread::OneThread(bool wanted) : before_(one_thread) { one_thread = before_ || wanted; }
OneThread::~OneThread() { one_thread = before_; }

int threads_now() {
  if (one_thread) return 1;
  return team_is_stalled() ? std::max(1, num_threads() / 2) : num_threads();
}

void run_tiles(int64_t tiles, int64_t work, TileFn fn, void* context) {
  const int n = tiles > 1 && work >= kSerialWork ? threads_now() : 1;
  if (n > 1 && !team_busy.exchange(true, std::memory_order_acquire)) {
    Region region(tiles, n, fn, context);
    run_region(region, n, processors());
    team_busy.store(false, std::memory_order_release);
    region.rethrow();
    return;
  }
  for (int64_t t = 0; t < tiles; ++t) fn(context, t);
}

}  // namespace chainrule
