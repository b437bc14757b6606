// The micro-kernels: a register tile of Rows x (Vectors * W) elements of C over one block of k.
// Every element has one accumulator that starts at zero and takes k in ascending order by
// multiply-add, whatever the tile's shape: so neither the tiling nor the place of an element in it
// can be seen in the result.
#pragma once

#include "kernels/cpu/product_vector.h"

namespace chainrule::kernels {
namespace {

// With 32 registers 8 x 3 accumulators, three vectors of B and one of A; with 16 half as many.
// Measured on a Xeon with AVX-512 (operands in L1, share of the multiply-add peak): 8x48 99 %, 6x64
// 98 %, 12x32 and 14x32 95-98 %, 8x32 96 %, 4x64 83-95 %.
inline constexpr int kRows = kVectorBytes == 64 ? 8 : 4;
inline constexpr int kVectors = 3;
// What else a micro-tile adds up over k: the rows of A, or the columns of B. One of the two is the
// incoming gradient where C is a weight's; these are its bias's, at no cost where the additions of
// C wait for each other.
enum class Sums { kNone, kOfA, kOfB };

// A tile of fewer vectors has the registers for more rows, one with sums for fewer.
constexpr int most_rows(int vectors, Sums sums = Sums::kNone) {
  const int rows = vectors == 1 ? 2 * kRows : vectors == 2 ? kRows * 3 / 2 : kRows;
  return sums == Sums::kNone ? rows : rows * 3 / 4;
}
// Steps of k in a turn of the loop: 3-4 % over one where B's rows lie apart, with fewer pointer
// increments.
inline constexpr int kUnroll = 4;

// What the micro-tiles of some rows share.
template <typename T>
struct MicroTile {
  int64_t depth;   // of this block of k
  int64_t a_step;  // ColumnsOfA: between k; else between rows
  const T* b;      // rows of Vectors * W elements
  int64_t b_step;
  int64_t c_step;
  int64_t last;       // elements in the last vector, 1 to W: the only ones read and written in C
  bool add;           // to what C holds; else C is overwritten
  const T* bias;      // added after that; null for none
  T* sums = nullptr;  // of the first row of A or column of B
  int64_t ask_rows;   // of B, b_step apart, that each fetches for a later one
};

// One of them. ColumnsOfA: a[k * a_step + row], else a[row * a_step + k].
template <typename T, int Rows, int Vectors, bool ColumnsOfA, Sums kSums>
[[gnu::always_inline]] inline void micro_tile(const MicroTile<T>& tile, const T* a, T* first_c,
                                              const T* ask, T* sums_of) {
  constexpr int64_t kW = kWidth<T>;
  constexpr int kBases =
      (Rows + 3) / 4;  // x86 addresses four rows by base + {0, 1, 2} * step, 3 step
  const int64_t step = tile.a_step, step3 = 3 * tile.a_step;
  const T* rows[kBases];
  for (int i = 0; i < kBases; ++i) rows[i] = a + (ColumnsOfA ? 4 * i : 4 * i * step);
  const T* b = tile.b;
  // B packed in full vectors is read in full; its own rows, read in place where masks are free, may
  // end inside the last vector.
  const Lanes<T> lanes(tile.last);

  Vector<T> sums[Rows][Vectors];
#pragma GCC unroll 32
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) sums[i][j] = Vector<T>{};
  }
  constexpr int kSummed = kSums == Sums::kOfA ? Rows : kSums == Sums::kOfB ? Vectors : 0;
  Vector<T> summed[kSummed + 1];  // of A each in every lane
#pragma GCC unroll 32
  for (int i = 0; i < kSummed; ++i) summed[i] = Vector<T>{};

