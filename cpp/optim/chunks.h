// The multi-tensor driver of the optimisers: one parallel region over slices of all tensors, so
// that many small parameters cost one call. An element's update depends on that element alone.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "ops/op.h"

namespace chainrule {

inline constexpr int64_t kOptimPart = 1 << 11;  // elements of all tensors together
inline constexpr int64_t kMostOptimParts = 256;
inline constexpr int64_t kOptimLine = 32;  // a slice begins with a cache line, in bfloat16, too

// What a driver of any number of tensors notes of each of them stands in the operation's scratch
// memory, which is there before the update begins: an update that has begun cannot fail.
template <typename T>
constexpr int64_t list_bytes(size_t count) {
  return (static_cast<int64_t>(count * sizeof(T)) + 63) / 64 * 64;
}
template <typename T>
T* take_list(size_t count, char*& scratch) {
  T* list = reinterpret_cast<T*>(scratch);
  scratch += list_bytes<T>(count);
  return list;
}

// fn(tensor, begin, end): a slice of every tensor, part by part. A thread has the same rows of a
// weight in this update, in its gradient's product and in the next forward, so they stay in its
// cache. `work`, an element's, decides whether threads are used (threads.h).
template <typename F>
void for_slices(std::span<const Tensor> tensors, int64_t work, F&& fn) {
  int64_t elements = 0;
  for (const Tensor& t : tensors) elements += t.numel();
  const int64_t parts = std::clamp<int64_t>(elements / kOptimPart, 1, kMostOptimParts);
  const auto bound = [parts](int64_t n, int64_t part) {
    return std::min(n, (n * part / parts + kOptimLine - 1) / kOptimLine * kOptimLine);
  };
  LongWork release(elements * work);
  parallel_ranges(parts, elements * work, [&](int64_t first, int64_t last) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      const int64_t n = tensors[i].numel(), begin = bound(n, first), end = bound(n, last);
      if (begin < end) fn(i, begin, end);
    }
  });
}

// Dense memory for a tensor that is not: filled from it, and written back by write_back.
class DenseList {
 public:
  static int64_t bytes(std::span<const Tensor> tensors);
  DenseList(std::span<const Tensor> tensors, char*& scratch);
  char* operator[](size_t i) const { return places_[i]; }
  void write_back(std::span<const Tensor> tensors) const;

 private:
  char** places_;
};

// ShapeError or DtypeError unless `list` fits the parameters element by element.
void check_like_params(const Infer& c, std::span<const Tensor> params, std::span<const Tensor> list,
                       const char* what);
void check_hyper(const Infer& c, const Tensor& hyper, int count);

}  // namespace chainrule
