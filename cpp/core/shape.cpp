#include "core/shape.h"

#include <algorithm>

#include "core/errors.h"

namespace chainrule {

void Dims::push_back(int64_t v) {
  if (size_ == kMaxDims) {
    throw ShapeError(str("expected at most ", kMaxDims, " dimensions; got more."));
  }
  values_[size_++] = v;
}

void Dims::insert(int position, int64_t v) {
  push_back(v);
  for (int i = size_ - 1; i > position; --i) values_[i] = values_[i - 1];
  values_[position] = v;
}

void Dims::erase(int position) {
  for (int i = position; i + 1 < size_; ++i) values_[i] = values_[i + 1];
  values_[--size_] = 0;  // unused entries stay zero: attributes compare as bytes
}

Dims contiguous_strides(const Dims& sizes) {
  Dims strides(sizes.size(), 1);
  for (int i = sizes.size() - 2; i >= 0; --i) {
    // Unsigned, because the sizes may not have been checked yet.
    strides[i] = static_cast<int64_t>(static_cast<uint64_t>(strides[i + 1]) *
                                      static_cast<uint64_t>(sizes[i + 1] > 0 ? sizes[i + 1] : 1));
  }
  return strides;
}

bool is_contiguous(const Dims& sizes, const Dims& strides) {
  int64_t expected = 1;
  for (int i = sizes.size() - 1; i >= 0; --i) {
    if (sizes[i] == 0) return true;
    if (sizes[i] != 1 && strides[i] != expected) return false;
    expected *= sizes[i];
  }
  return true;
}

bool broadcast_shapes(const Dims& a, const Dims& b, Dims* out) {
  const Dims& longer = a.size() >= b.size() ? a : b;
  const Dims& shorter = a.size() >= b.size() ? b : a;
  Dims result = longer;
  const int shift = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t x = longer[i + shift], y = shorter[i];
    if (x != y && x != 1 && y != 1) return false;
    result[i + shift] = x == 1 ? y : x;
  }
  *out = result;
  return true;
}

Dims broadcast_strides(const Dims& sizes, const Dims& strides, const Dims& target) {
  Dims result(target.size(), 0);
  const int shift = target.size() - sizes.size();
  for (int i = 0; i < sizes.size(); ++i) {
    result[i + shift] = sizes[i] == 1 && target[i + shift] != 1 ? 0 : strides[i];
  }
  return result;
}

int normalize_dim(const char* op, int64_t dim, int rank) {
  const int64_t range = rank > 0 ? rank : 1;
  if (dim < -range || dim >= range) {
    fail<IndexError>(op, "expected dim in [", -range, ", ", range - 1, "] for a ", rank,
                     "-dimensional tensor; got ", dim, ".");
  }
  return static_cast<int>(dim < 0 ? dim + range : dim);
}

int64_t checked_numel(const char* op, const Dims& sizes) {
  int64_t n = 1;
  bool empty = false;
  for (int64_t s : sizes) {
    if (s < 0) fail<ShapeError>(op, "expected sizes >= 0; got ", sizes, ".");
  }
  for (int64_t s : sizes) {
    // Bytes must fit in int64 too; 2^59 elements of 8 bytes are the limit. A tensor without
    // elements has strides and partial products all the same, hence the 1.
    empty |= s == 0;
    if (__builtin_mul_overflow(n, std::max<int64_t>(s, 1), &n) || n > (int64_t{1} << 59)) {
      fail<OutOfMemory>(op, "expected fewer than 2^59 elements, a size of 0 counted as 1; got ",
                        sizes, ".");
    }
  }
  return empty ? 0 : n;
}

int64_t extent(const Dims& sizes, const Dims& strides) {
  uint64_t last = 0;  // unsigned, because those of foreign memory may overflow
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == 0) return 0;
    last += static_cast<uint64_t>(sizes[d] - 1) * static_cast<uint64_t>(strides[d]);
  }
  return static_cast<int64_t>(last + 1);
}

std::string to_string(const Dims& dims) {
  std::string s = "(";
  for (int i = 0; i < dims.size(); ++i) {
    if (i) s += ", ";
    s += std::to_string(dims[i]);
  }
  return s + (dims.size() == 1 ? ",)" : ")");
}

}  // namespace chainrule
