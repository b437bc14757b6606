// Three sizes of life. Up to 4 KiB: blocks cut from 64 KiB slabs. Up to 1 MiB: blocks of the C
// library. Above: mappings of their own. All are kept by size class; up to 1 MiB first in a list of
// the thread (no lock, no atomic read-modify-write: an allocate and a deallocate together take
// about 4 ns), then in the pool. Blocks may be freed by another thread than the one that asked for
// them.
#include "core/allocator.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "core/errors.h"
#include "core/memory_limit.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/mman.h>
#define CHAINRULE_HAS_MMAP 1
#else
#define CHAINRULE_HAS_MMAP 0
#endif

// A pointer in static thread storage costs one instruction instead of a call. musl cannot load it
// late.
#if defined(__GLIBC__)
#define CHAINRULE_TLS __attribute__((tls_model("initial-exec"))) thread_local
#else
#define CHAINRULE_TLS thread_local
#endif

namespace chainrule {

namespace {

// The address sanitizer sees a use after free only when blocks really go back.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;
#else
constexpr bool kCaching = true;
#endif

// ---- Size classes: every 64 bytes up to 1 KiB, then eight to a doubling (12.5 % waste at most).

constexpr int size_class(size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const size_t b = bytes - 1;
  const int e = std::bit_width(b) - 1;
  return 16 + (e - 10) * 8 + static_cast<int>((b >> (e - 3)) & 7);
}

constexpr size_t class_size(int c) {
  if (c < 16) return 64 * static_cast<size_t>(c + 1);
  const int e = 10 + (c - 16) / 8;
  return static_cast<size_t>(8 + (c - 16) % 8 + 1) << (e - 3);
}

constexpr size_t kSlab = 64 << 10;
constexpr size_t kLargest = size_t{1}
                            << 46;  // of one block; also keeps every sum below from wrapping
constexpr int kSlabClasses = size_class(4 << 10) + 1;
constexpr int kThreadClasses = size_class(1 << 20) + 1;
constexpr int kClasses = size_class(kLargest) + 1;
constexpr size_t kChecked = 32 << 20;  // from here asking what memory is left costs under 5 %

// Blocks of each class that a thread keeps for itself before it hands half of them to the pool. A
// table: the way of deallocate is shorter than a division.
struct ThreadLimits {
  uint32_t blocks[kThreadClasses];
};
constexpr ThreadLimits kThreadLimits = [] {
  ThreadLimits limits{};
  for (int c = 0; c < kThreadClasses; ++c) {
    const size_t bytes = c < kSlabClasses ? 2 * kSlab : 4 * kSlab;
    limits.blocks[c] = std::max<uint32_t>(2, static_cast<uint32_t>(bytes / class_size(c)));
  }
  return limits;
}();
constexpr uint32_t thread_limit(int c) { return kThreadLimits.blocks[c]; }

struct Block {
  Block* next;
};

struct Slab {      // at the start of every kSlab bytes, aligned to them
  int64_t cached;  // scratch of trim_slabs
};
constexpr size_t kSlabHeader = kAlignment;

Slab* slab_of(void* block) {
  return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~(kSlab - 1));
}
constexpr int64_t blocks_in_slab(int c) { return (kSlab - kSlabHeader) / class_size(c); }

// ---- The system: null when it refuses.

void* system_allocate(size_t size) noexcept {
#if CHAINRULE_HAS_MMAP
  if (kCaching && size > class_size(kThreadClasses - 1)) {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
  }
#endif
  return std::aligned_alloc(kAlignment, size);
}

void system_free(void* p, size_t size) noexcept {
#if CHAINRULE_HAS_MMAP
  if (kCaching && size > class_size(kThreadClasses - 1)) {
    munmap(p, size);
    return;
  }
#endif
  std::free(p);
}

// ---- A thread's lists. Only the owner writes; counts are atomic for memory_stats of other
// threads.

template <typename T>
void add(std::atomic<T>& value, T delta) {  // by the only writer: two plain moves
  value.store(value.load(std::memory_order_relaxed) + delta, std::memory_order_relaxed);
}

struct Bin {
  Block* head = nullptr;
  std::atomic<uint32_t> count{0};
};

struct ThreadCache {
  Bin bins[kThreadClasses];
  std::atomic<int64_t> live{0};  // bytes not yet added to the pool's count
  uint64_t epoch = 0;            // of the last empty_cache that this thread has followed
  ThreadCache* next = nullptr;
  ThreadCache* previous = nullptr;
};

// ---- The pool. Never destroyed: tensors may outlive static destructors.

struct Pool {
  std::mutex mutex;
  Block* heads[kClasses] = {};
  int64_t cached = 0;       // bytes in `heads`
  int64_t slab_cached = 0;  // of these, in slab classes
  int64_t cap = 0;          // on `cached`
  int64_t slab_trim = 0;    // slab_cached at which slabs are looked through
  ThreadCache* threads = nullptr;
  std::atomic<uint64_t> epoch{0};
  std::atomic<int64_t> live{0}, peak{0};
};
constinit Pool pool;

CHAINRULE_TLS ThreadCache* tls_cache = nullptr;
CHAINRULE_TLS bool tls_ended = false;

// Other threads' unflushed counts make `peak` at most kLiveSlack bytes a thread too small.
constexpr int64_t kLiveSlack = 64 << 10;

void count_live(int64_t delta) {
  const int64_t now = pool.live.fetch_add(delta, std::memory_order_relaxed) + delta;
  int64_t peak = pool.peak.load(std::memory_order_relaxed);
  while (now > peak && !pool.peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

inline void count_live(ThreadCache& t, int64_t delta) {
  const int64_t pending = t.live.load(std::memory_order_relaxed) + delta;
  if (pending > kLiveSlack || pending < -kLiveSlack) [[unlikely]] {
    t.live.store(0, std::memory_order_relaxed);
    count_live(pending);
  } else {
    t.live.store(pending, std::memory_order_relaxed);
  }
}

void pool_push(int c, Block* block) {  // locked
  block->next = pool.heads[c];
  pool.heads[c] = block;
  const int64_t size = static_cast<int64_t>(class_size(c));
  pool.cached += size;
  if (c < kSlabClasses) pool.slab_cached += size;
}

Block* pool_pop(int c) {  // locked
  Block* block = pool.heads[c];
  if (!block) return nullptr;
  pool.heads[c] = block->next;
  const int64_t size = static_cast<int64_t>(class_size(c));
  pool.cached -= size;
  if (c < kSlabClasses) pool.slab_cached -= size;
  return block;
}

bool pool_add_slab(int c) {  // locked
  char* slab = static_cast<char*>(std::aligned_alloc(kSlab, kSlab));
  if (!slab) return false;
  for (int64_t i = blocks_in_slab(c) - 1; i >= 0; --i) {
    pool_push(c, reinterpret_cast<Block*>(slab + kSlabHeader + i * class_size(c)));
  }
  return true;
}

// Frees every slab whose blocks are all in the pool.
void trim_slabs() {  // locked
  for (int c = 0; c < kSlabClasses; ++c) {
    const int64_t whole = blocks_in_slab(c);
    for (Block* b = pool.heads[c]; b; b = b->next) slab_of(b)->cached = 0;
    for (Block* b = pool.heads[c]; b; b = b->next) ++slab_of(b)->cached;
    Block* all = pool.heads[c];
    Block* gone = nullptr;  // one block of each slab to free: the slab dies after the walk
    pool.heads[c] = nullptr;
    for (Block *b = all, *next; b; b = next) {
      next = b->next;
      Slab* slab = slab_of(b);
      if (slab->cached < whole && slab->cached >= 0) {
        b->next = pool.heads[c];
        pool.heads[c] = b;
        continue;
      }
      pool.cached -= static_cast<int64_t>(class_size(c));
      pool.slab_cached -= static_cast<int64_t>(class_size(c));
      if (slab->cached > 0) {  // the first block seen of this slab
        slab->cached = -1;
        b->next = gone;
        gone = b;
      }
    }
    while (gone) {
      Slab* slab = slab_of(gone);
      gone = gone->next;
      std::free(slab);
    }
  }
  pool.slab_trim = std::max(pool.cap, 2 * pool.slab_cached);
}

void free_unslabbed() {  // locked
  for (int c = kSlabClasses; c < kClasses; ++c) {
    while (Block* b = pool_pop(c)) system_free(b, class_size(c));
  }
}

// Over the cap, everything cached goes: what the program uses now is soon there again, and sizes
// that it used before do not keep the room.
void enforce_cap() {  // locked
  if (pool.cap == 0) {
    pool.cap = std::clamp<int64_t>(available_memory() / 8, 64 << 20, int64_t{2} << 30);
    pool.slab_trim = pool.cap;
  }
  if (pool.cached - pool.slab_cached > pool.cap) free_unslabbed();
  if (pool.slab_cached > pool.slab_trim) trim_slabs();
}

void give_to_pool(ThreadCache& t, int c, uint32_t keep) {  // locked
  Bin& bin = t.bins[c];
  while (bin.count.load(std::memory_order_relaxed) > keep) {
    Block* b = bin.head;
    bin.head = b->next;
    add(bin.count, uint32_t(-1));
    pool_push(c, b);
  }
}

// ---- Threads come and go.

struct ThreadExit {
  ~ThreadExit() {
    ThreadCache* t = tls_cache;
    tls_cache = nullptr;
    tls_ended = true;
    if (!t) return;
    const std::lock_guard lock(pool.mutex);
    for (int c = 0; c < kThreadClasses; ++c) give_to_pool(*t, c, 0);
    count_live(t->live.load(std::memory_order_relaxed));
    (t->previous ? t->previous->next : pool.threads) = t->next;
    if (t->next) t->next->previous = t->previous;
    delete t;
  }
};

#if CHAINRULE_HAS_MMAP
// A child must not inherit the lock from a thread that it does not have.
const int fork_handlers [[maybe_unused]] = pthread_atfork(
    [] { pool.mutex.lock(); }, [] { pool.mutex.unlock(); }, [] { pool.mutex.unlock(); });
#endif

// This thread's lists, made at first use; null once its thread storage is being destroyed.
ThreadCache* thread_cache() {
  if (tls_cache || tls_ended || !kCaching) return tls_cache;
  ThreadCache* t = new (std::nothrow) ThreadCache;
  if (!t) return nullptr;
  static thread_local ThreadExit at_exit;
  (void)&at_exit;
  const std::lock_guard lock(pool.mutex);
  t->epoch = pool.epoch.load(std::memory_order_relaxed);
  t->next = pool.threads;
  if (t->next) t->next->previous = t;
  pool.threads = t;
  return tls_cache = t;
}

// Another thread has called empty_cache: only the owner may touch its lists, so it follows here.
void follow_empty_cache(ThreadCache& t) {  // locked
  const uint64_t epoch = pool.epoch.load(std::memory_order_relaxed);
  if (t.epoch == epoch) return;
  t.epoch = epoch;
  for (int c = 0; c < kThreadClasses; ++c) give_to_pool(t, c, 0);
  free_unslabbed();
  trim_slabs();
}

// ---- The slow paths.

[[noreturn]] void out_of_memory(size_t bytes, int64_t left) {
  if (left == INT64_MAX) {
    fail<OutOfMemory>("empty", "expected a size that the system can give; got ", bytes, " bytes.");
  }
  fail<OutOfMemory>("empty", "expected at most ", left,
                    " bytes, which is what memory has left; got ", bytes, " bytes.");
}

void* fresh_block(size_t bytes, int c) {
  const size_t size = class_size(c);
  if (size >= kChecked) {
    // Linux grants what it does not have and ends the process when the pages are touched.
    if (available_memory() < static_cast<int64_t>(bytes)) {
      empty_cache();
      const int64_t left = available_memory();
      if (left < static_cast<int64_t>(bytes)) out_of_memory(bytes, left);
    }
  }
  void* p = system_allocate(size);
  if (!p) {
    empty_cache();
    p = system_allocate(size);
  }
  if (!p) out_of_memory(bytes, INT64_MAX);
  return p;
}

// A block of the pool; for the thread's classes also refills its list.
void* pool_block(ThreadCache* t, int c) {
  const std::lock_guard lock(pool.mutex);
  if (t) follow_empty_cache(*t);
  if (c < kSlabClasses && !pool.heads[c] && !pool_add_slab(c)) return nullptr;
  if (t && c < kThreadClasses) {
    Bin& bin = t->bins[c];
    for (uint32_t i = thread_limit(c) / 2; i > 0 && pool.heads[c]; --i) {
      Block* b = pool_pop(c);
      b->next = bin.head;
      bin.head = b;
      add(bin.count, 1u);
    }
  }
  return pool_pop(c);
}

[[gnu::noinline]] void* allocate_slow(size_t bytes, int c) {
  if (bytes > kLargest) out_of_memory(bytes, available_memory());
  ThreadCache* t = thread_cache();
  void* p = kCaching ? pool_block(t, c) : nullptr;
  // The refill may have taken the pool's last block.
  if (!p && t && c < kThreadClasses && t->bins[c].head) {
    Bin& bin = t->bins[c];
    p = bin.head;
    bin.head = bin.head->next;
    add(bin.count, uint32_t(-1));
  }
  if (!p) {
    if (kCaching && c < kSlabClasses) out_of_memory(bytes, INT64_MAX);
    p = fresh_block(bytes, c);
  }
  t ? count_live(*t, bytes) : count_live(static_cast<int64_t>(bytes));
  return p;
}

[[gnu::noinline]] void deallocate_slow(void* p, size_t bytes, int c) noexcept {
  ThreadCache* t = thread_cache();
  t ? count_live(*t, -static_cast<int64_t>(bytes)) : count_live(-static_cast<int64_t>(bytes));
  if (!kCaching) return system_free(p, class_size(c));
  const std::lock_guard lock(pool.mutex);
  pool_push(c, static_cast<Block*>(p));
  if (t && c < kThreadClasses) give_to_pool(*t, c, thread_limit(c) / 2);
  enforce_cap();
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
  if (t && c < kThreadClasses) [[likely]] {
    Bin& bin = t->bins[c];
    if (Block* b = bin.head) [[likely]] {
      bin.head = b->next;
      add(bin.count, uint32_t(-1));
      count_live(*t, static_cast<int64_t>(bytes));
      return poisoned(b, bytes);
    }
  }
  return poisoned(allocate_slow(bytes, c), bytes);
}

void deallocate(void* p, size_t bytes) noexcept {
  const int c = size_class(bytes);
  ThreadCache* t = tls_cache;
  if (t && c < kThreadClasses) [[likely]] {
    Bin& bin = t->bins[c];
    const uint32_t count = bin.count.load(std::memory_order_relaxed);
    if (count < thread_limit(c)) [[likely]] {
      Block* b = static_cast<Block*>(p);
      b->next = bin.head;
      bin.head = b;
      bin.count.store(count + 1, std::memory_order_relaxed);
      count_live(*t, -static_cast<int64_t>(bytes));
      return;
    }
  }
  deallocate_slow(p, bytes, c);
}

void empty_cache() noexcept {
  ThreadCache* t = tls_cache;
  const std::lock_guard lock(pool.mutex);
  const uint64_t epoch = pool.epoch.fetch_add(1, std::memory_order_relaxed) + 1;
  if (t) {
    t->epoch = epoch;
    for (int c = 0; c < kThreadClasses; ++c) give_to_pool(*t, c, 0);
  }
  free_unslabbed();
  trim_slabs();
}

MemoryStats memory_stats() noexcept {
  const std::lock_guard lock(pool.mutex);
  MemoryStats stats{pool.live.load(std::memory_order_relaxed), 0, pool.cached};
  for (ThreadCache* t = pool.threads; t; t = t->next) {
    stats.allocated += t->live.load(std::memory_order_relaxed);
    for (int c = 0; c < kThreadClasses; ++c) {
      stats.cached +=
          static_cast<int64_t>(t->bins[c].count.load(std::memory_order_relaxed) * class_size(c));
    }
  }
  stats.peak = std::max(pool.peak.load(std::memory_order_relaxed), stats.allocated);
  return stats;
}

}  // namespace chainrule
