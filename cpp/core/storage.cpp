#include "core/storage.h"

#include <limits>
#include <memory>
#include <new>
#include <utility>

#include "core/errors.h"

namespace chainrule {

namespace {
// One cache line in front of the data: freeing a tensor touches no second block, and the data keeps
// the allocator's alignment.
constexpr size_t kHeader = kAlignment;
}  // namespace

Ref<Storage> Storage::allocate(size_t bytes) {
  static_assert(sizeof(Storage) <= kHeader);
  if (bytes > std::numeric_limits<size_t>::max() - kHeader) {
    fail<OutOfMemory>("empty", "expected a size that an address can hold; got ", bytes, " bytes.");
  }
  char* block = static_cast<char*>(chainrule::allocate(kHeader + bytes));
  return own(new (block) Storage(block + kHeader, bytes));
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, bool read_only,
                             std::function<void()> release) {
  auto owner = std::make_unique<std::function<void()>>(std::move(release));
  Ref<Storage> storage = own(new (chainrule::allocate(kHeader)) Storage(data, bytes));
  storage->read_only_ = read_only;
  storage->foreign_ = true;
  storage->release_ = owner.release();
  return storage;
}

void Storage::destroy() {
  const size_t block = foreign_ ? kHeader : kHeader + bytes_;
  std::function<void()>* release = release_;
  this->~Storage();
  deallocate(this, block);
  // Last, because it may run a host language's code, which may do anything.
  if (release) {
    if (*release) (*release)();
    delete release;
  }
}

}  // namespace chainrule
