// Floating-point reductions over a dense [outer, n, inner] input.
//
// The order of additions (the numbers are in blocking.h) is a function of n and of inner == 1
// alone:
//   inner == 1: lanes and chunks, see vector.h. Chunks may be given to threads: the kernel on
//               [n / kReduceChunk, kReduceChunk] and the rest, then on the partials, is this tree.
//   inner  > 1: for each column k ascending, in blocks of kProductBlockK that start from the
//   identity;
//               block results are combined in ascending order. Columns do not meet, so they
//               vectorise.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/reduce_ops.h"

namespace chainrule::kernels {
namespace {

// kColumns columns at once, one accumulator each.
template <typename Op, typename T, int64_t kVectors>
void reduce_columns(const T* x, T* y, int64_t n, int64_t inner) {
  const Vector<T> first = splat(Op::template first<T>());
  Vector<T> total[kVectors], block[kVectors];
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) total[v] = first;
  for (int64_t begin = 0; begin < n; begin += kProductBlockK) {
    const int64_t end = n - begin < kProductBlockK ? n : begin + kProductBlockK;
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) block[v] = first;
    for (int64_t k = begin; k < end; ++k) {
#pragma GCC unroll 16
      for (int64_t v = 0; v < kVectors; ++v) {
        block[v] = Op::combine(block[v], Op::map(load(x + k * inner + v * kWidth<T>)));
      }
    }
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) total[v] = Op::Partials::combine(total[v], block[v]);
  }
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) store(y + v * kWidth<T>, total[v]);
}

// Fewer columns than a vector holds: each row is loaded with what follows it, and the lanes beyond
// the columns are forgotten. Near the end of the data the row alone is copied.
template <typename Op, typename T>
void reduce_narrow(const T* x, T* y, int64_t n, int64_t inner) {
  const Vector<T> first = splat(Op::template first<T>());
  Vector<T> total = first;
  for (int64_t begin = 0; begin < n; begin += kProductBlockK) {
    const int64_t end = n - begin < kProductBlockK ? n : begin + kProductBlockK;
    Vector<T> block = first;
    int64_t k = begin;
    for (; k < end && k * inner + kWidth<T> <= n * inner; ++k) {
      block = Op::combine(block, Op::map(load(x + k * inner)));
    }
    for (; k < end; ++k) {
      block = Op::combine(block, Op::map(load_rest<Op>(x + k * inner, inner)));
    }
    total = Op::Partials::combine(total, block);
  }
  for (int64_t j = 0; j < inner; ++j) y[j] = total[j];
}

template <typename Op, typename T>
void reduce_inner(const T* x, T* y, int64_t n, int64_t inner) {
  constexpr int64_t kWide = 4;
  int64_t j = 0;
  for (; j + kWide * kWidth<T> <= inner; j += kWide * kWidth<T>) {
    reduce_columns<Op, T, kWide>(x + j, y + j, n, inner);
  }
  for (; j + kWidth<T> <= inner; j += kWidth<T>) {
    reduce_columns<Op, T, 1>(x + j, y + j, n, inner);
  }
  if (j == inner) return;
  if (inner >= kWidth<T>) {  // the last vector once more, shifted to end with the row
    j = inner - kWidth<T>;
    reduce_columns<Op, T, 1>(x + j, y + j, n, inner);
  } else {
    reduce_narrow<Op, T>(x, y, n, inner);
  }
}

template <typename Op, typename T>
void reduce(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* out,
            const void* in) {
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    if (inner == 1) {
      y[o] = reduce_contiguous<Op>(x + o * n, n);
    } else {
      reduce_inner<Op>(x + o * n * inner, y + o * inner, n, inner);
    }
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  table.reduce[static_cast<int>(Reduce::sum)][kType] = &reduce<Sum, T>;
  table.reduce[static_cast<int>(Reduce::prod)][kType] = &reduce<Prod, T>;
  table.reduce[static_cast<int>(Reduce::amax)][kType] = &reduce<Max, T>;
  table.reduce[static_cast<int>(Reduce::amin)][kType] = &reduce<Min, T>;
  table.reduce[static_cast<int>(Reduce::sum_squares)][kType] = &reduce<SumSquares, T>;
  table.reduce[static_cast<int>(Reduce::sum_abs)][kType] = &reduce<SumAbs, T>;
  table.reduce[static_cast<int>(Reduce::max_abs)][kType] = &reduce<MaxAbs, T>;
}

}  // namespace

void CHAINRULE_ENTRY(reduce)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
