// Columns of windows and back. A stretch of positions in one row reads a stretch of one row of the
// plane: with a stride of 1 both are dense. Most stretches are short (8 to 28 elements), so they
// are moved by vectors here and not by memcpy.
#include "kernels/cpu/entry.h"
#include "kernels/cpu/product_vector.h"
#include "kernels/kernel_table.h"

namespace chainrule::kernels {
namespace {

inline int64_t between(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}
// ceil(n / d) for n > 0, else 0.
inline int64_t ceil_from_zero(int64_t n, int64_t d) { return n <= 0 ? 0 : (n - 1) / d + 1; }

template <typename T>
inline void zero(T* out, int64_t n) {
  for (; n >= kWidth<T>; n -= kWidth<T>, out += kWidth<T>) store(out, Vector<T>{});
  if (kFreeMasks) return store(out, Vector<T>{}, Lanes<T>(n));
  for (int64_t i = 0; i < n; ++i) out[i] = 0;
}

// out[i] = in[i * step]
template <typename T>
inline void read_run(T* out, const T* in, int64_t step, int64_t n) {
  constexpr int64_t kW = kWidth<T>;
  if (step == 1) {
    int64_t i = 0;
    for (; i + kW <= n; i += kW) store(out + i, load(in + i));
    if (i == n) return;
    if (kFreeMasks) {
      const Lanes<T> rest(n - i);
      return store(out + i, load(in + i, rest), rest);
    }
    if (n > kW) return store(out + n - kW, load(in + n - kW));
    for (; i < n; ++i) out[i] = in[i];
  } else if (step == 2) {
    for (int64_t i = 0; i < n; ++i) out[i] = in[2 * i];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i] = in[i * step];
  }
}

// out[i * step] += in[i]
template <typename T>
inline void add_run(T* out, const T* in, int64_t step, int64_t n) {
  constexpr int64_t kW = kWidth<T>;
  if (step == 1) {
    int64_t i = 0;
    for (; i + kW <= n; i += kW) store(out + i, load(out + i) + load(in + i));
    if (kFreeMasks) {
      const Lanes<T> rest(n - i);
      return store(out + i, load(out + i, rest) + load(in + i, rest), rest);
    }
    for (; i < n; ++i) out[i] += in[i];
  } else {
    for (int64_t i = 0; i < n; ++i) out[i * step] += in[i];
  }
}

// The stretches of one row of columns: inside(column, place, n) where positions show the plane,
// from element `place` of it on, outside(column, n) where they do not.
template <typename Inside, typename Outside>
inline void for_stretches(const Windows& w, const Columns& c, int64_t row, Inside&& inside,
                          Outside&& outside) {
  const int64_t j = row % w.kernel_w, i = row / w.kernel_w % w.kernel_h;
  const int64_t down = i * w.dilation_h - w.top, right = j * w.dilation_w - w.left;
  const int64_t low = ceil_from_zero(-right, w.stride_w);
  const int64_t high = ceil_from_zero(w.width - right, w.stride_w);
  int64_t y = c.first / w.out_w, x = c.first % w.out_w;
  for (int64_t p = c.first; p < c.last; ++y, x = 0) {
    const int64_t end = w.out_w - x < c.last - p ? w.out_w : x + c.last - p;
    const int64_t at = p - c.first - x;  // where the row of positions starts
    const int64_t in_y = y * w.stride_h + down;
    p += end - x;
    if (in_y < 0 || in_y >= w.height) {
      outside(at + x, end - x);
      continue;
    }
    const int64_t from = between(low, x, end), to = between(high, from, end);
    if (from > x) outside(at + x, from - x);
    if (to > from) inside(at + from, in_y * w.width + from * w.stride_w + right, to - from);
    if (end > to) outside(at + to, end - to);
  }
}

// ---- Whole rows of positions at a stride of 1, by masks: no stretch has a border then. A row of
// 8 floats takes 2 cycles so, 12 as above.
#if defined(__AVX512F__)

// Lanes of positions [at, at + W) of a row that are in [low, high).
template <typename T>
inline Lanes<T> lanes_in(int64_t at, int64_t low, int64_t high) {
  const int64_t to = between(high - at, 0, kWidth<T>), from = between(low - at, 0, to);
  Lanes<T> lanes(to);
  lanes.mask &= ~((uint32_t{1} << from) - 1);
  return lanes;
}

// An address that is read or written by masks alone.
template <typename T>
inline T* at(T* base, int64_t place) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(base) +
                              static_cast<uintptr_t>(place) * sizeof(T));
}

inline bool whole_rows(const Windows& w, const Columns& c) {
  return w.stride_w == 1 && c.first % w.out_w == 0 && c.last % w.out_w == 0;
}

