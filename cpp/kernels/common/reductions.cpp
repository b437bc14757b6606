// Reductions whose result does not depend on the order: everything on integers and bool (they
// accumulate in int64 modulo 2^64, and sum and prod return int64), any and all, extremes with an
// index. And cumsum, whose order is the data's; float32 accumulates in float64, as PyTorch's does.
//
// Without elements (n == 0) sum is 0, prod 1, any false, all true; an extreme has no value then and
// the op layer raises before it gets here.
#include "kernels/bfloat16.h"
#include "kernels/common/common.h"

namespace chainrule::kernels {
namespace {

// Sums and products wrap, hence unsigned.
struct Sum {
  using Accumulator = uint64_t;
  template <typename T>
  static constexpr uint64_t first() {
    return 0;
  }
  static uint64_t combine(uint64_t a, uint64_t b) { return a + b; }
};
struct Prod {
  using Accumulator = uint64_t;
  template <typename T>
  static constexpr uint64_t first() {
    return 1;
  }
  static uint64_t combine(uint64_t a, uint64_t b) { return a * b; }
};
struct Max {
  using Accumulator = int64_t;
  template <typename T>
  static constexpr int64_t first() {
    return INT64_MIN;
  }
  static int64_t combine(int64_t a, int64_t b) { return a > b ? a : b; }
};
struct Min {
  using Accumulator = int64_t;
  template <typename T>
  static constexpr int64_t first() {
    return INT64_MAX;
  }
  static int64_t combine(int64_t a, int64_t b) { return a < b ? a : b; }
};

template <typename Op, typename T, typename Out>
void reduce(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* out,
            const void* in) {
  using Accumulator = typename Op::Accumulator;
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    const T* x = static_cast<const T*>(in) + o * n * inner;
    Out* y = static_cast<Out*>(out) + o * inner;
    for (int64_t j = 0; j < inner; ++j) {
      Accumulator sum = Op::template first<T>();
      for (int64_t k = 0; k < n; ++k) {
        sum = Op::combine(sum, static_cast<Accumulator>(x[k * inner + j]));
      }
      y[j] = static_cast<Out>(sum);
    }
  }
}

// any: the first non-zero element decides; all: the first zero. NaN counts as non-zero.
template <bool kAny, typename T>
void any_all(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* out,
             const void* in) {
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    const T* x = static_cast<const T*>(in) + o * n * inner;
    bool* y = static_cast<bool*>(out) + o * inner;
    for (int64_t j = 0; j < inner; ++j) {
      bool result = !kAny;
      for (int64_t k = 0; k < n && result != kAny; ++k) result = x[k * inner + j] != T(0);
      y[j] = result;
    }
  }
}

// A later element replaces the best one if it is better, or the first NaN.
template <bool kMax, typename T>
void extreme(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* values,
             int64_t* indices, const void* in) {
  if (n == 0) return;
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    const T* x = static_cast<const T*>(in) + o * n * inner;
    T* best = static_cast<T*>(values) + o * inner;
    int64_t* index = indices + o * inner;
    for (int64_t j = 0; j < inner; ++j) {
      best[j] = x[j];
      index[j] = 0;
    }
    for (int64_t k = 1; k < n; ++k) {
      const T* row = x + k * inner;
      for (int64_t j = 0; j < inner; ++j) {
        const bool better = kMax ? row[j] > best[j] : row[j] < best[j];
        const bool first_nan = row[j] != row[j] && best[j] == best[j];
        if (better || first_nan) {
          best[j] = row[j];
          index[j] = k;
        }
      }
    }
  }
}

template <typename T, typename Accumulator, typename Out>
void cumsum(int64_t outer_begin, int64_t outer_end, int64_t n, int64_t inner, void* out,
            const void* in) {
  constexpr int64_t kColumns = 64;
  for (int64_t o = outer_begin; o < outer_end; ++o) {
    const T* x = static_cast<const T*>(in) + o * n * inner;
    Out* y = static_cast<Out*>(out) + o * n * inner;
    for (int64_t j = 0; j < inner; j += kColumns) {
      const int64_t columns = inner - j < kColumns ? inner - j : kColumns;
      Accumulator sum[kColumns] = {};
      for (int64_t k = 0; k < n; ++k) {
        for (int64_t c = 0; c < columns; ++c) {
          sum[c] += static_cast<Accumulator>(x[k * inner + j + c]);
          y[k * inner + j + c] = static_cast<Out>(sum[c]);
        }
      }
    }
  }
}

template <typename T>
void set_integer(KernelTable& table) {
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  table.reduce[static_cast<int>(Reduce::sum)][kType] = &reduce<Sum, T, int64_t>;
  table.reduce[static_cast<int>(Reduce::prod)][kType] = &reduce<Prod, T, int64_t>;
  table.reduce[static_cast<int>(Reduce::amax)][kType] = &reduce<Max, T, T>;
  table.reduce[static_cast<int>(Reduce::amin)][kType] = &reduce<Min, T, T>;
  table.cumsum[kType] = &cumsum<T, uint64_t, int64_t>;
}

template <typename T>
void set_any(KernelTable& table) {
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  table.reduce[static_cast<int>(Reduce::any)][kType] = &any_all<true, T>;
  table.reduce[static_cast<int>(Reduce::all)][kType] = &any_all<false, T>;
  table.max[kType] = &extreme<true, T>;
  table.min[kType] = &extreme<false, T>;
}

}  // namespace

void fill_common_reductions(KernelTable& table) {
  set_integer<bool>(table);
  set_integer<uint8_t>(table);
  set_integer<int32_t>(table);
  set_integer<int64_t>(table);
  set_any<bool>(table);
  set_any<uint8_t>(table);
  set_any<int32_t>(table);
  set_any<int64_t>(table);
  set_any<BFloat16>(table);
  set_any<float>(table);
  set_any<double>(table);
  table.cumsum[static_cast<int>(DType::kFloat32)] = &cumsum<float, double, float>;
  table.cumsum[static_cast<int>(DType::kFloat64)] = &cumsum<double, double, double>;
}

}  // namespace chainrule::kernels
