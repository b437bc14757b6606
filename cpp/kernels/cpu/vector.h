// The compiler's vector type at the level's natural width, and the lane tree that every reduction
// over contiguous elements uses: element i of a chunk goes to lane i % kReduceLanes, lanes are
// folded in halves (lane j with lane j + half). The tree does not depend on the instruction set.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstdint>
#include <utility>

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

// Op has `first<T>()`, the neutral element, and `map(x)` and `combine(a, b)` for T and Vector<T>.

template <int kBy, typename V, int... kLane>
inline V rotate(V v, std::integer_sequence<int, kLane...>) {
  return __builtin_shufflevector(v, v, ((kLane + kBy) % static_cast<int>(sizeof...(kLane)))...);
}
// Lane j takes in lane j + half, half after half; lane 0 holds the result.
template <typename Op, typename T, int kHalf = kWidth<T> / 2>
inline T fold(Vector<T> v) {
  if constexpr (kHalf == 0) {
    return v[0];
  } else {
    const auto lanes = std::make_integer_sequence<int, kWidth<T>>();
    return fold<Op, T, kHalf / 2>(Op::combine(v, rotate<kHalf>(v, lanes)));
  }
}

// n < kWidth elements, the other lanes neutral. Masked loads where there are any: a vector load
// behind scalar stores waits for all of them, 13 ns here.
template <typename Op, typename T>
inline Vector<T> load_rest(const T* x, int64_t n) {
  const Vector<T> neutral = splat(Op::template first<T>());
#if defined(__AVX512F__)
  const auto mask = static_cast<__mmask16>((1u << n) - 1);
  if constexpr (sizeof(T) == 4) return (Vector<T>)_mm512_mask_loadu_ps((__m512)neutral, mask, x);
  if constexpr (sizeof(T) == 8) {
    return (Vector<T>)_mm512_mask_loadu_pd((__m512d)neutral, static_cast<__mmask8>(mask), x);
  }
#elif defined(__AVX2__)
  static constexpr uint32_t kMasks[16] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
  const uint32_t* words = kMasks + 8 - n * (sizeof(T) / 4);
  const __m256i mask = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
  Vector<T> values;
  if constexpr (sizeof(T) == 4) values = (Vector<T>)_mm256_maskload_ps(x, mask);
  if constexpr (sizeof(T) == 8) values = (Vector<T>)_mm256_maskload_pd(x, mask);
  return sizeof(T) == 4
             ? (Vector<T>)_mm256_blendv_ps((__m256)neutral, (__m256)values, (__m256)mask)
             : (Vector<T>)_mm256_blendv_pd((__m256d)neutral, (__m256d)values, (__m256d)mask);
#else
  alignas(64) T lanes[kWidth<T>];
  store(lanes, neutral);
#pragma GCC unroll 1
  for (int64_t j = 0; j < n; ++j) lanes[j] = x[j];
  return load(lanes);
#endif
}

// One chunk: 0 <= n <= kReduceChunk.
template <typename Op, typename T>
T reduce_chunk(const T* x, int64_t n) {
  constexpr int64_t kWide = kWidth<T>, kLanes = kReduceLanes<T>, kVectors = kLanes / kWide;
  const Vector<T> first = splat(Op::template first<T>());
  // Lanes without an element hold the neutral element: no need to fold them.
  if (n < kWide) return fold<Op, T>(Op::combine(first, Op::map(load_rest<Op>(x, n))));
  Vector<T> sums[kVectors];
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) sums[v] = first;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) {
      sums[v] = Op::combine(sums[v], Op::map(load(x + i + v * kWide)));
    }
  }
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v, i += kWide) {
    if (i + kWide <= n) {
      sums[v] = Op::combine(sums[v], Op::map(load(x + i)));
    } else {
      if (i < n) sums[v] = Op::combine(sums[v], Op::map(load_rest<Op>(x + i, n - i)));
      break;
    }
  }
#pragma GCC unroll 8
  for (int64_t half = kVectors / 2; half > 0; half /= 2) {
#pragma GCC unroll 16
    for (int64_t v = 0; v < half; ++v) sums[v] = Op::combine(sums[v], sums[v + half]);
  }
  return fold<Op, T>(sums[0]);
}

// Any n: chunks of kReduceChunk, then their results (by Op::Partials) in the same way. chunk(i, m)
// gives the result of the elements [i, i + m), m <= kReduceChunk; here n <= kReduceChunk^depth.
template <typename Op, typename T, typename Chunk>
T reduce_levels(int64_t begin, int64_t n, int depth, Chunk chunk) {
  if (depth <= 1) return chunk(begin, n);
  int64_t part = 1;
  for (int d = 1; d < depth; ++d) part *= kReduceChunk;
  T partials[kReduceChunk];
  int64_t count = 0;
  for (int64_t i = 0; i < n; i += part) {
    partials[count++] =
        reduce_levels<Op, T>(begin + i, n - i < part ? n - i : part, depth - 1, chunk);
  }
  return reduce_chunk<typename Op::Partials>(partials, count);
}
template <typename Op, typename T, typename Chunk>
T reduce_by_chunks(int64_t n, Chunk chunk) {
  int depth = 1;
  for (int64_t reach = kReduceChunk; reach < n; reach *= kReduceChunk) ++depth;
  return reduce_levels<Op, T>(0, n, depth, chunk);
}

template <typename Op, typename T>
T reduce_contiguous(const T* x, int64_t n) {
  return reduce_by_chunks<Op, T>(n,
                                 [x](int64_t i, int64_t m) { return reduce_chunk<Op>(x + i, m); });
}

}  // namespace
}  // namespace chainrule::kernels