// The rows of positions [first, last) of what place (down, right) of the windows shows.
template <typename T>
inline void read_place(const Windows& w, int64_t first, int64_t last, int64_t down, int64_t right,
                       const T* plane, T* out) {
  const int64_t step = w.stride_h * w.width, end = last * w.stride_h + down;
  for (int64_t x = 0; x < w.out_w; x += kWidth<T>) {
    const Lanes<T> all = lanes_in<T>(x, 0, w.out_w);
    Lanes<T> inside = lanes_in<T>(x, -right, w.width - right);
    inside.mask &= all.mask;
    int64_t y = first * w.stride_h + down, place = y * w.width + x + right;
    for (T* to = out + x; y < end; y += w.stride_h, place += step, to += w.out_w) {
      Lanes<T> now = inside;
      if (y < 0 || y >= w.height) now.mask = 0;
      store(to, load(at(plane, place), now), all);
    }
  }
}

constexpr int64_t kMostPlaces = 32;  // of a kernel's row

// A row of positions of at most one vector or, kHalf, half of one: accesses of half the length
// cross half as many cache lines.
template <bool kHalf, typename T>
inline void copy_row(T* to, const T* from, Lanes<T> inside, Lanes<T> all) {
  if constexpr (!kHalf) {
    store(to, load(from, inside), all);
  } else if constexpr (sizeof(T) == 4) {
    const auto mask = static_cast<__mmask8>(all.mask);
    _mm256_mask_storeu_ps(to, mask,
                          _mm256_maskz_loadu_ps(static_cast<__mmask8>(inside.mask), from));
  } else {
    const auto mask = static_cast<__mmask8>(all.mask);
    _mm256_mask_storeu_pd(to, mask,
                          _mm256_maskz_loadu_pd(static_cast<__mmask8>(inside.mask), from));
  }
}

// Rows of positions of at most one vector: masks are made once, and rows beyond the plane are
// zeroed apart.
template <bool kHalf, typename T>
void read_narrow_rows(const Windows& w, const Columns& c, const T* planes) {
  const int64_t first = c.first / w.out_w, last = c.last / w.out_w, step = w.stride_h * w.width;
  const Lanes<T> all(w.out_w);
  uint32_t inside[kMostPlaces];
  for (int64_t j = 0; j < w.kernel_w; ++j) {
    const int64_t right = j * w.dilation_w - w.left;
    inside[j] = lanes_in<T>(0, -right, w.width - right).mask & all.mask;
  }
  int64_t j = c.row % w.kernel_w, i = c.row / w.kernel_w % w.kernel_h;
  const T* plane = planes + c.row / (w.kernel_h * w.kernel_w) * w.height * w.width;
  T* to = static_cast<T*>(c.data);
  for (int64_t r = 0; r < c.rows; ++i, j = 0) {
    if (i == w.kernel_h) i = 0, plane += w.height * w.width;
    const int64_t down = i * w.dilation_h - w.top;
    const int64_t from = between(ceil_from_zero(-down, w.stride_h), first, last);
    const int64_t end = between(ceil_from_zero(w.height - down, w.stride_h), from, last);
    const int64_t above = (from - first) * w.out_w, below = (last - end) * w.out_w;
    for (; j < w.kernel_w && r < c.rows; ++j, ++r, to += c.ld) {
      if (above > 0) zero(to, above);
      Lanes<T> now = all;
      now.mask = inside[j];
      const T* row = at(plane, (from * w.stride_h + down) * w.width + j * w.dilation_w - w.left);
      T* out = to + above;
      for (int64_t y = from; y < end; ++y, out += w.out_w, row = at(row, step)) {
        copy_row<kHalf>(out, row, now, all);
      }
      if (below > 0) zero(out, below);
    }
  }
}

// Counting up to the next row's place: divisions took half of the time.
template <typename T>
bool read_whole_rows(const Windows& w, const Columns& c, const T* planes) {
  if (!whole_rows(w, c)) return false;
  if (w.out_w <= kWidth<T> && w.kernel_w <= kMostPlaces) {
    2 * w.out_w <= kWidth<T> ? read_narrow_rows<true>(w, c, planes)
                             : read_narrow_rows<false>(w, c, planes);
    return true;
  }
  const int64_t first = c.first / w.out_w, last = c.last / w.out_w;
  int64_t j = c.row % w.kernel_w, i = c.row / w.kernel_w % w.kernel_h;
  const T* plane = planes + c.row / (w.kernel_h * w.kernel_w) * w.height * w.width;
  for (int64_t r = 0; r < c.rows; ++r) {
    read_place(w, first, last, i * w.dilation_h - w.top, j * w.dilation_w - w.left, plane,
               static_cast<T*>(c.data) + r * c.ld);
    if (++j < w.kernel_w) continue;
    j = 0;
    if (++i < w.kernel_h) continue;
    i = 0;
    plane += w.height * w.width;
  }
  return true;
}

