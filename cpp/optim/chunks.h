// The multi-tensor driver of the optimisers: one parallel region over fixed chunks of all tensors,
// so that many small parameters cost one call. An element's update depends on that element alone.
#pragma once

#include <algorithm>

#include "core/threads.h"
#include "ops/op.h"

namespace chainrule {

inline constexpr int64_t kOptimChunk = 1 << 14;  // elements of one task

// fn(tensor, begin, end) over every chunk.
template <typename F>
void for_chunks(std::span<const Tensor> tensors, int cost, F&& fn) {
  SmallVector<int64_t, 64> first;  // chunk number each tensor starts at
  int64_t chunks = 0, work = 0;
  for (const Tensor& t : tensors) {
    first.push_back(chunks);
    chunks += (t.numel() + kOptimChunk - 1) / kOptimChunk;
    work += t.numel() * cost;
  }
  LongWork release(work);
  parallel_for(chunks, work, [&](int64_t chunk) {
    const size_t i = std::upper_bound(first.begin(), first.end(), chunk) - first.begin() - 1;
    const int64_t begin = (chunk - first[i]) * kOptimChunk;
    fn(i, begin, std::min(tensors[i].numel(), begin + kOptimChunk));
  });
}

// Dense memory for a tensor that is not: filled from it, and written back when `write_back`.
class DenseList {
 public:
  static int64_t bytes(std::span<const Tensor> tensors);
  DenseList(std::span<const Tensor> tensors, char*& scratch);
  char* operator[](size_t i) const { return places_[i]; }
  void write_back(std::span<const Tensor> tensors) const;

 private:
  SmallVector<char*, 64> places_;
};

// ShapeError or DtypeError unless `list` fits the parameters element by element.
void check_like_params(const Infer& c, std::span<const Tensor> params, std::span<const Tensor> list,
                       const char* what);
void check_hyper(const Infer& c, const Tensor& hyper, int count);

}  // namespace chainrule
