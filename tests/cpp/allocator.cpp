// The caching allocator: size classes, reuse, the cap, blocks that cross threads, empty_cache, and
// OutOfMemory before anything is touched. What the machine has left is made up, so that its end can
// be reached.
#include "core/allocator.h"

#include <dlfcn.h>

#include <barrier>
#include <set>
#include <thread>

#include "core/block_pool.h"
#include "core/errors.h"
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using chainrule::checks::expect;

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kMachine = 256 * kMiB;
constexpr int64_t kCap = 64 * kMiB;   // the smallest, here more than an eighth of the machine
constexpr int64_t kSlack = 4 * kMiB;  // what a thread has for itself, and slabs in use
std::atomic<int64_t> left{kMachine};
std::atomic<int64_t> resident{4 * kMachine};  // of this process: all that it has taken

}  // namespace

// The allocator reads /proc/meminfo through this one, and how much of the process is in memory.
extern "C" __attribute__((visibility("default"))) FILE* fopen(const char* path, const char* mode) {
  using Open = FILE* (*)(const char*, const char*);
  static const Open real = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "fopen"));
  const bool machine = std::string_view(path) == "/proc/meminfo";
  if (!machine && std::string_view(path) != "/proc/self/status") return real(path, mode);
  static thread_local char text[64];
  const int length =
      std::snprintf(text, sizeof text, "%s: %lld kB\n", machine ? "MemAvailable" : "VmRSS",
                    static_cast<long long>((machine ? left : resident).load() / 1024));
  return fmemopen(text, static_cast<size_t>(length), "r");
}

namespace {

// Blocks of one size, given back at the end.
class Blocks {
 public:
  explicit Blocks(size_t bytes) : bytes_(bytes) {}
  ~Blocks() { free(); }
  void take(int count) {
    for (int i = 0; i < count; ++i) blocks_.push_back(allocate(bytes_));
  }
  void free() {
    for (void* p : blocks_) deallocate(p, bytes_);
    blocks_.clear();
  }
  std::set<void*> places() const { return {blocks_.begin(), blocks_.end()}; }

