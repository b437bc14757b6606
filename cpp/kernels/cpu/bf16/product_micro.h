// The micro-kernels of the bfloat16 products: a register tile of Rows x (Vectors * 16) float32 sums
// over one block of k. Every sum starts at zero and takes the pairs of k in ascending order, of
// each pair the odd k first, as VDPBF16PS does, whatever the tile's shape.
#pragma once

#include "kernels/cpu/bf16/product_pairs.h"

namespace chainrule::kernels::bf16 {
namespace {

inline constexpr int kRows = 8, kVectors = 3;  // 24 sums, 3 vectors of B, one of A
inline constexpr int64_t kPanel = kVectors * kLanes;
inline constexpr int64_t kGroup = 16;  // rows of a packed panel of A

struct MicroTile {
  int64_t depth = 0;   // of this block of k
  int64_t a_step = 0;  // between the rows of A read in place, in elements
  const Pair* b = nullptr;
  int64_t b_step = 0;             // between the pairs of k of B's panel
  int64_t last = 0;               // columns in the last vector, 1 to 16
  const float* before = nullptr;  // the sums of the blocks before; null for none
  int64_t before_step = 0;
  const BFloat16* bias = nullptr;  // added after the last block; null for none
  float* sums = nullptr;           // where sums go as they are; null: rounded to c
  int64_t sums_step = 0;
  BFloat16* c = nullptr;
  int64_t c_step = 0;
};

// In assembly, because the sum then stays in its register (kernels/cpu/product_vector.h).
[[gnu::always_inline]] inline void add_products(__m512& sum, __m512i a, __m512i b) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
}

// Packed: A's pairs as pack_pairs_along makes them in groups of kGroup rows; else a row of A is
// read where it lies, `a_step` elements from the next.
template <int Rows, int Vectors, bool Packed>
void micro(const MicroTile& t, const void* a) {
  constexpr int kBases =
      (Rows + 3) / 4;  // x86 addresses four rows by base + {0, 1, 2} * step, 3 step
  const int64_t step = t.a_step * static_cast<int64_t>(sizeof(BFloat16)), step3 = 3 * step;
  const char* rows[kBases];
  for (int i = 0; i < kBases; ++i) {
    rows[i] = static_cast<const char*>(a) +
              (Packed ? 4 * i * static_cast<int64_t>(sizeof(Pair)) : 4 * i * step);
  }
  const Pair* b = t.b;
  __m512 sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 3
    for (int j = 0; j < Vectors; ++j) sums[i][j] = _mm512_setzero_ps();
  }
  const auto advance = [&](int u, bool half) __attribute__((always_inline)) {
    __m512i row_of_b[Vectors];
#pragma GCC unroll 3
    for (int j = 0; j < Vectors; ++j) row_of_b[j] = _mm512_loadu_si512(b + j * kLanes);
    b += t.b_step;
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const int r = i % 4;
      const char* x = Packed ? rows[i / 4] + (u * kGroup + r) * static_cast<int64_t>(sizeof(Pair))
                             : rows[i / 4] + u * static_cast<int64_t>(sizeof(Pair)) +
                                   (r == 3   ? step3
                                    : r == 2 ? 2 * step
                                             : r * step);
      const BFloat16* pair = reinterpret_cast<const BFloat16*>(x);
      const __m512i v =
          _mm512_set1_epi32(static_cast<int>(half ? Pair{pair->bits} : load_pair(pair)));
#pragma GCC unroll 3
      for (int j = 0; j < Vectors; ++j) add_products(sums[i][j], v, row_of_b[j]);
    }
  };
  constexpr int kUnroll = 2;
  constexpr int64_t kPairBytes = (Packed ? kGroup : 1) * static_cast<int64_t>(sizeof(Pair));
  const int64_t pairs = Packed ? pairs_of(t.depth) : t.depth / 2;
  // C is written when the sums are done, thousands of cycles from here; a row in a turn.
  const char* ahead =
      t.sums ? reinterpret_cast<const char*>(t.sums) : reinterpret_cast<const char*>(t.c);
  const int64_t ahead_step = t.sums ? t.sums_step * 4 : t.c_step * 2;
  int64_t p = 0;
  for (; p + kUnroll <= pairs; p += kUnroll) {
    if (p < kUnroll * Rows) {
#pragma GCC unroll 3
      for (int j = 0; j < Vectors; ++j) __builtin_prefetch(ahead + j * 64, 1);
      ahead += ahead_step;
    }
#pragma GCC unroll 2
    for (int u = 0; u < kUnroll; ++u) advance(u, false);
#pragma GCC unroll 4
    for (int i = 0; i < kBases; ++i) rows[i] += kUnroll * kPairBytes;
  }
  if (p < pairs) {
    advance(0, false);
#pragma GCC unroll 4
    for (int i = 0; i < kBases; ++i) rows[i] += kPairBytes;
  }
  if (!Packed && t.depth % 2 != 0) advance(0, true);  // what lies behind the row is not its own

  const __mmask16 rest = first_lanes(t.last), full = 0xFFFF;
  const auto each = [&](auto&& act) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 3
      for (int j = 0; j < Vectors; ++j) act(sums[i][j], i, j, j == Vectors - 1 ? rest : full);
    }
  };
  if (t.before) {
    each([&](__m512& sum, int i, int j, __mmask16 mask) __attribute__((always_inline)) {
      const float* before = t.before + i * t.before_step + j * kLanes;
      sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, before), sum);
    });
  }
  if (t.bias) {
    each([&](__m512& sum, int, int j, __mmask16 mask) __attribute__((always_inline)) {
      sum = _mm512_add_ps(sum, widened(mask, t.bias + j * kLanes));
    });
  }
  if (t.sums) {
    each([&](__m512& sum, int i, int j, __mmask16 mask) __attribute__((always_inline)) {
      _mm512_mask_storeu_ps(t.sums + i * t.sums_step + j * kLanes, mask, sum);
    });
  } else {
    each([&](__m512& sum, int i, int j, __mmask16 mask) __attribute__((always_inline)) {
      store_rounded(t.c + i * t.c_step + j * kLanes, mask, sum);
    });
  }
}

using Micro = void (*)(const MicroTile&, const void*);

// By vectors - 1 and the power of two of rows; a single vector has the registers for 16 rows.
template <bool Packed>
inline constexpr Micro kMicros[kVectors][5] = {
    {micro<1, 1, Packed>, micro<2, 1, Packed>, micro<4, 1, Packed>, micro<8, 1, Packed>,
     micro<16, 1, Packed>},
    {micro<1, 2, Packed>, micro<2, 2, Packed>, micro<4, 2, Packed>, micro<8, 2, Packed>},
    {micro<1, 3, Packed>, micro<2, 3, Packed>, micro<4, 3, Packed>, micro<8, 3, Packed>}};

}  // namespace
}  // namespace chainrule::kernels::bf16
