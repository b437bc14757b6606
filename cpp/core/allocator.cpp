// Blocks are kept by size class. Up to 1 MiB they go first to a list of the thread, without a lock
// or an atomic read-modify-write: an allocate and a deallocate together take about 4 ns. Threads
// exchange surplus with the pool, a batch at a time. A block may be freed by another thread
// than the one that asked for it.
#include "core/allocator.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "core/block_pool.h"
#include "core/errors.h"
#include "core/tls.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace chainrule {

namespace {

// Other threads' unflushed counts make `peak` at most this many bytes a thread too small.
constexpr int64_t kLiveSlack = 64 << 10;

// Blocks of each class that a thread keeps for itself before it hands half of them to the pool. A
// table: the way of deallocate is shorter than a division.
struct ThreadLimits {
  uint32_t blocks[kThreadClasses] = {};
};
constexpr ThreadLimits kKeepNothing;
constexpr ThreadLimits kThreadLimits = [] {
  ThreadLimits limits{};
  for (int c = 0; c < kThreadClasses; ++c) {
    const size_t bytes = c < kSlabClasses ? 2 * kSlab : 4 * kSlab;
    limits.blocks[c] = std::max<uint32_t>(2, static_cast<uint32_t>(bytes / class_size(c)));
  }
  return limits;
}();

template <typename T>
void add(std::atomic<T>& value, T delta) {  // by the only writer: two plain moves
  value.store(value.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
}

// A thread's lists. Only the owner writes; counts are atomic for memory_stats of other threads.
struct Bin {
  Block* head = nullptr;
  std::atomic<uint32_t> count{0};

  void push(Block* block) {
    block->next = head;
    head = block;
    add(count, 1u);
  }
  Block* pop() {
    Block* block = head;
    head = block->next;
    __builtin_prefetch(head, 1);
    add(count, ~0u);
    return block;
  }
};

struct ThreadCache {
  Bin bins[kThreadClasses];
  std::atomic<int64_t> live{0};  // bytes not yet added to the common count
  // empty_cache of another thread puts kKeepNothing here, under the pool's lock. Only the owner may
  // touch the lists, which have no lock: it follows when it next frees a block or finds a list
  // empty. A thread that does neither keeps what it has, a few MiB.
  std::atomic<const ThreadLimits*> limits{&kThreadLimits};
  ThreadCache* next = nullptr;
  ThreadCache* previous = nullptr;

  // The blocks above `keep`, those freed last, as one batch.
  void give(BlockPool& pool, int c, uint32_t keep) {
    Bin& bin = bins[c];
    const uint32_t count = bin.count.load(std::memory_order_relaxed);
    if (count <= keep) return;
    Block *first = bin.head, *last = first;
    for (uint32_t i = count - keep; i > 1; --i) last = last->next;
    bin.head = std::exchange(last->next, nullptr);
    bin.count.store(keep, std::memory_order_relaxed);
    pool.push(c, first, count - keep);
  }
  void give_all(BlockPool& pool) {
    for (int c = 0; c < kThreadClasses; ++c) give(pool, c, 0);
  }
  void follow_empty_cache(BlockPool& pool) {
    if (limits.load(std::memory_order_relaxed) == &kThreadLimits) return;
    limits.store(&kThreadLimits, std::memory_order_relaxed);
    give_all(pool);
    pool.release_all();
  }
};

// Never destroyed: tensors may outlive static destructors.
struct Shared {
  BlockPool pool;
  ThreadCache* threads = nullptr;  // under the pool's lock
  std::atomic<int64_t> live{0}, peak{0};
};
constinit Shared shared;

CHAINRULE_TLS ThreadCache* tls_cache = nullptr;
CHAINRULE_TLS bool tls_ended = false;

// ---- Counting

void count_live(int64_t delta) {
  const int64_t now = shared.live.fetch_add(delta, std::memory_order_relaxed) + delta;
  int64_t peak = shared.peak.load(std::memory_order_relaxed);
  while (now > peak && !shared.peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

inline void count_live(ThreadCache& t, int64_t delta) {
  const int64_t pending = t.live.load(std::memory_order_relaxed) + delta;
  const bool flush = pending > kLiveSlack || pending < -kLiveSlack;
  t.live.store(flush ? 0 : pending, std::memory_order_relaxed);
  if (flush) [[unlikely]]
    count_live(pending);
}

// ---- Threads come and go

struct ThreadExit {
  ~ThreadExit() {
    ThreadCache* t = tls_cache;
    tls_cache = nullptr;
    tls_ended = true;
    if (!t) return;
    const std::lock_guard lock(shared.pool.mutex);
    t->give_all(shared.pool);
    count_live(t->live.load(std::memory_order_relaxed));
    (t->previous ? t->previous->next : shared.threads) = t->next;
    if (t->next) t->next->previous = t->previous;
    delete t;
  }
};

#if defined(__unix__) || defined(__APPLE__)
// A child has the forking thread alone. What other threads had for themselves stays where it is: a
// list may have been cut short in the middle of a push, so its blocks are given up.
void forget_other_threads() {
  for (ThreadCache* t = shared.threads; t; t = t->next) {
    if (t != tls_cache) count_live(t->live.load(std::memory_order_relaxed));
  }
  shared.threads = tls_cache;
  if (tls_cache) tls_cache->next = tls_cache->previous = nullptr;
}

// A child must not inherit the lock from a thread that it does not have.
const int fork_handlers [[maybe_unused]] =
    pthread_atfork([] { shared.pool.mutex.lock(); }, [] { shared.pool.mutex.unlock(); },
                   [] {
                     forget_other_threads();
                     shared.pool.mutex.unlock();
                   });
#endif

// This thread's lists, made at first use; null once its thread storage is being destroyed.
ThreadCache* thread_cache() {
  if (tls_cache || tls_ended || !kCaching) return tls_cache;
  ThreadCache* t = new (std::nothrow) ThreadCache;
  if (!t) return nullptr;
  static thread_local ThreadExit at_exit;
  (void)&at_exit;
  const std::lock_guard lock(shared.pool.mutex);
  t->next = shared.threads;
  if (t->next) t->next->previous = t;
  shared.threads = t;
  return tls_cache = t;
}

// ---- The slow paths

[[noreturn]] void out_of_memory(size_t bytes) {
  const int64_t left = memory_left();
  if (left == INT64_MAX || static_cast<size_t>(left) >= bytes) {
    fail<OutOfMemory>("empty", "expected a size that the system can give; got ", bytes, " bytes.");
  }
  fail<OutOfMemory>("empty", "expected at most ", left,
                    " bytes, which is what memory has left; got ", bytes, " bytes.");
}

void* fresh_block(size_t bytes, int c) {
  void* p = system_allocate(class_size(c));
  if (!p) {
    empty_cache();
    p = system_allocate(class_size(c));
  }
  if (!p) out_of_memory(bytes);
  return p;
}

// A block of the pool, and a batch for the thread; null if the pool has none.
Block* pool_block(ThreadCache* t, int c) {
  BlockPool& pool = shared.pool;
  const std::lock_guard lock(pool.mutex);
  if (t) t->follow_empty_cache(pool);
  const bool for_thread = t && c < kThreadClasses;
  const auto take = [&] { return for_thread ? pool.pop_batch(c) : pool.pop(c); };
  Block* block = take();
  if (!block && c < kSlabClasses && pool.add_slab(c)) block = take();
  if (block && for_thread) {  // whose list is empty, else it would not ask
    t->bins[c].head = block->next;
    t->bins[c].count.store(block->count - 1, std::memory_order_relaxed);
  }
  return block;
}

[[gnu::noinline]] void* allocate_slow(size_t bytes, int c) {
  if (bytes > kLargestBlock) out_of_memory(bytes);
  ThreadCache* t = thread_cache();
  void* p = kCaching ? pool_block(t, c) : nullptr;
  if (!p && kCaching && c < kSlabClasses) {
    empty_cache();
    p = pool_block(t, c);
    if (!p) out_of_memory(bytes);
  }
  if (!p) p = fresh_block(bytes, c);
  t ? count_live(*t, static_cast<int64_t>(bytes)) : count_live(static_cast<int64_t>(bytes));
  return p;
}

[[gnu::noinline]] void deallocate_slow(void* p, size_t bytes, int c) noexcept {
  ThreadCache* t = thread_cache();
  t ? count_live(*t, -static_cast<int64_t>(bytes)) : count_live(-static_cast<int64_t>(bytes));
  if (!kCaching) return system_free(p, class_size(c));
  const std::lock_guard lock(shared.pool.mutex);
  Block* block = static_cast<Block*>(p);
  block->next = nullptr;
  shared.pool.push(c, block, 1);
  if (t) t->follow_empty_cache(shared.pool);
  if (t && c < kThreadClasses) t->give(shared.pool, c, kThreadLimits.blocks[c] / 2);
  shared.pool.enforce_cap();
}

inline void* poisoned(void* p, [[maybe_unused]] size_t bytes) {
#if !defined(NDEBUG)
  std::memset(p, 0xFF, bytes);
#endif
  return p;
}

}  // namespace

void* allocate(size_t bytes) {
  const int c = size_class(bytes);
  ThreadCache* t = tls_cache;
  if (t && c < kThreadClasses && t->bins[c].head) [[likely]] {
    Block* block = t->bins[c].pop();
    count_live(*t, static_cast<int64_t>(bytes));
    return poisoned(block, bytes);
  }
  return poisoned(allocate_slow(bytes, c), bytes);
}

void deallocate(void* p, size_t bytes) noexcept {
  const int c = size_class(bytes);
  ThreadCache* t = tls_cache;
  if (t && c < kThreadClasses &&
      t->bins[c].count.load(std::memory_order_relaxed) <
          t->limits.load(std::memory_order_relaxed)->blocks[c]) [[likely]] {
    t->bins[c].push(static_cast<Block*>(p));
    count_live(*t, -static_cast<int64_t>(bytes));
    return;
  }
  deallocate_slow(p, bytes, c);
}

void empty_cache() noexcept {
  const std::lock_guard lock(shared.pool.mutex);
  for (ThreadCache* t = shared.threads; t; t = t->next) {
    if (t != tls_cache) t->limits.store(&kKeepNothing, std::memory_order_relaxed);
  }
  if (tls_cache) tls_cache->give_all(shared.pool);
  shared.pool.release_all();
}

MemoryStats memory_stats() noexcept {
  const std::lock_guard lock(shared.pool.mutex);
  MemoryStats stats{shared.live.load(std::memory_order_relaxed), 0, shared.pool.cached()};
  for (ThreadCache* t = shared.threads; t; t = t->next) {
    stats.allocated += t->live.load(std::memory_order_relaxed);
    for (int c = 0; c < kThreadClasses; ++c) {
      stats.cached +=
          static_cast<int64_t>(t->bins[c].count.load(std::memory_order_relaxed) * class_size(c));
    }
  }
  stats.peak = std::max(shared.peak.load(std::memory_order_relaxed), stats.allocated);
  return stats;
}

}  // namespace chainrule
