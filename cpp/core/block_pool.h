// The cached blocks that belong to no thread. Up to 4 KiB they are cut from 64 KiB slabs, up to 1
// MiB they come from the C library, above that they are mappings of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "core/size_class.h"

namespace chainrule {

// The address sanitizer sees a use after free only when blocks really go back.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1  // as GCC says it
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kCaching = false;
#else
inline constexpr bool kCaching = true;
#endif

inline constexpr size_t kSlab = 64 << 10;

struct Block {
  Block* next;
  // Of the first block of a batch in the pool: threads exchange whole batches with it, because a
  // walk along cached blocks waits for memory at every one of them. A batch has at most the blocks
  // that a thread keeps (allocator.cpp).
  Block* next_batch;
  uint32_t count;
};

// A block straight from the system; null when it refuses.
void* system_allocate(size_t size) noexcept;
void system_free(void* p, size_t size) noexcept;

struct BlockPool {
  std::mutex mutex;  // held by the callers of all functions

  void push(int c, Block* first,
            uint32_t count);  // `count` blocks, linked; the last one's next is null
  Block* pop_batch(int c);    // null when there is none; its count is in the first block
  Block* pop(int c);          // one block; null when there is none
  bool add_slab(int c);       // cuts a new slab into blocks; false when the system has none
  void enforce_cap();         // after pushes
  void release_all();         // to the system; slabs as far as they are whole
  int64_t cached() const { return cached_; }

 private:
  void release_unslabbed();
  void trim_slabs();

  void count_cached(int c, int64_t blocks);

  Block* heads_[kClasses] = {};  // of the lists of batches
  int64_t cached_ = 0;           // bytes in all lists
  int64_t slab_cached_ = 0;      // of these, in slab classes
  int64_t cap_ = 0;              // on either part; 0 until it is first needed
  int64_t slab_trim_ = 0;        // slab_cached_ at which slabs are looked through
};

}  // namespace chainrule
