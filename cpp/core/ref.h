// Intrusive reference counting: one pointer wide, atomic, no control block.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace chainrule {

// Base of everything shared. `destroy` may be overridden to free iteratively (graph nodes).
class RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  virtual ~RefCounted() = default;

  void retain() const { count_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    // A sole owner needs no read-modify-write: nobody else can raise a count they do not hold.
    if (count_.load(std::memory_order_acquire) == 1 ||
        count_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const_cast<RefCounted*>(this)->destroy();
    }
  }
  // Before anybody else knows the object: a plain store, where retain() is an atomic operation.
  void start_count() const { count_.store(1, std::memory_order_relaxed); }
  int64_t use_count() const { return count_.load(std::memory_order_acquire); }

 protected:
  virtual void destroy() { delete this; }

 private:
  mutable std::atomic<int32_t> count_{0};
};

template <typename T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* p) : p_(p) {
    if (p_) p_->retain();
  }
  static Ref own(T* fresh) {
    fresh->start_count();
    Ref r;
    r.p_ = fresh;
    return r;
  }
  Ref(const Ref& o) : Ref(o.p_) {}
  Ref(Ref&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  template <typename U>
  Ref(const Ref<U>& o) : Ref(o.get()) {}
  template <typename U>
  Ref(Ref<U>&& o) noexcept : p_(o.release()) {}
  ~Ref() {
    if (p_) p_->release();
  }
  Ref& operator=(Ref o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }

  T* release() { return std::exchange(p_, nullptr); }  // the caller owns the count
  T* get() const { return p_; }
  T* operator->() const { return p_; }
  T& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }
  bool operator==(const Ref& o) const { return p_ == o.p_; }

 private:
  T* p_ = nullptr;
};

// The first reference to a new object.
template <typename T>
Ref<T> own(T* fresh) {
  return Ref<T>::own(fresh);
}
template <typename T, typename... Args>
Ref<T> make_ref(Args&&... args) {
  return own(new T(std::forward<Args>(args)...));
}

}  // namespace chainrule