  const auto advance = [&](int u) __attribute__((always_inline)) {
    Vector<T> row_of_b[Vectors];
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) {
      row_of_b[j] = kFreeMasks && Vectors == 1 ? load(b + j * kW, lanes) : load(b + j * kW);
    }
    b += tile.b_step;
#pragma GCC unroll 4
    for (int j = 0; kSums == Sums::kOfB && j < Vectors; ++j) add<T>(summed[j], row_of_b[j]);
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i) {
      const int r = i % 4;
      const T* x = ColumnsOfA ? rows[i / 4] + r
                              : rows[i / 4] + u +
                                    (r == 3   ? step3
                                     : r == 2 ? 2 * step
                                              : r * step);
      const Vector<T> a = splat(*x);
      if constexpr (kSums == Sums::kOfA) add<T>(summed[i], a);
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) accumulate<T>(sums[i][j], a, row_of_b[j]);
    }
    if (ColumnsOfA) {
#pragma GCC unroll 8
      for (int i = 0; i < kBases; ++i) rows[i] += step;
    }
  };
  // C is read when the sums are done, thousands of cycles from here: in time from the third-level
  // cache.
  constexpr bool kAsks = !ColumnsOfA && Vectors == kVectors;
  const int64_t fetching = kUnroll * (kAsks && tile.ask_rows > Rows ? tile.ask_rows : Rows);
  int64_t p = 0;
  for (; p + kUnroll <= tile.depth; p += kUnroll) {
    if (p < fetching) {  // one row in a turn: more at once keep B's loads waiting (2 to 4 %)
      if (!kAsks || p < kUnroll * Rows) {
        const T* c = first_c + p / kUnroll * tile.c_step;
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j) __builtin_prefetch(c + j * kW);
      }
      if (kAsks && p < kUnroll * tile.ask_rows) {
#pragma GCC unroll 4
        for (int j = 0; j < kVectors; ++j) __builtin_prefetch(ask + j * kW);
        ask += tile.b_step;
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < kUnroll; ++u) advance(u);
    if (!ColumnsOfA) {
#pragma GCC unroll 8
      for (int i = 0; i < kBases; ++i) rows[i] += kUnroll;
    }
  }
  for (; p < tile.depth; ++p) {
    advance(0);
    if (!ColumnsOfA) {
#pragma GCC unroll 8
      for (int i = 0; i < kBases; ++i) rows[i] += 1;
    }
  }

  const auto column = [&](auto&& each) __attribute__((always_inline)) {
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i) {
      T* c = first_c + i * tile.c_step;
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) each(c + j * kW, sums[i][j], j);
    }
  };
  if (tile.add) {
    column([&](T* c, Vector<T>& sum, int j) __attribute__((always_inline)) {
      sum = (j == Vectors - 1 ? load(c, lanes) : load(c)) + sum;
    });
  }
  if (tile.bias) {
    Vector<T> bias[Vectors];
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) {
      bias[j] = j == Vectors - 1 ? load(tile.bias + j * kW, lanes) : load(tile.bias + j * kW);
    }
    column([&](T*, Vector<T>& sum, int j) __attribute__((always_inline)) { sum += bias[j]; });
  }
  column([&](T* c, Vector<T>& sum, int j) __attribute__((always_inline)) {
    j == Vectors - 1 ? store(c, sum, lanes) : store(c, sum);
  });
  if constexpr (kSums == Sums::kOfA) {
#pragma GCC unroll 32
    for (int i = 0; i < Rows; ++i) {
      const T sum = summed[i][0];
      sums_of[i] = tile.add ? sums_of[i] + sum : sum;
    }
  } else if constexpr (kSums == Sums::kOfB) {
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) {
      const Lanes<T> here(j == Vectors - 1 ? tile.last : kW);
      if (tile.add) summed[j] = load(sums_of + j * kW, here) + summed[j];
      store(sums_of + j * kW, summed[j], here);
    }
  }
}

// `count` of them one below the other: short ones in a call each took a third longer.
template <typename T, int Rows, int Vectors, bool ColumnsOfA, Sums kSums>
void micro(const MicroTile<T>& tile, int64_t count, const T* a, T* c, const T* ask) {
  T* sums = tile.sums;
  for (; count > 0; --count) {
    micro_tile<T, Rows, Vectors, ColumnsOfA, kSums>(tile, a, c, ask, sums);
    if constexpr (kSums == Sums::kOfA) sums += Rows;
    a += ColumnsOfA ? Rows : Rows * tile.a_step;
    c += Rows * tile.c_step;
    ask += tile.ask_rows * tile.b_step;
  }
}

}  // namespace
}  // namespace chainrule::kernels
