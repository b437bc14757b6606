// Dims: up to eight sizes or strides held in place, no allocation. Printed as Python prints a
// tuple.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace chainrule {

inline constexpr int kMaxDims = 8;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push_back(v);
  }
  Dims(int count, int64_t value) {
    for (int i = 0; i < count; ++i) push_back(value);
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t& operator[](int i) { return values_[i]; }
  int64_t operator[](int i) const { return values_[i]; }
  int64_t back() const { return values_[size_ - 1]; }
  const int64_t* begin() const { return values_; }
  const int64_t* end() const { return values_ + size_; }
  int64_t* begin() { return values_; }
  int64_t* end() { return values_ + size_; }

  void push_back(int64_t v);  // throws ShapeError past eight dimensions
  void insert(int position, int64_t v);
  void erase(int position);
  void clear() { size_ = 0; }

  int64_t product() const {
    uint64_t p = 1;  // unsigned, because sizes that nobody has checked yet may overflow
    for (int64_t v : *this) p *= static_cast<uint64_t>(v);
    return static_cast<int64_t>(p);
  }
  bool contains(int64_t v) const {
    for (int64_t x : *this) {
      if (x == v) return true;
    }
    return false;
  }
  bool operator==(const Dims& other) const {
    if (size_ != other.size_) return false;
    for (int i = 0; i < size_; ++i) {
      if (values_[i] != other.values_[i]) return false;
    }
    return true;
  }

 private:
  int64_t values_[kMaxDims] = {};
  int32_t size_ = 0;
  int32_t unused_ = 0;  // keeps every byte defined: attributes are compared and hashed as bytes
};

// Row-major strides for `sizes`; dimensions of size 0 count as 1.
Dims contiguous_strides(const Dims& sizes);
bool is_contiguous(const Dims& sizes, const Dims& strides);

// The shape both broadcast to; false when they do not fit.
bool broadcast_shapes(const Dims& a, const Dims& b, Dims* out);
// Strides that read a tensor of `sizes` as if it had the (larger) shape `target`.
Dims broadcast_strides(const Dims& sizes, const Dims& strides, const Dims& target);

// Elements from the first to the last of a tensor of strides >= 0; 0 if it has none.
int64_t extent(const Dims& sizes, const Dims& strides);
// 0 <= dim < max(rank, 1) from a possibly negative dim, else IndexError naming the op.
int normalize_dim(const char* op, int64_t dim, int rank);
// numel. Negative sizes are a ShapeError; sizes whose strides could overflow, an OutOfMemory.
int64_t checked_numel(const char* op, const Dims& sizes);

std::string to_string(const Dims& dims);  // "(2, 3)", "(4,)", "()"

}  // namespace chainrule
