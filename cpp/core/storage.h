// Storage: a block of bytes with an owner, a version counter and the name of the op that last
// changed it. Owned blocks put the header and the data in one allocation.
#pragma once

#include <atomic>
#include <functional>

#include "core/allocator.h"
#include "core/ref.h"

namespace chainrule {

class Storage final : public RefCounted {
 public:
  static Ref<Storage> allocate(size_t bytes);
  // Memory of somebody else (NumPy, DLPack, a mapped file); `release` runs once, at the end.
  static Ref<Storage> borrow(void* data, size_t bytes, bool read_only,
                             std::function<void()> release);

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  bool read_only() const { return read_only_; }
  bool foreign() const { return foreign_; }

  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  const char* last_mutation() const { return last_mutation_.load(std::memory_order_relaxed); }
  void bump_version(const char* op) {
    last_mutation_.store(op, std::memory_order_relaxed);
    version_.fetch_add(1, std::memory_order_relaxed);
  }

 private:
  Storage(void* data, size_t bytes) : data_(data), bytes_(bytes) {}
  ~Storage() override = default;
  void destroy() override;

  void* data_;
  size_t bytes_;
  std::atomic<uint32_t> version_{0};
  bool read_only_ = false;
  bool foreign_ = false;
  std::atomic<const char*> last_mutation_{nullptr};
  std::function<void()>* release_ = nullptr;
};

}  // namespace chainrule
