// Operands of the bfloat16 products: pairs of neighbouring k, (2p, 2p + 1), in one 32-bit number,
// as VDPBF16PS reads them. Operands of float32 are rounded on the way, subnormal ones to 0. A
// missing last k is 0 on both sides, whatever else is there.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/cpu/product_pack.h"

namespace chainrule::kernels {
namespace {

using Pair = uint32_t;
inline constexpr int64_t kLanes = 16;  // pairs, and float32 sums, of a vector

inline int64_t pairs_of(int64_t depth) { return (depth + 1) / 2; }
inline __mmask16 first_lanes(int64_t count) { return static_cast<__mmask16>((1u << count) - 1); }

inline Pair load_pair(const BFloat16* x) {
  Pair pair;
  __builtin_memcpy(&pair, x, sizeof pair);
  return pair;
}

// As BFloat16(float) rounds; VCVTNEPS2BF16 would flush subnormals.
inline void store_rounded(BFloat16* y, __mmask16 mask, __m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7FFF)), odd);
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  up = _mm512_mask_or_epi32(up, nan, bits, _mm512_set1_epi32(0x400000));
  _mm512_mask_cvtepi32_storeu_epi16(y, mask, _mm512_srli_epi32(up, 16));
}
inline __m512 widened(__mmask16 mask, const BFloat16* x) {
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, x));
  return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

// Two halves of a vector of bfloat16; operands may be flushed here, since the products do it.
inline __m512i rounded_halves(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// Pairs of elements in two rows: number i of the first beside number i of the second.
inline __m512i side_by_side(__mmask16 first, const BFloat16* x, __mmask16 second,
                            const BFloat16* y) {
  const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first, x));
  const __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(second, y));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}
inline __m512i side_by_side(__mmask16 first, const float* x, __mmask16 second, const float* y) {
  alignas(64) static constexpr uint16_t kPlaces[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                       21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                       11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(
      _mm512_load_si512(kPlaces),
      rounded_halves(_mm512_maskz_loadu_ps(first, x), _mm512_maskz_loadu_ps(second, y)));
}

// out[p * step + i] = the pair p of in[i * in_step + ...] for i < count, zero up to kLanes: pairs
// lie side by side already, so this is float32's transposition.
inline void transpose_pairs(Pair* out, int64_t step, const BFloat16* in, int64_t in_step,
                            int64_t count, int64_t depth) {
  const int64_t whole = depth / 2;
  const float* rows[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) {
    rows[i] = i < count ? reinterpret_cast<const float*>(in + i * in_step)
                        : reinterpret_cast<const float*>(kZeros);
  }
  int64_t p = 0;
  for (; p + kStep<float> <= whole; p += kStep<float>) {
    transpose_step(rows, p, reinterpret_cast<float*>(out + p * step), step);
  }
  for (; p < pairs_of(depth); ++p) {
    for (int64_t i = 0; i < kLanes; ++i) {
      const BFloat16* x = reinterpret_cast<const BFloat16*>(rows[i]) + 2 * p;
      out[p * step + i] = p < whole ? load_pair(x) : x->bits;
    }
  }
}
inline void transpose_pairs(Pair* out, int64_t step, const float* in, int64_t in_step,
                            int64_t count, int64_t depth) {
  constexpr int64_t kChunk = 64;  // of k, even; 2 KiB
  BFloat16 halves[kLanes * kChunk];
  for (int64_t k = 0; k < depth; k += kChunk) {
    const int64_t now = at_most(kChunk, depth - k);
    for (int64_t i = 0; i < count; ++i) {
      const float* row = in + i * in_step + k;
      for (int64_t j = 0; j < now; j += 2 * kLanes) {
        const int64_t left = now - j;
        const __mmask16 first = first_lanes(at_most(kLanes, left));
        const __mmask16 second = left > kLanes ? first_lanes(at_most(kLanes, left - kLanes)) : 0;
        _mm512_storeu_si512(halves + i * kChunk + j,
                            rounded_halves(_mm512_maskz_loadu_ps(first, row + j),
                                           _mm512_maskz_loadu_ps(second, row + j + kLanes)));
      }
    }
    transpose_pairs(out + k / 2 * step, step, halves, kChunk, count, now);
  }
}

// Columns stored along k: out[p * width + i] = the pair p of column i < count, zero up to `width`,
// a multiple of kLanes.
template <typename In>
void pack_pairs_across(Pair* out, int64_t width, const In* in, int64_t step, int64_t count,
                       int64_t depth) {
  for (int64_t first = 0; first < width; first += kLanes) {
    transpose_pairs(out + first, width, in + first * step, step, at_most(kLanes, count - first),
                    depth);
  }
}

// Panels of `width`, a multiple of kLanes, one behind the other, from rows of one k each: pair p of
// column i in the panel that starts at column j is out[j * pairs + p * width + i], for
// j + i < count, zero up to the next whole vector.
template <typename In>
void pack_pairs_along(Pair* out, int64_t width, const In* in, int64_t step, int64_t count,
                      int64_t depth) {
  const int64_t pairs = pairs_of(depth);
  for (int64_t first = 0; first < count; first += width) {
    const int64_t end = at_most(first + width, count);
    for (int64_t p = 0; p < pairs; ++p) {
      const In* even = in + 2 * p * step;
      Pair* to = out + first * pairs + p * width;
      for (int64_t j = first; j < end; j += kLanes, to += kLanes) {
        const __mmask16 there = first_lanes(at_most(kLanes, end - j));
        const __mmask16 odd_there = 2 * p + 1 < depth ? there : __mmask16{0};
        _mm512_storeu_si512(to, side_by_side(there, even + j, odd_there, even + step + j));
      }
    }
  }
}

}  // namespace
}  // namespace chainrule::kernels
