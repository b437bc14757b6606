// The caching allocator: 64-byte aligned blocks in size classes, kept in per-thread lists over one
// locked pool with a cap. A request above what the machine or cgroup has left is OutOfMemory before
// a page is touched. Debug builds poison fresh blocks with 0xFF (NaN as float).
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

inline constexpr size_t kAlignment = 64;

void* allocate(size_t bytes);                     // never null; 64-byte aligned; throws OutOfMemory
void deallocate(void* p, size_t bytes) noexcept;  // `bytes` as given to allocate
// Bytes that may still be asked for; INT64_MAX where it cannot be told. Takes about 80 us.
int64_t memory_left() noexcept;
void empty_cache() noexcept;  // returns cached blocks; of other threads when they next free one

struct MemoryStats {
  int64_t allocated;  // bytes in live blocks
  int64_t peak;       // largest `allocated` so far
  int64_t cached;     // bytes kept for reuse, all threads
};
MemoryStats memory_stats() noexcept;

}  // namespace chainrule
