// Average pooling of planes. Sums go down the rows first, then along them: height + width additions
// of an element and not height * width.
#include "core/workspace.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/pool_strips.h"
#include "kernels/cpu/reduce_ops.h"

namespace chainrule::kernels {
namespace {

template <typename T>
[[gnu::noinline]] void add_row(T* sums, const T* row, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) sums[i] += row[i];
}

// The sums of a row's windows, divided.
template <typename T>
[[gnu::noinline]] void average_windows(const PoolSide& s, int64_t rows, const T* row, T* out) {
  T sums[kStrip];
  for (int64_t first = 0; first < s.windows; first += kStrip) {
    const int64_t last = between(first + kStrip, 0, s.windows);
    if (s.stride == 0) {
      for (int64_t o = first; o < last; ++o) {
        sums[o - first] = reduce_contiguous<Sum>(row + s.begin[o], s.end[o] - s.begin[o]);
      }
    } else {
      for (int64_t i = 0; i < kStrip; ++i) sums[i] = 0;
      const Places places(s, first, last);
      for (int64_t j = places.from; j < places.to; ++j) {
        for_windows(s, j, first, last, [&](int64_t o, int64_t x) { sums[o - first] += row[x]; });
      }
    }
    for (int64_t o = first; o < last; ++o) {
      out[o] = sums[o - first] / static_cast<T>(rows * s.count[o]);
    }
  }
}

template <typename T>
void avg_pool(const Pool& pool, int64_t begin, int64_t end, const void* in, void* out) {
  const PoolSide &rows = pool.rows, &cols = pool.cols;
  T* sums = static_cast<T*>(thread_workspace(cols.size * static_cast<int64_t>(sizeof(T))));
  for (int64_t i = begin; i < end; ++i) {
    const T* x = static_cast<const T*>(in) + i * pool.plane();
    T* y = static_cast<T*>(out) + i * pool.positions();
    for (int64_t oy = 0; oy < rows.windows; ++oy, y += cols.windows) {
      const T* row = x + rows.begin[oy] * cols.size;
      if (rows.end[oy] - rows.begin[oy] > 1) {
        __builtin_memcpy(sums, row, cols.size * sizeof(T));
        for (int64_t r = rows.begin[oy] + 1; r < rows.end[oy]; ++r) {
          add_row(sums, x + r * cols.size, cols.size);
        }
        row = sums;
      }
      average_windows(cols, rows.count[oy], row, y);
    }
  }
}

// Every window's share of dy, added up along a row.
template <typename T>
[[gnu::noinline]] void spread_windows(const PoolSide& s, int64_t rows, const T* dy, T* row) {
  T share[kStrip];
  for (int64_t first = 0; first < s.windows; first += kStrip) {
    const int64_t last = between(first + kStrip, 0, s.windows);
    for (int64_t o = first; o < last; ++o) {
      share[o - first] = dy[o] / static_cast<T>(rows * s.count[o]);
    }
    if (s.stride == 0) {
      for (int64_t o = first; o < last; ++o) {
        for (int64_t x = s.begin[o]; x < s.end[o]; ++x) row[x] += share[o - first];
      }
      continue;
    }
    const Places places(s, first, last);
    for (int64_t j = places.from; j < places.to; ++j) {
      for_windows(s, j, first, last, [&](int64_t o, int64_t x) { row[x] += share[o - first]; });
    }
  }
}

template <typename T>
void avg_pool_backward(const Pool& pool, int64_t begin, int64_t end, const void* in, void* out) {
  const PoolSide &rows = pool.rows, &cols = pool.cols;
  const size_t bytes = cols.size * sizeof(T);
  T* sums = static_cast<T*>(thread_workspace(static_cast<int64_t>(bytes)));
  for (int64_t i = begin; i < end; ++i) {
    const T* dy = static_cast<const T*>(in) + i * pool.positions();
    T* dx = static_cast<T*>(out) + i * pool.plane();
    __builtin_memset(dx, 0, rows.size * bytes);
    for (int64_t oy = 0; oy < rows.windows; ++oy, dy += cols.windows) {
      __builtin_memset(sums, 0, bytes);
      spread_windows(cols, rows.count[oy], dy, sums);
      for (int64_t r = rows.begin[oy]; r < rows.end[oy]; ++r) {
        add_row(dx + r * cols.size, static_cast<const T*>(sums), cols.size);
      }
    }
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.avg_pool[kType] = &avg_pool<T>;
  table.avg_pool_backward[kType] = &avg_pool_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(avg_pool)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
