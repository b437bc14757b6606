#include "core/thread_lock.h"

#include "core/tls.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace chainrule {

namespace {

std::atomic<uint32_t> threads{0};   // numbered so far
std::atomic<uint32_t> lost{0};      // up to this number they were threads of a parent process...
std::atomic<uint32_t> survivor{0};  // ...except the one that forked
constinit CHAINRULE_TLS uint32_t number = 0;

uint32_t this_thread() {
  if (!number) number = threads.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

bool exists(uint32_t thread) {
  return thread > lost.load(std::memory_order_relaxed) ||
         thread == survivor.load(std::memory_order_relaxed);
}

#if defined(__unix__) || defined(__APPLE__)
const int fork_handler [[maybe_unused]] = pthread_atfork(nullptr, nullptr, [] {
  survivor.store(number, std::memory_order_relaxed);
  lost.store(threads.load(std::memory_order_relaxed), std::memory_order_relaxed);
});
#endif

}  // namespace

bool ThreadLock::try_lock() {
  const uint32_t self = this_thread();
  uint32_t owner = owner_.load(std::memory_order_relaxed);
  if (owner == self) {
    ++depth_;
    return true;
  }
  if (owner && exists(owner)) return false;
  if (!owner_.compare_exchange_strong(owner, self, std::memory_order_acquire)) return false;
  depth_ = 1;
  return true;
}

void ThreadLock::lock() {
  while (!try_lock()) {
    if (const uint32_t owner = owner_.load(std::memory_order_relaxed)) owner_.wait(owner);
  }
}

void ThreadLock::unlock() {
  if (--depth_ > 0) return;
  owner_.store(0, std::memory_order_release);
  owner_.notify_one();
}

}  // namespace chainrule
