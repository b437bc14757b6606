// What the products need beyond vector.h: multiply-add, the first lanes of a vector, and the
// transposition of W rows into vectors that hold one column each.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/vector.h"

namespace chainrule::kernels {
namespace {

// sum += a * b, with one rounding where the instruction set has it. In assembly, because the sum
// then stays in its register: GCC 12 lets the accumulators of an unrolled loop change places, with
// moves and spills between them.
template <typename T>
inline void accumulate(Vector<T>& sum, Vector<T> a, Vector<T> b) {
#if defined(__FMA__)
  if constexpr (sizeof(T) == 4) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  } else {
    asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
#else
  sum += a * b;
#endif
}

// ---- Lanes [0, count) of a vector in memory; what lies behind them is neither read nor written.
// AVX-512 does it at the price of a full access, so there every access may be of this kind.
#if defined(__AVX512F__)
inline constexpr bool kFreeMasks = true;
template <typename T>
struct Lanes {
  uint32_t mask;
  explicit Lanes(int64_t count) : mask((uint32_t{1} << count) - 1) {}
};
template <typename T>
inline Vector<T> load(const T* x, Lanes<T> lanes) {
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes.mask), x);
  } else {
    return (Vector<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes.mask), x);
  }
}
template <typename T>
inline void store(T* y, Vector<T> v, Lanes<T> lanes) {
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(y, static_cast<__mmask16>(lanes.mask), (__m512)v);
  } else {
    _mm512_mask_storeu_pd(y, static_cast<__mmask8>(lanes.mask), (__m512d)v);
  }
}
#else
inline constexpr bool kFreeMasks = false;
template <typename T>
struct Lanes {
  int64_t count;
  explicit Lanes(int64_t count) : count(count) {}
};
template <typename T>
inline Vector<T> load(const T* x, Lanes<T> lanes) {
  if (lanes.count == kWidth<T>) return load(x);
  alignas(kVectorBytes) T copy[kWidth<T>] = {};
  for (int64_t i = 0; i < lanes.count; ++i) copy[i] = x[i];
  return load(copy);
}
template <typename T>
inline void store(T* y, Vector<T> v, Lanes<T> lanes) {
  if (lanes.count == kWidth<T>) return store(y, v);
  alignas(kVectorBytes) T copy[kWidth<T>];
  store(copy, v);
  for (int64_t i = 0; i < lanes.count; ++i) y[i] = copy[i];
}
#endif

// ---- Transposition. A step takes kStep<T> (16 bytes) consecutive elements of each of W rows and
// writes kStep<T> vectors: out[s * out_step + r] = rows[r][s]. The loads put the 16-byte parts of
// rows r, r + kStep, r + 2 kStep, ... side by side, so that only shuffles inside 16 bytes remain: 8
// for 64 floats, where a transposition by register halves takes 64 for 256 and cannot use the load
// ports.
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

template <typename T>
inline __m128i load_part(const T* x) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
}

template <typename T>
inline Bits join_parts(const T* const* rows, int64_t first, int64_t offset) {
#if defined(__AVX512F__)
  Bits v = _mm512_castsi128_si512(load_part(rows[first] + offset));
  v = _mm512_inserti32x4(v, load_part(rows[first + kStep<T>] + offset), 1);
  v = _mm512_inserti32x4(v, load_part(rows[first + 2 * kStep<T>] + offset), 2);
  return _mm512_inserti32x4(v, load_part(rows[first + 3 * kStep<T>] + offset), 3);
#elif defined(__AVX2__)
  const Bits v = _mm256_castsi128_si256(load_part(rows[first] + offset));
  return _mm256_inserti128_si256(v, load_part(rows[first + kStep<T>] + offset), 1);
#else
  return load_part(rows[first] + offset);
#endif
}

template <typename T>
inline void transpose_step(const T* const* rows, int64_t offset, T* out, int64_t out_step) {
  if constexpr (sizeof(T) == 4) {
    const Bits a = join_parts(rows, 0, offset), b = join_parts(rows, 1, offset);
    const Bits c = join_parts(rows, 2, offset), d = join_parts(rows, 3, offset);
    const Bits ab_low = CHAINRULE_LANEWISE(unpacklo_epi32)(a, b);
    const Bits ab_high = CHAINRULE_LANEWISE(unpackhi_epi32)(a, b);
    const Bits cd_low = CHAINRULE_LANEWISE(unpacklo_epi32)(c, d);
    const Bits cd_high = CHAINRULE_LANEWISE(unpackhi_epi32)(c, d);
    store(out, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(ab_low, cd_low));
    store(out + out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(ab_low, cd_low));
    store(out + 2 * out_step, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(ab_high, cd_high));
    store(out + 3 * out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(ab_high, cd_high));
  } else {
    const Bits a = join_parts(rows, 0, offset), b = join_parts(rows, 1, offset);
    store(out, (Vector<T>)CHAINRULE_LANEWISE(unpacklo_epi64)(a, b));
    store(out + out_step, (Vector<T>)CHAINRULE_LANEWISE(unpackhi_epi64)(a, b));
  }
}
#undef CHAINRULE_LANEWISE
#else
template <typename T>
inline void transpose_step(const T* const* rows, int64_t offset, T* out, int64_t out_step) {
  for (int64_t s = 0; s < kStep<T>; ++s) {
    for (int64_t r = 0; r < kWidth<T>; ++r) out[s * out_step + r] = rows[r][offset + s];
  }
}
#endif

}  // namespace
}  // namespace chainrule::kernels
