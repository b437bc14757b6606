// SmallVector<T, N>: a vector whose first N elements live in place, so that building the inputs and
// outputs of a call allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace chainrule {

template <typename T, size_t N>
class SmallVector {
 public:
  SmallVector() = default;
  SmallVector(SmallVector&& o) noexcept { take(o); }
  SmallVector(const SmallVector& o) {
    reserve(o.size_);
    for (const T& v : o) push_back(v);
  }
  SmallVector& operator=(SmallVector o) noexcept {
    destroy();
    take(o);
    return *this;
  }
  ~SmallVector() { destroy(); }

  void push_back(T v) {
    if (size_ == capacity_) [[unlikely]]
      reserve(2 * capacity_);
    new (data_ + size_++) T(std::move(v));
  }
  template <typename... Args>
  T& emplace_back(Args&&... args) {
    if (size_ == capacity_) [[unlikely]]
      reserve(2 * capacity_);
    return *new (data_ + size_++) T{std::forward<Args>(args)...};
  }
  void resize(size_t n) {
    reserve(n);
    while (size_ < n) new (data_ + size_++) T();
    while (size_ > n) data_[--size_].~T();
  }
  void clear() { resize(0); }
  void reserve(size_t n) {
    if (n <= capacity_) return;
    T* grown = static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(alignof(T))));
    for (size_t i = 0; i < size_; ++i) {
      new (grown + i) T(std::move(data_[i]));
      data_[i].~T();
    }
    free_heap();
    data_ = grown;
    capacity_ = static_cast<uint32_t>(n);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  bool on_heap() const { return data_ != reinterpret_cast<const T*>(inline_); }
  void free_heap() {
    if (on_heap()) ::operator delete(data_, std::align_val_t(alignof(T)));
  }
  void destroy() {
    for (size_t i = 0; i < size_; ++i) data_[i].~T();
    free_heap();
  }
  void take(SmallVector& o) {
    data_ = reinterpret_cast<T*>(inline_);
    size_ = 0;
    capacity_ = N;
    if (o.on_heap()) {
      data_ = std::exchange(o.data_, reinterpret_cast<T*>(o.inline_));
      capacity_ = std::exchange(o.capacity_, N);
      size_ = std::exchange(o.size_, 0);
    } else {
      for (T& v : o) push_back(std::move(v));
      o.clear();
    }
  }

  alignas(T) unsigned char inline_[N * sizeof(T)];
  T* data_ = reinterpret_cast<T*>(inline_);
  uint32_t size_ = 0;
  uint32_t capacity_ = N;
};

}  // namespace chainrule