 private:
  size_t bytes_;
  std::vector<void*> blocks_;
};

void check_size_classes() {
  for (int c = 0; c < kClasses; ++c) {
    const size_t size = class_size(c), before = c ? class_size(c - 1) : 0;
    expect(size % kAlignment == 0, "class ", c, " of ", size, " bytes is not aligned");
    expect(size_class(size) == c && size_class(before + 1) == c, "class ", c, " takes not (",
           before, ", ", size, "]");
    // A block is at most an eighth larger than what was asked for, from 1 KiB on.
    expect(size <= 1024 || 8 * (size - before - 1) < size, "class ", c, " wastes too much");
  }
  expect(size_class(0) == 0, "nothing takes more than the smallest block");
}

void check_alignment() {
  for (size_t bytes : {0, 1, 64, 65, 1000, 5000, 70000, 2000000}) {
    void* p = allocate(bytes);
    expect(reinterpret_cast<uintptr_t>(p) % kAlignment == 0, bytes, " bytes are not aligned");
    std::memset(p, 1, bytes);
    deallocate(p, bytes);
  }
}

void check_poison() {
#if !defined(NDEBUG)
  for (int again = 0; again < 2; ++again) {  // a fresh block, then one that was used
    char* p = static_cast<char*>(allocate(300));
    for (int i = 0; i < 300; ++i) expect(p[i] == '\xFF', "byte ", i, " is not poisoned");
    std::memset(p, 0, 300);
    deallocate(p, 300);
  }
#endif
}

void check_reuse() {
  for (size_t bytes : {64, 5000, 100000, 3000000}) {
    void* p = allocate(bytes);
    deallocate(p, bytes);
    void* q = allocate(bytes - 3);  // of the same class
    expect(p == q, "a freed block of ", bytes, " bytes is not used again");
    deallocate(q, bytes - 3);
  }
}

void check_counts() {
  const MemoryStats before = memory_stats();
  {
    Blocks blocks(1000);
    blocks.take(10);
    expect(memory_stats().allocated == before.allocated + 10000, "live bytes are miscounted");
    expect(memory_stats().peak >= before.allocated + 10000, "the peak is miscounted");
  }
  expect(memory_stats().allocated == before.allocated, "freed bytes are miscounted");
}

void check_cap() {
  for (int64_t bytes : {2 * kMiB, kMiB / 2, int64_t{64}}) {
    empty_cache();
    Blocks blocks(static_cast<size_t>(bytes));
    blocks.take(static_cast<int>(3 * kCap / bytes));
    blocks.free();
    const int64_t cached = memory_stats().cached;
    expect(cached <= kCap + kSlack, cached, " bytes are cached after blocks of ", bytes);
  }
}

// Blocks may be freed by another thread, whose end gives them to all.
void check_threads() {
  constexpr size_t kBytes = 7000;
  const int64_t before = memory_stats().allocated;
  Blocks blocks(kBytes);
  std::thread([&] { blocks.take(40); }).join();
  const std::set<void*> places = blocks.places();
  expect(memory_stats().allocated == before + 40 * static_cast<int64_t>(kBytes),
         "blocks of a thread that has ended are miscounted");
  std::thread([&] { blocks.free(); }).join();
  expect(memory_stats().allocated == before, "blocks freed by another thread are miscounted");
  blocks.take(40);
  int again = 0;
  for (void* p : blocks.places()) again += places.contains(p);
  expect(again == 40, "of 40 blocks that another thread freed ", again, " are used again");
}

void check_empty_cache() {
  for (size_t bytes : {64, 100000, 3000000}) {
    Blocks blocks(bytes);
    blocks.take(50);
  }
  empty_cache();
  const int64_t cached = memory_stats().cached;
  expect(cached <= kSlack, cached, " bytes are cached after empty_cache");
}

// Another thread gives its blocks back when it next frees one.
void check_empty_cache_of_another_thread() {
  std::barrier meet(2);
  int64_t kept = 0, followed = 0;
  empty_cache();
  std::thread other([&] {
    Blocks blocks(20000), last(64);
    blocks.take(4);
    last.take(1);
    blocks.free();
    meet.arrive_and_wait();  // empty_cache
    meet.arrive_and_wait();
    last.free();
    meet.arrive_and_wait();  // memory_stats
    meet.arrive_and_wait();
  });
  meet.arrive_and_wait();
  empty_cache();
  kept = memory_stats().cached;
  meet.arrive_and_wait();
  meet.arrive_and_wait();
  followed = memory_stats().cached;
  meet.arrive_and_wait();
  other.join();
  expect(kept - followed >= 4 * 20000, "another thread keeps blocks after empty_cache: ", kept,
         " bytes are cached, then ", followed);
}

bool out_of_memory(size_t bytes) {
  try {
    deallocate(allocate(bytes), bytes);
  } catch (const OutOfMemory&) {
    return true;
  }
  return false;
}

void check_large_requests() {
  expect(out_of_memory(SIZE_MAX), "an impossible size is given");
  expect(out_of_memory(kLargestBlock + 1), "more than the largest block is given");
  expect(out_of_memory(kMachine + kMiB), "more than the machine has is given");
  expect(!out_of_memory(kMachine / 2), "half of the machine is refused");
}

// What was given and not touched yet is still free to the system: it is not given twice.
void check_untouched() {
  empty_cache();
  resident = 0;
  const size_t most = kMachine / 5 * 4;
  void* block = allocate(most);
  expect(out_of_memory(most), "memory that nobody has touched is given twice");
  deallocate(block, most);
  resident = 4 * kMachine;
  expect(!out_of_memory(most), "freed memory is refused");
}

// Many requests, none of them large: the machine's end is noticed before it is passed.
void check_many_requests(size_t bytes) {
  empty_cache();
  Blocks blocks(bytes);
  int64_t taken = 0;
  bool refused = false;
  while (!refused && taken < kMachine + 10 * kMiB) {
    try {
      blocks.take(1);
      taken += static_cast<int64_t>(class_size(size_class(bytes)));
      left = kMachine - taken;
    } catch (const OutOfMemory&) {
      refused = true;
    }
  }
  expect(refused, "blocks of ", bytes, " bytes go past the machine's end");
  expect(taken <= kMachine && taken > kMachine - 2 * kMiB, "blocks of ", bytes,
         " bytes are refused after ", taken);
  blocks.free();
  left = kMachine;
  expect(!out_of_memory(bytes), "freed memory is refused");
}

}  // namespace

int main() {
#if !defined(__linux__)
  return checks::skip("allocator", "only Linux says in a file what memory is left");
#endif
  check_size_classes();
  check_alignment();
  check_poison();
  check_counts();
  check_large_requests();
  check_untouched();
  if (kCaching) {  // not under the address sanitizer, which sees a freed block only outside of
                   // lists
    check_reuse();
    check_cap();
    check_threads();
    check_empty_cache();
    check_empty_cache_of_another_thread();
  }
  for (size_t bytes : {64, 4000, 5000, 100000, 3000000}) check_many_requests(bytes);
  return checks::finish("allocator");
}
