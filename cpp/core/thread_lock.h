// A recursive lock that may be held for as long as a plan runs, and by a thread that a forked child
// does not have: there it is open. A std::recursive_mutex would stay locked for ever.
#pragma once

#include <atomic>
#include <cstdint>

namespace chainrule {

class ThreadLock {  // BasicLockable and Lockable, for std::unique_lock
 public:
  bool try_lock();
  void lock();
  void unlock();

 private:
  std::atomic<uint32_t> owner_{0};  // number of the thread that holds it; 0 for nobody
  int depth_ = 0;                   // of that thread
};

}  // namespace chainrule
