// Transposition by vectors of W = kWidth<T> numbers. A step takes kStep<T> (16 bytes) consecutive
// elements of each of W rows and writes kStep<T> vectors, one column each; transpose_back goes the
// other way. The loads put the 16-byte parts of rows r, r + kStep, r + 2 kStep, ... side by side,
// so that only shuffles inside 16 bytes remain: 8 for 64 floats, where a transposition by register
// halves takes 64 for 256 and cannot use the load ports.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/vector.h"

namespace chainrule::kernels {
namespace {

template <typename T>
inline constexpr int64_t kStep = 16 / static_cast<int64_t>(sizeof(T));

#if defined(__SSE2__)
#if defined(__AVX512F__)
using Bits = __m512i;
#define CHAINRULE_LANEWISE(name) _mm512_##name
#elif defined(__AVX2__)
using Bits = __m256i;
#define CHAINRULE_LANEWISE(name) _mm256_##name
#else
using Bits = __m128i;
#define CHAINRULE_LANEWISE(name) _mm_##name
#endif

// The first `count` numbers at x, zeros behind them.
template <typename T>
inline __m128i load_part(const T* x, int64_t count) {
#if defined(__AVX512VL__)
  const auto mask = static_cast<__mmask8>((1u << count) - 1);
  if constexpr (sizeof(T) == 4) return _mm_maskz_loadu_epi32(mask, x);
  if constexpr (sizeof(T) == 8) return _mm_maskz_loadu_epi64(mask, x);
#else
  if (count == kStep<T>) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  alignas(16) T copy[kStep<T>] = {};
  for (int64_t s = 0; s < count; ++s) copy[s] = x[s];
  return _mm_load_si128(reinterpret_cast<const __m128i*>(copy));
#endif
}
template <typename T>
inline void store_part(T* y, __m128i part, int64_t count) {
#if defined(__AVX512VL__)
  const auto mask = static_cast<__mmask8>((1u << count) - 1);
  if constexpr (sizeof(T) == 4) _mm_mask_storeu_epi32(y, mask, part);
  if constexpr (sizeof(T) == 8) _mm_mask_storeu_epi64(y, mask, part);
#else
  if (count == kStep<T>) return _mm_storeu_si128(reinterpret_cast<__m128i*>(y), part);
  alignas(16) T copy[kStep<T>];
  _mm_store_si128(reinterpret_cast<__m128i*>(copy), part);
  for (int64_t s = 0; s < count; ++s) y[s] = copy[s];
#endif
}

template <typename T>
inline Bits join_parts(const T* const* rows, int64_t first, int64_t offset, int64_t count) {
  const auto part = [&](int64_t i) __attribute__((always_inline)) {
    return load_part(rows[first + i * kStep<T>] + offset, count);
  };
#if defined(__AVX512F__)
  Bits v = _mm512_castsi128_si512(part(0));
  v = _mm512_inserti32x4(v, part(1), 1);
  v = _mm512_inserti32x4(v, part(2), 2);
  return _mm512_inserti32x4(v, part(3), 3);
#elif defined(__AVX2__)
  return _mm256_inserti128_si256(_mm256_castsi128_si256(part(0)), part(1), 1);
#else
  return part(0);
#endif
}
template <typename T>
inline void store_parts(T* const* rows, int64_t first, int64_t offset, int64_t count, Bits v) {
  const auto part = [&](int64_t i, __m128i bits) __attribute__((always_inline)) {
    store_part(rows[first + i * kStep<T>] + offset, bits, count);
  };
#if defined(__AVX512F__)
  part(0, _mm512_castsi512_si128(v));
  part(1, _mm512_extracti32x4_epi32(v, 1));
  part(2, _mm512_extracti32x4_epi32(v, 2));
  part(3, _mm512_extracti32x4_epi32(v, 3));
#elif defined(__AVX2__)
  part(0, _mm256_castsi256_si128(v));
  part(1, _mm256_extracti128_si256(v, 1));
#else
  part(0, v);
#endif
}

// out[s * out_step + r] = rows[r][offset + s] for s < count, 0 up to kStep.
template <typename T>
[[gnu::always_inline]] inline void transpose_step(const T* const* rows, int64_t offset, T* out,
                                                  int64_t out_step, int64_t count = kStep<T>) {
  if constexpr (sizeof(T) == 4) {
    const Bits a = join_parts(rows, 0, offset, count), b = join_parts(rows, 1, offset, count);
    const Bits c = join_parts(rows, 2, offset, count), d = join_parts(rows, 3, offset, count);
    const Bits ab_low = CHAINRULE_LANEWISE(unpacklo_epi32)(a, b);
    const Bits ab_high = CHAINRULE_LANEWISE(unpackhi_epi32)(a, b);
    const Bits cd_low = CHAINRULE_LANEWISE(unpacklo_epi32)(c, d);
    const Bits cd_high = CHAINRULE_LANEWISE(unpackhi_epi32)(c, d);
    store(out, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(ab_low, cd_low));
    store(out + out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(ab_low, cd_low));
    store(out + 2 * out_step, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(ab_high, cd_high));
    store(out + 3 * out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(ab_high, cd_high));
  } else {
    const Bits a = join_parts(rows, 0, offset, count), b = join_parts(rows, 1, offset, count);
    store(out, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(a, b));
    store(out + out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(a, b));
  }
}

// rows[r][offset + s] = column(s)[r] for s < count; others may be asked for, too.
template <typename T, typename Column>
[[gnu::always_inline]] inline void transpose_back(T* const* rows, int64_t offset, int64_t count,
                                                  Column column) {
  const auto to = [&](int64_t first, Bits v) __attribute__((always_inline)) {
    store_parts(rows, first, offset, count, v);
  };
  const Bits a = (Bits)column(0), b = (Bits)column(1);
  if constexpr (sizeof(T) == 4) {
    const Bits c = (Bits)column(2), d = (Bits)column(3);
    const Bits ab_low = CHAINRULE_LANEWISE(unpacklo_epi32)(a, b);
    const Bits ab_high = CHAINRULE_LANEWISE(unpackhi_epi32)(a, b);
    const Bits cd_low = CHAINRULE_LANEWISE(unpacklo_epi32)(c, d);
    const Bits cd_high = CHAINRULE_LANEWISE(unpackhi_epi32)(c, d);
    to(0, CHAINRULE_LANEWISE(unpacklo_epi64)(ab_low, cd_low));
    to(1, CHAINRULE_LANEWISE(unpackhi_epi64)(ab_low, cd_low));
    to(2, CHAINRULE_LANEWISE(unpacklo_epi64)(ab_high, cd_high));
    to(3, CHAINRULE_LANEWISE(unpackhi_epi64)(ab_high, cd_high));
  } else {
    to(0, CHAINRULE_LANEWISE(unpacklo_epi64)(a, b));
    to(1, CHAINRULE_LANEWISE(unpackhi_epi64)(a, b));
  }
}
#undef CHAINRULE_LANEWISE
#else
template <typename T>
inline void transpose_step(const T* const* rows, int64_t offset, T* out, int64_t out_step,
                           int64_t count = kStep<T>) {
  for (int64_t s = 0; s < kStep<T>; ++s) {
    for (int64_t r = 0; r < kWidth<T>; ++r) {
      out[s * out_step + r] = s < count ? rows[r][offset + s] : T(0);
    }
  }
}
template <typename T, typename Column>
inline void transpose_back(T* const* rows, int64_t offset, int64_t count, Column column) {
  for (int64_t s = 0; s < count; ++s) {
    const Vector<T> v = column(s);
    for (int64_t r = 0; r < kWidth<T>; ++r) rows[r][offset + s] = v[r];
  }
}
#endif

}  // namespace
}  // namespace chainrule::kernels
