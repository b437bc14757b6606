// Operands of the bfloat16 products: pairs of neighbouring k, (2p, 2p + 1), in one 32-bit number,
// as VDPBF16PS reads them. A missing last k is 0 on both sides, whatever else is there.
#pragma once

#include "kernels/bfloat16.h"
#include "kernels/cpu/product_pack.h"

namespace chainrule::kernels {
namespace {

using Pair = uint32_t;
inline constexpr int64_t kLanes = 16;  // pairs, and float32 sums, of a vector

inline int64_t pairs_of(int64_t depth) { return (depth + 1) / 2; }

inline Pair load_pair(const BFloat16* x) {
  Pair pair;
  __builtin_memcpy(&pair, x, sizeof pair);
  return pair;
}

// out[p * width + i] = the pair p of in[i * step + ...] for i < count, zero up to `width`, a
// multiple of kLanes: pairs lie side by side already, so this is float32's transposition.
inline void pack_pairs_across(Pair* out, int64_t width, const BFloat16* in, int64_t step,
                              int64_t count, int64_t depth) {
  const int64_t whole = depth / 2;
  for (int64_t first = 0; first < width; first += kLanes) {
    const float* rows[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      rows[i] = first + i < count ? reinterpret_cast<const float*>(in + (first + i) * step)
                                  : reinterpret_cast<const float*>(kZeros);
    }
    int64_t p = 0;
    for (; p + kStep<float> <= whole; p += kStep<float>) {
      transpose_step(rows, p, reinterpret_cast<float*>(out + p * width + first), width);
    }
    for (; p < pairs_of(depth); ++p) {
      for (int64_t i = 0; i < kLanes; ++i) {
        const BFloat16* x = reinterpret_cast<const BFloat16*>(rows[i]) + 2 * p;
        out[p * width + first + i] = p < whole ? load_pair(x) : x->bits;
      }
    }
  }
}

// Panels of `width`, a multiple of kLanes, one behind the other, from rows of one k each: pair p of
// column i in the panel that starts at column j is out[j * pairs + p * width + i], for
// j + i < count, zero up to the next whole vector.
inline void pack_pairs_along(Pair* out, int64_t width, const BFloat16* in, int64_t step,
                             int64_t count, int64_t depth) {
  const int64_t pairs = pairs_of(depth);
  for (int64_t first = 0; first < count; first += width) {
    const int64_t end = at_most(first + width, count);
    for (int64_t p = 0; p < pairs; ++p) {
      const BFloat16* even = in + 2 * p * step;
      Pair* to = out + first * pairs + p * width;
      for (int64_t j = first; j < end; j += kLanes, to += kLanes) {
        const auto there = static_cast<__mmask16>((1u << at_most(kLanes, end - j)) - 1);
        const auto odd_there = static_cast<__mmask16>(2 * p + 1 < depth ? there : 0);
        const __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, even + j));
        const __m512i high =
            _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(odd_there, even + step + j));
        _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
      }
    }
  }
}

}  // namespace
}  // namespace chainrule::kernels
