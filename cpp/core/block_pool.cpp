#include "core/block_pool.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <utility>

#include "core/allocator.h"
#include "core/memory_limit.h"

#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#define CHAINRULE_HAS_MMAP 1
#else
#define CHAINRULE_HAS_MMAP 0
#endif

namespace chainrule {

namespace {

constexpr bool is_mapping(size_t size) {
  return CHAINRULE_HAS_MMAP && kCaching && size > class_size(kThreadClasses - 1);
}

struct Slab {      // at the start of every kSlab bytes, aligned to them
  int64_t cached;  // scratch of trim_slabs
};
constexpr size_t kSlabHeader = kAlignment;

Slab* slab_of(void* block) {
  return reinterpret_cast<Slab*>(reinterpret_cast<uintptr_t>(block) & ~(kSlab - 1));
}
constexpr int64_t blocks_in_slab(int c) { return (kSlab - kSlabHeader) / class_size(c); }

std::atomic<int64_t> granted{0};  // bytes of all blocks but slabs, which are touched at once

// Linux grants what it does not have and ends the process when the pages are touched, so nothing is
// asked for that is not there. To look what is there costs as much as taking 1 MiB: it holds for
// what is taken next, as far as this goes.
constexpr int64_t kLooksAhead = 32 << 20;
std::atomic<int64_t> there{0};

bool is_there(size_t bytes) {
  const int64_t size = static_cast<int64_t>(bytes);
  if (there.fetch_sub(size, std::memory_order_relaxed) >= size) return true;
  const int64_t left = memory_left();
  there.store(std::clamp<int64_t>(left - size, 0, kLooksAhead), std::memory_order_relaxed);
  return left >= size;
}

#if CHAINRULE_HAS_MMAP
constexpr size_t kHugePage = 2 << 20;

// Large blocks start on a huge page and ask for such: with pages of 4 KiB a product of 2048^3 waits
// for address translations up to 4 % of its time.
void* map_block(size_t size) noexcept {
  const size_t slack = size >= 2 * kHugePage ? kHugePage : 0;
  void* p = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  char* const mapped = static_cast<char*>(p);
  if (slack == 0) return mapped;
  const size_t head = -reinterpret_cast<uintptr_t>(mapped) % kHugePage;
  if (head > 0) munmap(mapped, head);
  if (head < slack) munmap(mapped + head + size, slack - head);
#if defined(MADV_HUGEPAGE)
  madvise(mapped + head, size, MADV_HUGEPAGE);  // where it is refused, small pages serve
#endif
  return mapped + head;
}
#endif

}  // namespace

// What was granted and not touched yet (an output while its scratch is taken) still counts as free
// with the system: as much as all blocks are larger than the whole process.
int64_t memory_left() noexcept {
  const int64_t left = available_memory();
  if (left == INT64_MAX) return left;
  const int64_t blocks = granted.load(std::memory_order_relaxed);
  return std::max<int64_t>(0, left - std::max<int64_t>(0, blocks - resident_memory()));
}

void* system_allocate(size_t size) noexcept {
  if (!is_there(size)) return nullptr;
#if CHAINRULE_HAS_MMAP
  void* const p = is_mapping(size) ? map_block(size) : std::aligned_alloc(kAlignment, size);
#else
  void* const p = std::aligned_alloc(kAlignment, size);
#endif
  if (p) granted.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  return p;
}

void system_free(void* p, size_t size) noexcept {
  granted.fetch_sub(static_cast<int64_t>(size), std::memory_order_relaxed);
#if CHAINRULE_HAS_MMAP
  if (is_mapping(size)) {
    munmap(p, size);
    return;
  }
#endif
  std::free(p);
}

void BlockPool::count_cached(int c, int64_t blocks) {
  const int64_t bytes = blocks * static_cast<int64_t>(class_size(c));
  cached_ += bytes;
  if (c < kSlabClasses) slab_cached_ += bytes;
}

void BlockPool::push(int c, Block* first, uint32_t count) {
  first->next_batch = heads_[c];
  first->count = count;
  heads_[c] = first;
  count_cached(c, count);
}

Block* BlockPool::pop_batch(int c) {
  Block* first = heads_[c];
  if (!first) return nullptr;
  heads_[c] = first->next_batch;
  count_cached(c, -static_cast<int64_t>(first->count));
  return first;
}

Block* BlockPool::pop(int c) {
  Block* first = pop_batch(c);
  if (first && first->count > 1) push(c, first->next, first->count - 1);
  return first;
}

bool BlockPool::add_slab(int c) {
  char* slab = static_cast<char*>(is_there(kSlab) ? std::aligned_alloc(kSlab, kSlab) : nullptr);
  if (!slab) return false;
  Block* first = nullptr;
  for (int64_t i = blocks_in_slab(c) - 1; i >= 0; --i) {
    Block* block = reinterpret_cast<Block*>(slab + kSlabHeader + i * class_size(c));
    block->next = first;
    first = block;
  }
  push(c, first, static_cast<uint32_t>(blocks_in_slab(c)));
  return true;
}

// Over the cap, everything cached goes: what the program uses now is soon there again, and sizes
// that it used before do not keep the room.
void BlockPool::enforce_cap() {
  if (cap_ == 0) {
    cap_ = std::clamp<int64_t>(available_memory() / 8, 64 << 20, int64_t{2} << 30);
    slab_trim_ = cap_;
  }
  if (cached_ - slab_cached_ > cap_) release_unslabbed();
  if (slab_cached_ > slab_trim_) trim_slabs();
}

void BlockPool::release_all() {
  release_unslabbed();
  trim_slabs();
}

void BlockPool::release_unslabbed() {
  for (int c = kSlabClasses; c < kClasses; ++c) {
    while (Block* b = pop(c)) system_free(b, class_size(c));
  }
}

// Frees every slab whose blocks are all in the list. Looks at every cached block, so the next time
// is when twice as much is cached as is left.
void BlockPool::trim_slabs() {
  for (int c = 0; c < kSlabClasses; ++c) {
    Block* all = nullptr;
    while (Block* b = pop_batch(c)) {
      while (b) {
        Block* next = b->next;
        b->next = all;
        all = b;
        b = next;
      }
    }
    for (Block* b = all; b; b = b->next) slab_of(b)->cached = 0;
    for (Block* b = all; b; b = b->next) ++slab_of(b)->cached;
    Block* kept = nullptr;
    uint32_t kept_count = 0;
    Block* whole = nullptr;  // one block of each slab to free, which dies after the walk
    for (Block *b = all, *next; b; b = next) {
      next = b->next;
      Slab* slab = slab_of(b);
      if (slab->cached >= 0 && slab->cached < blocks_in_slab(c)) {
        b->next = kept;
        kept = b;
        if (++kept_count == blocks_in_slab(c)) {
          push(c, std::exchange(kept, nullptr), std::exchange(kept_count, 0));
        }
      } else if (slab->cached > 0) {  // the first block seen of this slab
        slab->cached = -1;
        b->next = whole;
        whole = b;
      }
    }
    if (kept) push(c, kept, kept_count);
    while (whole) {
      Slab* slab = slab_of(whole);
      whole = whole->next;
      std::free(slab);
    }
  }
  slab_trim_ = std::max(cap_, 2 * slab_cached_);
}

}  // namespace chainrule
