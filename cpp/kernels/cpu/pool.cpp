// Pooling of planes. Windows at a regular stride are taken side by side, one place of all of them
// after the other, in strips that stay in registers and L1; others one by one. Sums go down the
// rows first, then along them: height + width additions of an element and not height * width.
#include <limits>

#include "core/workspace.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/pool_masks.h"
#include "kernels/cpu/reduce_ops.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kStrip = 64;  // windows side by side

// As wide as the values, so that vectors of both have the same lanes.
template <typename T>
struct PlaceOf {
  using Type = int64_t;
};
template <>
struct PlaceOf<float> {
  using Type = int32_t;
};
template <typename T>
using Place = typename PlaceOf<T>::Type;

inline int64_t ceil_from_zero(int64_t n, int64_t d) { return n <= 0 ? 0 : (n - 1) / d + 1; }
inline int64_t within(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}

// Windows [from, to) of a strip whose place j is inside; it is then at window * stride + right.
struct Reach {
  int64_t right, from, to;
  Reach(const PoolSide& s, int64_t j, int64_t first, int64_t last)
      : right(j * s.step - s.before),
        from(within(ceil_from_zero(-right, s.stride), first, last)),
        to(within(ceil_from_zero(s.size - right, s.stride), from, last)) {}
};

// fn(window, place) for windows [from, to), with strides that the compiler knows where they are
// small.
template <typename F>
inline void for_windows(const Reach& r, int64_t stride, F&& fn) {
  if (stride == 1) {
#pragma GCC ivdep
    for (int64_t o = r.from; o < r.to; ++o) fn(o, o + r.right);
  } else if (stride == 2) {
#pragma GCC ivdep
    for (int64_t o = r.from; o < r.to; ++o) fn(o, 2 * o + r.right);
  } else {
#pragma GCC ivdep
    for (int64_t o = r.from; o < r.to; ++o) fn(o, stride * o + r.right);
  }
}

// ---- The largest.

template <typename T>
struct Best {
  T value[kStrip];
  Place<T> place[kStrip];
};

template <typename T>
inline void take(Best<T>& best, int64_t i, T value, Place<T> place) {
  const bool takes = (value > best.value[i]) | (value != value);
  best.value[i] = takes ? value : best.value[i];
  best.place[i] = takes ? place : best.place[i];
}

template <typename T>
[[gnu::noinline]] void best_of_row(const PoolSide& s, int64_t first, int64_t last, const T* row,
                                   Place<T> start, Best<T>& best) {
  if (s.stride == 0) {
    for (int64_t o = first; o < last; ++o) {
      for (int64_t x = s.begin[o]; x < s.end[o]; x += s.step) {
        take(best, o - first, row[x], start + static_cast<Place<T>>(x));
      }
    }
    return;
  }
  for (int64_t j = 0; j < s.kernel; ++j) {
    for_windows(Reach(s, j, first, last), s.stride, [&](int64_t o, int64_t x) {
      take(best, o - first, row[x], start + static_cast<Place<T>>(x));
    });
  }
}

template <typename T>
void max_of_plane(const Pool& pool, const T* x, T* out, int64_t* places) {
  const PoolSide &rows = pool.rows, &cols = pool.cols;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == sizeof(float)) {
    if (takes_masks(pool)) {
      for (int64_t oy = 0; oy < rows.windows; ++oy) {
        max_of_windows(pool, oy, x, out + oy * cols.windows, places + oy * cols.windows);
      }
      return;
    }
  }
#endif
  Best<T> best;
  for (int64_t oy = 0; oy < rows.windows; ++oy) {
    for (int64_t first = 0; first < cols.windows; first += kStrip) {
      const int64_t last = within(first + kStrip, 0, cols.windows), n = last - first;
      for (int64_t i = 0; i < n; ++i) {
        best.value[i] = -std::numeric_limits<T>::infinity();
        best.place[i] = static_cast<Place<T>>(rows.begin[oy] * cols.size + cols.begin[first + i]);
      }
      for (int64_t y = rows.begin[oy]; y < rows.end[oy]; y += rows.step) {
        best_of_row(cols, first, last, x + y * cols.size, static_cast<Place<T>>(y * cols.size),
                    best);
      }
      const int64_t at = oy * cols.windows + first;
      for (int64_t i = 0; i < n; ++i) out[at + i] = best.value[i];
      for (int64_t i = 0; i < n; ++i) places[at + i] = best.place[i];
    }
  }
}

template <typename T>
void max_pool(const Pool& pool, int64_t begin, int64_t end, const void* planes, void* out,
              int64_t* places) {
  for (int64_t i = begin; i < end; ++i) {
    max_of_plane(pool, static_cast<const T*>(planes) + i * pool.plane(),
                 static_cast<T*>(out) + i * pool.positions(), places + i * pool.positions());
  }
}

template <typename T>
void max_pool_backward(const Pool& pool, int64_t begin, int64_t end, const void* dy,
                       const int64_t* places, void* dx) {
  const int64_t plane = pool.plane(), positions = pool.positions();
  for (int64_t i = begin; i < end; ++i) {
    T* to = static_cast<T*>(dx) + i * plane;
    __builtin_memset(to, 0, plane * sizeof(T));
    const T* g = static_cast<const T*>(dy) + i * positions;
    const int64_t* place = places + i * positions;
    for (int64_t p = 0; p < positions; ++p) {
      if (static_cast<uint64_t>(place[p]) < static_cast<uint64_t>(plane)) to[place[p]] += g[p];
    }
  }
}

// ---- Averages.

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
    const int64_t last = within(first + kStrip, 0, s.windows);
    if (s.stride == 0) {
      for (int64_t o = first; o < last; ++o) {
        sums[o - first] = reduce_contiguous<Sum>(row + s.begin[o], s.end[o] - s.begin[o]);
      }
    } else {
      for (int64_t i = 0; i < kStrip; ++i) sums[i] = 0;
      for (int64_t j = 0; j < s.kernel; ++j) {
        for_windows(Reach(s, j, first, last), s.stride,
                    [&](int64_t o, int64_t x) { sums[o - first] += row[x]; });
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
    const int64_t last = within(first + kStrip, 0, s.windows);
    for (int64_t o = first; o < last; ++o) {
      share[o - first] = dy[o] / static_cast<T>(rows * s.count[o]);
    }
    if (s.stride == 0) {
      for (int64_t o = first; o < last; ++o) {
        for (int64_t x = s.begin[o]; x < s.end[o]; ++x) row[x] += share[o - first];
      }
      continue;
    }
    for (int64_t j = 0; j < s.kernel; ++j) {
      for_windows(Reach(s, j, first, last), s.stride,
                  [&](int64_t o, int64_t x) { row[x] += share[o - first]; });
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
  table.max_pool[kType] = &max_pool<T>;
  table.max_pool_backward[kType] = &max_pool_backward<T>;
  table.avg_pool[kType] = &avg_pool<T>;
  table.avg_pool_backward[kType] = &avg_pool_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(pool)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
