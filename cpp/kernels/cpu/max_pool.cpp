// Max pooling of planes. Windows at a regular stride are taken side by side, others one by one.
#include <limits>

#include "kernels/cpu/entry.h"
#include "kernels/cpu/pool_masks.h"
#include "kernels/cpu/pool_strips.h"

namespace chainrule::kernels {
namespace {

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
  const Places places(s, first, last);
  for (int64_t j = places.from; j < places.to; ++j) {
    for_windows(s, j, first, last, [&](int64_t o, int64_t x) {
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
      const int64_t last = between(first + kStrip, 0, cols.windows), n = last - first;
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

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.max_pool[kType] = &max_pool<T>;
  table.max_pool_backward[kType] = &max_pool_backward<T>;
}

}  // namespace

void CHAINRULE_ENTRY(max_pool)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
