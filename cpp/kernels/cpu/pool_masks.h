// Max pooling of floats at strides of 1 and 2 by masked vectors: windows side by side stay in
// registers for all their places, whatever their number. Rows of 12 windows of 2x2 take a fifth of
// what a loop with a remainder takes.
#pragma once

#if defined(__AVX512F__)

#include <immintrin.h>

#include <limits>

#include "kernels/cpu/pool_strips.h"

namespace chainrule::kernels {
namespace {

// The elements e of [0, n), n <= 32, for which at + e is in [0, size).
inline uint32_t shown(int64_t at, int64_t size, int64_t n) {
  const int64_t to = size - at < 0 ? 0 : size - at > n ? n : size - at;
  const int64_t from = -at < 0 ? 0 : -at > to ? to : -at;
  return static_cast<uint32_t>((uint64_t{1} << to) - (uint64_t{1} << from));
}

// What 16 windows show at a place; `lanes` are those for which it is inside.
inline __m512 read_windows(const float* row, int64_t at, int64_t size, int64_t n, bool every_other,
                           __mmask16* lanes) {
  if (!every_other) {
    *lanes = static_cast<__mmask16>(shown(at, size, n));
    return _mm512_maskz_loadu_ps(*lanes, masked_at(row, at));
  }
  const uint32_t elements = shown(at, size, 2 * n);
  const __m512 first = _mm512_maskz_loadu_ps(static_cast<__mmask16>(elements), masked_at(row, at));
  const __m512 second =
      _mm512_maskz_loadu_ps(static_cast<__mmask16>(elements >> 16), masked_at(row, at + 16));
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  *lanes = static_cast<__mmask16>(_pext_u32(elements, 0x55555555u));
  return _mm512_permutex2var_ps(first, even, second);
}

inline bool takes_masks(const Pool& pool) {
  return (pool.cols.stride == 1 || pool.cols.stride == 2) && pool.plane() <= INT32_MAX;
}

// One row of windows.
inline void max_of_windows(const Pool& pool, int64_t oy, const float* x, float* out,
                           int64_t* places) {
  const PoolSide &rows = pool.rows, &cols = pool.cols;
  const bool every_other = cols.stride == 2;
  const __m512i steps =
      _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                         _mm512_set1_epi32(static_cast<int>(cols.stride)));
  for (int64_t o = 0; o < cols.windows; o += 16) {
    const int64_t n = cols.windows - o < 16 ? cols.windows - o : 16;
    const __mmask16 all = static_cast<__mmask16>((1u << n) - 1);
    const __mmask8 low = static_cast<__mmask8>(all), high = static_cast<__mmask8>(all >> 8);
    const __m256i begin_low = _mm512_cvtepi64_epi32(_mm512_maskz_loadu_epi64(low, cols.begin + o));
    const __m256i begin_high =
        _mm512_cvtepi64_epi32(_mm512_maskz_loadu_epi64(high, cols.begin + o + 8));
    __m512i place = _mm512_inserti64x4(_mm512_castsi256_si512(begin_low), begin_high, 1);
    const int64_t start = rows.begin[oy] * cols.size;
    place = _mm512_add_epi32(place, _mm512_set1_epi32(static_cast<int>(start)));
    const Places shown(cols, o, o + n);
    __m512 best = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
    for (int64_t y = rows.begin[oy]; y < rows.end[oy]; y += rows.step) {
      const float* row = x + y * cols.size;
      for (int64_t j = shown.from; j < shown.to; ++j) {
        const int64_t at = o * cols.stride + j * cols.step - cols.before;
        __mmask16 lanes;
        const __m512 v = read_windows(row, at, cols.size, n, every_other, &lanes);
        const __mmask16 takes =
            static_cast<__mmask16>(_mm512_mask_cmp_ps_mask(lanes, v, best, _CMP_GT_OQ) |
                                   _mm512_mask_cmp_ps_mask(lanes, v, v, _CMP_UNORD_Q));
        const int here = static_cast<int>(y * cols.size + at);
        best = _mm512_mask_mov_ps(best, takes, v);
        place = _mm512_mask_add_epi32(place, takes, steps, _mm512_set1_epi32(here));
      }
    }
    _mm512_mask_storeu_ps(out + o, all, best);
    _mm512_mask_storeu_epi64(places + o, low, _mm512_cvtepi32_epi64(_mm512_castsi512_si256(place)));
    _mm512_mask_storeu_epi64(places + o + 8, high,
                             _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(place, 1)));
  }
}

}  // namespace
}  // namespace chainrule::kernels

#endif
