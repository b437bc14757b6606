#include "core/workspace.h"

#include "core/allocator.h"

namespace chainrule {
namespace {

// Room for what a product of a few thousand rows packs; pages that nobody writes to cost nothing.
// Which tile a thread gets is chance: so it takes memory once, and not again some time later.
constexpr int64_t kLeastBytes = 2 << 20;

struct Memory {
  void* data = nullptr;
  int64_t bytes = 0;

  void release() {
    if (data) deallocate(data, static_cast<size_t>(bytes));
    data = nullptr;
    bytes = 0;
  }
  ~Memory() { release(); }
};

}  // namespace

void* thread_workspace(int64_t bytes, Workspace which) {
  static thread_local Memory of[2];
  Memory& workspace = of[static_cast<int>(which)];
  if (bytes > workspace.bytes) {
    workspace.release();
    const int64_t taken = bytes < kLeastBytes ? kLeastBytes : bytes;
    workspace.data = allocate(static_cast<size_t>(taken));
    workspace.bytes = taken;
  }
  return workspace.data;
}

}  // namespace chainrule
