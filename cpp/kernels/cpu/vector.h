// The compiler's vector type at the level's natural width, and the lane tree that every reduction
// over contiguous elements uses: element i of a chunk goes to lane i % kReduceLanes, lanes are
// folded in halves (lane j with lane j + half). The tree does not depend on the instruction set.
#pragma once

#include <cstdint>

#include "kernels/blocking.h"

namespace chainrule::kernels {
namespace {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <typename T>
struct VectorOf {
  typedef T Type __attribute__((vector_size(kVectorBytes)));
  // The same for loads at any address.
  typedef T Unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <typename T>
using Vector = typename VectorOf<T>::Type;
template <typename T>
inline constexpr int64_t kWidth = kVectorBytes / static_cast<int64_t>(sizeof(T));

template <typename T>
inline Vector<T> load(const T* x) {
  return *reinterpret_cast<const typename VectorOf<T>::Unaligned*>(x);
}
template <typename T>
inline void store(T* y, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::Unaligned*>(y) = v;
}
template <typename T>
inline Vector<T> splat(T x) {
  return x - Vector<T>{};
}

// Op: kIdentity-like `first<T>()`, `map(x)` and `combine(a, b)`, both for T and for Vector<T>.
template <typename Op, typename T>
inline T fold(T* lanes, int64_t count) {
  for (int64_t half = count / 2; half > 0; half /= 2) {
    for (int64_t j = 0; j < half; ++j) lanes[j] = Op::combine(lanes[j], lanes[j + half]);
  }
  return lanes[0];
}

// One chunk: 0 <= n <= kReduceChunk.
template <typename Op, typename T>
T reduce_chunk(const T* x, int64_t n) {
  constexpr int64_t kLanes = kReduceLanes<T>;
  constexpr int64_t kVectors = kLanes / kWidth<T>;
  alignas(64) T lanes[kLanes];
  if (n < kLanes) {
    // Lanes without an element hold the identity, so folding starts at the last one that matters.
    int64_t count = 1;
    while (count < n) count *= 2;
    for (int64_t j = 0; j < n; ++j) lanes[j] = Op::combine(Op::template first<T>(), Op::map(x[j]));
    for (int64_t j = n; j < count; ++j) lanes[j] = Op::template first<T>();
    return fold<Op>(lanes, count);
  }
  Vector<T> sums[kVectors];
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) sums[v] = splat(Op::template first<T>());
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) {
      sums[v] = Op::combine(sums[v], Op::map(load(x + i + v * kWidth<T>)));
    }
  }
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) store(lanes + v * kWidth<T>, sums[v]);
  for (int64_t j = 0; i + j < n; ++j) lanes[j] = Op::combine(lanes[j], Op::map(x[i + j]));
  return fold<Op>(lanes, kLanes);
}

// Any n: chunks of kReduceChunk, then their results (by Op::Partials) in the same way.
template <typename Op, typename T>
T reduce_contiguous(const T* x, int64_t n);

// The result of the elements [begin, begin + n) with n <= kReduceChunk^depth.
template <typename Op, typename T>
T reduce_levels(const T* x, int64_t n, int depth) {
  if (depth <= 1) return reduce_chunk<Op>(x, n);
  int64_t part = 1;
  for (int d = 1; d < depth; ++d) part *= kReduceChunk;
  T partials[kReduceChunk];
  int64_t count = 0;
  for (int64_t i = 0; i < n; i += part) {
    partials[count++] = reduce_levels<Op>(x + i, n - i < part ? n - i : part, depth - 1);
  }
  return reduce_chunk<typename Op::Partials>(partials, count);
}

template <typename Op, typename T>
T reduce_contiguous(const T* x, int64_t n) {
  int depth = 1;
  for (int64_t reach = kReduceChunk; reach < n; reach *= kReduceChunk) ++depth;
  return reduce_levels<Op>(x, n, depth);
}

}  // namespace
}  // namespace chainrule::kernels
