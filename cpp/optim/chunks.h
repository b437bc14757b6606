// The multi-tensor driver of the optimisers: one parallel region over fixed chunks of all tensors,
// so that many small parameters cost one call. An element's update depends on that element alone.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "ops/op.h"

namespace chainrule {

inline constexpr int64_t kOptimChunk = 1 << 14;  // elements of one task

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

inline int64_t for_chunks_bytes(std::span<const Tensor> tensors) {
  return list_bytes<int64_t>(tensors.size());
}
// fn(tensor, begin, end) over every chunk.
template <typename F>
void for_chunks(std::span<const Tensor> tensors, int cost, char*& scratch, F&& fn) {
  int64_t* first = take_list<int64_t>(tensors.size(), scratch);  // chunk each tensor starts at
  int64_t chunks = 0, work = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    first[i] = chunks;
    chunks += (tensors[i].numel() + kOptimChunk - 1) / kOptimChunk;
    work += tensors[i].numel() * cost;
  }
  LongWork release(work);
  parallel_for(chunks, work, [&](int64_t chunk) {
    const size_t i = std::upper_bound(first, first + tensors.size(), chunk) - first - 1;
    const int64_t begin = (chunk - first[i]) * kOptimChunk;
    fn(i, begin, std::min(tensors[i].numel(), begin + kOptimChunk));
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
