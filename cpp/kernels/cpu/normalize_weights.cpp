// The gradient of normalised rows by the weights of channels, dy x^ summed over the samples.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/row_sums.h"
#include "kernels/maths/basics.h"

namespace chainrule::kernels {
namespace {

// ---- Columns side by side: blocks of rows, each from zero, added up in ascending order.

template <typename T, int64_t kVectors>
void weight_columns(const NormalizeBackwardArgs& args, int64_t col) {
  const T* dy = static_cast<const T*>(args.dy) + col;
  const T* x = static_cast<const T*>(args.x) + col;
  const T* mean = static_cast<const T*>(args.mean);
  const T* rstd = static_cast<const T*>(args.rstd);
  Vector<T> total[kVectors] = {}, block[kVectors];
  for (int64_t begin = 0; begin < args.rows; begin += kProductBlockK) {
    const int64_t end = args.rows - begin < kProductBlockK ? args.rows : begin + kProductBlockK;
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) block[v] = splat(T(0));
    for (int64_t r = begin; r < end; ++r) {
      const Vector<T> center = splat(mean[r]), factor = splat(rstd[r]);
#pragma GCC unroll 16
      for (int64_t v = 0; v < kVectors; ++v) {
        const Vector<T> g = load(dy + r * args.cols + v * kWidth<T>);
        const Vector<T> hat = (load(x + r * args.cols + v * kWidth<T>) - center) * factor;
        block[v] += g == splat(T(0)) ? splat(T(0)) : g * hat;
      }
    }
#pragma GCC unroll 16
    for (int64_t v = 0; v < kVectors; ++v) total[v] += block[v];
  }
#pragma GCC unroll 16
  for (int64_t v = 0; v < kVectors; ++v) {
    store(static_cast<T*>(args.out) + col + v * kWidth<T>, total[v]);
  }
}

template <typename T>
T weight_column(const NormalizeBackwardArgs& args, int64_t col) {
  const T* dy = static_cast<const T*>(args.dy) + col;
  const T* x = static_cast<const T*>(args.x) + col;
  T total = 0;
  for (int64_t begin = 0; begin < args.rows; begin += kProductBlockK) {
    const int64_t end = args.rows - begin < kProductBlockK ? args.rows : begin + kProductBlockK;
    T block = 0;
    for (int64_t r = begin; r < end; ++r) {
      const RowStatistics<T> s = {static_cast<const T*>(args.mean)[r],
                                  static_cast<const T*>(args.rstd)[r]};
      block += maths::chain(dy[r * args.cols], s.normalized(x[r * args.cols]));
    }
    total += block;
  }
  return total;
}

// A channel of more than one column: its parts of all samples, ascending.
template <typename T>
T weight_channel(const NormalizeBackwardArgs& args, int64_t channel) {
  const int64_t of_row = args.cols / args.span;
  T total = 0;
  for (int64_t r = channel / of_row; r < args.rows; r += args.groups) {
    const int64_t from = r * args.cols + channel % of_row * args.span;
    const RowTerms<T, false> terms = {
        static_cast<const T*>(args.dy) + from, nullptr, static_cast<const T*>(args.x) + from,
        splat(static_cast<const T*>(args.mean)[r]), splat(static_cast<const T*>(args.rstd)[r])};
    total += row_sums(terms, args.span).dot;
  }
  return total;
}

template <typename T>
void weight_gradient(const NormalizeBackwardArgs& args, int64_t col_begin, int64_t col_end) {
  if (args.groups > 1 || args.span > 1) {
    for (int64_t c = col_begin; c < col_end; ++c) {
      static_cast<T*>(args.out)[c] = weight_channel<T>(args, c);
    }
    return;
  }
  constexpr int64_t kWide = 4;
  int64_t c = col_begin;
  for (; c + kWide * kWidth<T> <= col_end; c += kWide * kWidth<T>) {
    weight_columns<T, kWide>(args, c);
  }
  for (; c + kWidth<T> <= col_end; c += kWidth<T>) weight_columns<T, 1>(args, c);
  for (; c < col_end; ++c) static_cast<T*>(args.out)[c] = weight_column<T>(args, c);
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.normalize_weight[0][kType] = &weight_gradient<T>;
}

}  // namespace

void CHAINRULE_ENTRY(normalize_weights)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
