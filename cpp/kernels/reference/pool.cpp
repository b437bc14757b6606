// Pooling window by window, sums in long double.
#include <cmath>
#include <limits>

#include "core/workspace.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

// fn(place in the plane) for the places of a window, row by row.
template <typename F>
void for_places(const Pool& pool, int64_t oy, int64_t ox, F&& fn) {
  const PoolSide &rows = pool.rows, &cols = pool.cols;
  for (int64_t y = rows.begin[oy]; y < rows.end[oy]; y += rows.step) {
    for (int64_t x = cols.begin[ox]; x < cols.end[ox]; x += cols.step) fn(y * cols.size + x);
  }
}

// fn(plane, row and column of the window, its number among all).
template <typename F>
void for_windows(const Pool& pool, int64_t begin, int64_t end, F&& fn) {
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t p = 0; p < pool.positions(); ++p) {
      fn(i, p / pool.cols.windows, p % pool.cols.windows, i * pool.positions() + p);
    }
  }
}

template <typename T>
void max_pool(const Pool& pool, int64_t begin, int64_t end, const void* planes, void* out,
              int64_t* places) {
  for_windows(pool, begin, end, [&](int64_t i, int64_t oy, int64_t ox, int64_t window) {
    const T* x = static_cast<const T*>(planes) + i * pool.plane();
    T best = -std::numeric_limits<T>::infinity();
    int64_t place = pool.rows.begin[oy] * pool.cols.size + pool.cols.begin[ox];
    for_places(pool, oy, ox, [&](int64_t at) {
      if (!(x[at] > best) && !std::isnan(x[at])) return;
      best = x[at];
      place = at;
    });
    static_cast<T*>(out)[window] = best;
    places[window] = place;
  });
}

template <typename T>
void max_pool_backward(const Pool& pool, int64_t begin, int64_t end, const void* dy,
                       const int64_t* places, void* dx) {
  T* to = static_cast<T*>(dx);
  for (int64_t i = begin * pool.plane(); i < end * pool.plane(); ++i) to[i] = 0;
  for_windows(pool, begin, end, [&](int64_t i, int64_t, int64_t, int64_t window) {
    const int64_t place = places[window];
    if (place < 0 || place >= pool.plane()) return;
    to[i * pool.plane() + place] += static_cast<const T*>(dy)[window];
  });
}

Real divisor(const Pool& pool, int64_t oy, int64_t ox) {
  return static_cast<Real>(pool.rows.count[oy]) * static_cast<Real>(pool.cols.count[ox]);
}

template <typename T>
void avg_pool(const Pool& pool, int64_t begin, int64_t end, const void* in, void* out) {
  for_windows(pool, begin, end, [&](int64_t i, int64_t oy, int64_t ox, int64_t window) {
    const T* x = static_cast<const T*>(in) + i * pool.plane();
    Real sum = 0;
    for_places(pool, oy, ox, [&](int64_t at) { sum += x[at]; });
    static_cast<T*>(out)[window] = static_cast<T>(sum / divisor(pool, oy, ox));
  });
}

template <typename T>
void avg_pool_backward(const Pool& pool, int64_t begin, int64_t end, const void* in, void* out) {
  const int64_t bytes = pool.plane() * static_cast<int64_t>(sizeof(Real));
  Real* const sums = static_cast<Real*>(thread_workspace(bytes));
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t p = 0; p < pool.plane(); ++p) sums[p] = 0;
    for_windows(pool, i, i + 1, [&](int64_t, int64_t oy, int64_t ox, int64_t window) {
      const Real share = static_cast<const T*>(in)[window] / divisor(pool, oy, ox);
      for_places(pool, oy, ox, [&](int64_t at) { sums[at] += share; });
    });
    for (int64_t p = 0; p < pool.plane(); ++p) {
      static_cast<T*>(out)[i * pool.plane() + p] = static_cast<T>(sums[p]);
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

void fill_reference_pool(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
