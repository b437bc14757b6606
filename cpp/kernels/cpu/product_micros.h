// Choosing a micro-kernel: most_rows as often as it fits, the last two share what is left. Eight
// and two of ten rows would end with two that wait for each multiply-add: 10x128x64 takes 0.87 us
// so, 0.77 in fives.
#pragma once

#include "kernels/cpu/product_micro.h"

namespace chainrule::kernels {
namespace {

template <typename T>
using Micro = void (*)(const MicroTile<T>&, int64_t count, const T*, T*, const T*);

template <typename T, bool ColumnsOfA, Sums kSums>
struct Micros {
  Micro<T> of[kVectors][most_rows(1, kSums)];  // vectors - 1, rows - 1
};

template <typename T, bool ColumnsOfA, Sums kSums, int Vectors, int Rows = 1>
constexpr void set_micros(Micros<T, ColumnsOfA, kSums>& micros) {
  if constexpr (Rows <= most_rows(Vectors, kSums)) {
    micros.of[Vectors - 1][Rows - 1] = micro<T, Rows, Vectors, ColumnsOfA, kSums>;
    set_micros<T, ColumnsOfA, kSums, Vectors, Rows + 1>(micros);
  }
}

template <typename T, bool ColumnsOfA, Sums kSums>
inline constexpr Micros<T, ColumnsOfA, kSums> kMicros = [] {
  Micros<T, ColumnsOfA, kSums> micros{};
  set_micros<T, ColumnsOfA, kSums, 1>(micros);
  set_micros<T, ColumnsOfA, kSums, 2>(micros);
  set_micros<T, ColumnsOfA, kSums, 3>(micros);
  return micros;
}();

// How many micro-tiles of kVectors vectors `rows` rows are.
inline int64_t micro_tiles(int64_t rows) { return (rows + kRows - 1) / kRows; }

// `rows` x `cols` elements of C from `c` on, cols <= kVectors * W.
template <typename T, bool ColumnsOfA, Sums kSums = Sums::kNone>
void micro_rows(MicroTile<T>& tile, int64_t rows, int64_t cols, const T* a, T* c, const T* ask) {
  const int64_t vectors = (cols + kWidth<T> - 1) / kWidth<T>;
  tile.last = cols - (vectors - 1) * kWidth<T>;
  const auto run = [&](int64_t count, int64_t of) {
    if (count == 0) return;
    kMicros<T, ColumnsOfA, kSums>.of[vectors - 1][of - 1](tile, count, a, c, ask);
    a += ColumnsOfA ? count * of : count * of * tile.a_step;
    c += count * of * tile.c_step;
    ask += count * tile.ask_rows * tile.b_step;
    if (kSums == Sums::kOfA) tile.sums += count * of;
    rows -= count * of;
  };
  const int64_t most = most_rows(static_cast<int>(vectors), kSums);
  run(rows % most == 0 || rows < most ? rows / most : rows / most - 1, most);
  if (rows > most) run(1, (rows + 1) / 2);
  if (rows > 0) run(1, rows);
}

}  // namespace
}  // namespace chainrule::kernels
