#include "core/workspace.h"

#include "core/allocator.h"

namespace chainrule {
namespace {

struct Workspace {
  void* data = nullptr;
  int64_t bytes = 0;

  void release() {
    if (data) deallocate(data, static_cast<size_t>(bytes));
    data = nullptr;
    bytes = 0;
  }
  ~Workspace() { release(); }
};

}  // namespace

void* thread_workspace(int64_t bytes) {
  static thread_local Workspace workspace;
  if (bytes > workspace.bytes) {
    workspace.release();
    workspace.data = allocate(static_cast<size_t>(bytes));
    workspace.bytes = bytes;
  }
  return workspace.data;
}

}  // namespace chainrule
