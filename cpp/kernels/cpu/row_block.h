// Short rows side by side. A row of 3 or 10 classes is too short for a vector, so rows of up to
// kNarrowCols columns are taken kRowLanes at a time and turned: every step then runs down the
// lanes, one row in each. Which of the two ways a row goes is a rule of cols alone, and lanes do
// not meet, so a row's result does not depend on its neighbours or on where a range begins.
#pragma once

#include <cstdint>

#include "kernels/cpu/reduce_ops.h"
#include "kernels/cpu/transpose.h"
#include "kernels/padded_loop.h"
#include "kernels/scalar_math.h"

namespace chainrule::kernels {
namespace {

inline constexpr int64_t kRowLanes = 16;
inline constexpr int64_t kNarrowCols = 32;

template <typename T>
struct RowLanes {
  alignas(64) T at[kRowLanes];
};
template <typename T>
struct RowBlock {
  RowLanes<T> column[kNarrowCols];
};

// Lanes beyond `rows` repeat the last row.
template <typename T>
[[gnu::noinline]] void load_rows(RowBlock<T>& block, const T* x, int64_t rows, int64_t cols) {
  for (int64_t lane = 0; lane < kRowLanes; lane += kWidth<T>) {
    const T* row[kWidth<T>];
    for (int64_t i = 0; i < kWidth<T>; ++i) {
      row[i] = x + (lane + i < rows ? lane + i : rows - 1) * cols;
    }
    for (int64_t c = 0; c < cols; c += kStep<T>) {
      const int64_t count = cols - c < kStep<T> ? cols - c : kStep<T>;
      transpose_step(row, c, block.column[c].at + lane, kRowLanes, count);
    }
  }
}
template <typename T>
[[gnu::noinline]] void store_rows(T* y, const RowBlock<T>& block, int64_t rows, int64_t cols) {
  T beyond[kNarrowCols];  // where the lanes beyond `rows` go
  for (int64_t lane = 0; lane < kRowLanes; lane += kWidth<T>) {
    T* row[kWidth<T>];
    for (int64_t i = 0; i < kWidth<T>; ++i) {
      row[i] = lane + i < rows ? y + (lane + i) * cols : beyond;
    }
    for (int64_t c = 0; c < cols; c += kStep<T>) {
      const int64_t count = cols - c < kStep<T> ? cols - c : kStep<T>;
      transpose_back(row, c, count, [&](int64_t s) __attribute__((always_inline)) {
        return load(block.column[c + s].at + lane);
      });
    }
  }
}

// step(lane) for all lanes; a constant count that the compiler turns into whole vectors.
template <typename Step>
[[gnu::always_inline]] inline void for_lanes(Step step) {
#pragma GCC ivdep
  for (int64_t lane = 0; lane < kRowLanes; ++lane) step(lane);
}

// y[lane] = x of the first `rows` lanes.
template <typename T>
void store_lanes(T* y, const RowLanes<T>& x, int64_t rows) {
  if (rows == kRowLanes) return for_lanes([&](int64_t lane) { y[lane] = x.at[lane]; });
#pragma GCC unroll 1
  for (int64_t lane = 0; lane < rows; ++lane) y[lane] = x.at[lane];
}

// a = a (op) b. Written with vectors: the compiler would unroll these short loops into scalars.
template <typename Op, typename T>
[[gnu::always_inline]] inline void combine_lanes(RowLanes<T>& a, const RowLanes<T>& b) {
#pragma GCC unroll 16
  for (int64_t lane = 0; lane < kRowLanes; lane += kWidth<T>) {
    store(a.at + lane, Op::combine(load(a.at + lane), load(b.at + lane)));
  }
}

// score = x where target is c, and slope = valid ? p - (target is c) : 0: with vectors, too, for
// choices became branches.
template <typename T>
[[gnu::always_inline]] inline void pick_lanes(RowLanes<T>& score, const RowLanes<T>& x,
                                              const RowLanes<T>& target, int64_t c) {
  const Vector<T> wanted = splat(static_cast<T>(c));
#pragma GCC unroll 16
  for (int64_t lane = 0; lane < kRowLanes; lane += kWidth<T>) {
    const auto hit = load(target.at + lane) == wanted;
    store(score.at + lane, hit ? load(x.at + lane) : load(score.at + lane));
  }
}
template <typename T>
[[gnu::always_inline]] inline void slope_lanes(RowLanes<T>& p, const RowLanes<T>& target,
                                               int64_t c) {
  const Vector<T> wanted = splat(static_cast<T>(c)), zero = {}, one = splat(T(1));
#pragma GCC unroll 16
  for (int64_t lane = 0; lane < kRowLanes; lane += kWidth<T>) {
    const Vector<T> t = load(target.at + lane), x = load(p.at + lane);
    const Vector<T> slope = x - (t == wanted ? one : zero);
    store(p.at + lane, t < zero ? zero : slope);
  }
}

// The greatest of a row in one instruction an element, where Max has four: a NaN may be lost, for
// it shows in the sum of the exponentials.
struct Peak : Max {
  template <typename V>
  static V combine(V a, V b) {
    return a > b ? a : b;
  }
};

// Even and odd columns are combined ascending, each from the first one on, then with each other.
template <typename Op, typename T>
RowLanes<T> reduce_lanes(const RowBlock<T>& block, int64_t cols) {
  RowLanes<T> even = block.column[0];
  if (cols == 1) return even;
  RowLanes<T> odd = block.column[1];
  int64_t c = 2;
  for (; c + 1 < cols; c += 2) {
    combine_lanes<Op>(even, block.column[c]);
    combine_lanes<Op>(odd, block.column[c + 1]);
  }
  if (c < cols) combine_lanes<Op>(even, block.column[c]);
  combine_lanes<Op>(even, odd);
  return even;
}

// block = exp(block - max); the row sums come back.
template <typename T>
RowLanes<T> exponentials(RowBlock<T>& block, const RowLanes<T>& max, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    RowLanes<T>& x = block.column[c];
    for_lanes([&](int64_t lane) { x.at[lane] = maths::exp(x.at[lane] - max.at[lane]); });
  }
  return reduce_lanes<Sum>(block, cols);
}
template <typename T>
RowLanes<T> log_lanes(const RowLanes<T>& x) {
  RowLanes<T> y;
  for_lanes([&](int64_t lane) { y.at[lane] = maths::log(x.at[lane]); });
  return y;
}

// block = block / divisor, by the reciprocal: a division per element would be a third of softmax.
template <typename T>
void divide_lanes(RowBlock<T>& block, const RowLanes<T>& divisor, int64_t cols) {
  RowLanes<T> inverse;
  for_lanes([&](int64_t lane) { inverse.at[lane] = T(1) / divisor.at[lane]; });
  for (int64_t c = 0; c < cols; ++c) {
    RowLanes<T>& x = block.column[c];
    for_lanes([&](int64_t lane) { x.at[lane] *= inverse.at[lane]; });
  }
}

// What(first row, rows) for the row range in steps of a block.
template <typename What>
[[gnu::always_inline]] inline void for_row_blocks(int64_t row_begin, int64_t row_end, What what) {
  for (int64_t r = row_begin; r < row_end; r += kRowLanes) {
    what(r, row_end - r < kRowLanes ? row_end - r : kRowLanes);
  }
}

}  // namespace
}  // namespace chainrule::kernels