// Element by element of the plane, what its places show added up: each is read and written once,
// and no load waits for the store of the place before.
template <typename T>
void gather_plane(const Windows& w, const Columns& c, const T* in, T* plane) {
  const int64_t first = c.first / w.out_w, last = c.last / w.out_w;
  for (int64_t x = 0; x < w.width; x += kWidth<T>) {
    const Lanes<T> all = lanes_in<T>(x, 0, w.width);
    uint32_t masks[kMostPlaces];
    for (int64_t j = 0; j < w.kernel_w; ++j) {
      const int64_t shift = w.left - j * w.dilation_w;
      masks[j] = all.mask & lanes_in<T>(x, -shift, w.out_w - shift).mask;
    }
    for (int64_t y = 0; y < w.height; ++y) {
      T* const to = plane + y * w.width + x;
      Vector<T> sum = load(to, all);
      for (int64_t i = 0; i < w.kernel_h; ++i) {
        const int64_t from = y + w.top - i * w.dilation_h, position = from / w.stride_h;
        if (from < 0 || position < first || position >= last || from % w.stride_h != 0) continue;
        const T* row = in + i * w.kernel_w * c.ld;
        const int64_t start = (position - first) * w.out_w + x + w.left;
        for (int64_t j = 0; j < w.kernel_w; ++j) {
          Lanes<T> lanes = all;
          lanes.mask = masks[j];
          sum += load(at(row, j * c.ld + start - j * w.dilation_w), lanes);
        }
      }
      store(to, sum, all);
    }
  }
}

template <typename T>
bool add_whole_planes(const Windows& w, const Columns& c, T* planes) {
  const int64_t places = w.kernel_h * w.kernel_w;
  if (!whole_rows(w, c) || w.kernel_w > kMostPlaces || c.row % places != 0 ||
      c.rows % places != 0) {
    return false;
  }
  for (int64_t r = 0; r < c.rows; r += places) {
    gather_plane(w, c, static_cast<const T*>(c.data) + r * c.ld,
                 planes + (c.row + r) / places * w.height * w.width);
  }
  return true;
}

#endif

template <typename T>
void columns(const Windows& w, const Columns& c, const void* planes) {
#if defined(__AVX512F__)
  if (read_whole_rows(w, c, static_cast<const T*>(planes))) return;
#endif
  for (int64_t r = 0; r < c.rows; ++r) {
    const int64_t row = c.row + r;
    const T* plane =
        static_cast<const T*>(planes) + row / (w.kernel_h * w.kernel_w) * w.height * w.width;
    T* out = static_cast<T*>(c.data) + r * c.ld;
    for_stretches(
        w, c, row,
        [&](int64_t at, int64_t place, int64_t n) {
          read_run(out + at, plane + place, w.stride_w, n);
        },
        [&](int64_t at, int64_t n) { zero(out + at, n); });
  }
}

template <typename T>
void add_columns(const Windows& w, const Columns& c, void* planes) {
#if defined(__AVX512F__)
  if (add_whole_planes(w, c, static_cast<T*>(planes))) return;
#endif
  for (int64_t r = 0; r < c.rows; ++r) {
    const int64_t row = c.row + r;
    T* plane = static_cast<T*>(planes) + row / (w.kernel_h * w.kernel_w) * w.height * w.width;
    const T* in = static_cast<const T*>(c.data) + r * c.ld;
    for_stretches(
        w, c, row,
        [&](int64_t at, int64_t place, int64_t n) {
          add_run(plane + place, in + at, w.stride_w, n);
        },
        [](int64_t, int64_t) {});
  }
}

template <typename T>
void shift_rows(const ShiftRows& a) {
  constexpr int64_t kW = kWidth<T>;
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* in = static_cast<const T*>(a.in) + r * a.in_step;
    T* out = static_cast<T*>(a.out) + r * a.out_step;
    if (!a.bias) {
      read_run(out, in, 1, a.cols);
      continue;
    }
    const T bias = static_cast<const T*>(a.bias)[r];
    const Vector<T> shift = splat(bias);
    int64_t c = 0;
    for (; c + kW <= a.cols; c += kW) store(out + c, load(in + c) + shift);
    if (kFreeMasks) {
      const Lanes<T> rest(a.cols - c);
      store(out + c, load(in + c, rest) + shift, rest);
    } else {
      for (; c < a.cols; ++c) out[c] = in[c] + bias;
    }
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.columns[kType] = &columns<T>;
  table.add_columns[kType] = &add_columns<T>;
  table.shift_rows[kType] = &shift_rows<T>;
}

}  // namespace

void CHAINRULE_ENTRY(columns)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
