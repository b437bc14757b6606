// Columns of whole rows of positions at a stride of 1, by masks: no stretch has a border then. A
// row of 8 floats takes 2 cycles so, 12 in stretches.
#pragma once

#if defined(__AVX512F__)

#include "kernels/cpu/product_vector.h"
#include "kernels/cpu/spans.h"
#include "kernels/kernel_table.h"

namespace chainrule::kernels {
namespace {

// Lanes of positions [at, at + W) of a row that are in [low, high).
template <typename T>
inline Lanes<T> lanes_in(int64_t at, int64_t low, int64_t high) {
  const int64_t to = between(high - at, 0, kWidth<T>), from = between(low - at, 0, to);
  Lanes<T> lanes(to);
  lanes.mask &= ~((uint32_t{1} << from) - 1);
  return lanes;
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
      store(to, load(masked_at(plane, place), now), all);
    }
  }
}

constexpr int64_t kMostPlaces = 32;  // of a kernel's row

// A row of positions of at most one vector or, kHalf, half of one: accesses of half the length
// cross half as many cache lines.
template <bool kHalf, typename T>
inline void copy_row(T* to, const T* from, Lanes<T> inside, Lanes<T> all) {
  const auto write = static_cast<__mmask8>(all.mask), read = static_cast<__mmask8>(inside.mask);
  if constexpr (!kHalf) {
    store(to, load(from, inside), all);
  } else if constexpr (sizeof(T) == 4) {
    _mm256_mask_storeu_ps(to, write, _mm256_maskz_loadu_ps(read, from));
  } else {
    _mm256_mask_storeu_pd(to, write, _mm256_maskz_loadu_pd(read, from));
  }
}

// Rows of positions of at most one vector: their masks are made once, and rows beyond the plane
// are zeroed apart. LeNet's second convolution, 5x5 on 12x12, takes three quarters of the time so.
template <bool kHalf, typename T>
void read_narrow_rows(const Windows& w, const Columns& c, const T* planes) {
  const int64_t first = c.first / w.out_w, last = c.last / w.out_w, step = w.stride_h * w.width;
  const Lanes<T> all(w.out_w);
  uint32_t masks[kMostPlaces];
  for (int64_t j = 0; j < w.kernel_w; ++j) {
    const int64_t right = j * w.dilation_w - w.left;
    masks[j] = all.mask & lanes_in<T>(0, -right, w.width - right).mask;
  }
  int64_t j = c.row % w.kernel_w, i = c.row / w.kernel_w % w.kernel_h;
  const T* plane = planes + c.row / (w.kernel_h * w.kernel_w) * w.height * w.width;
  T* to = static_cast<T*>(c.data);
  for (int64_t r = 0; r < c.rows; ++i, j = 0) {
    if (i == w.kernel_h) i = 0, plane += w.height * w.width;
    const int64_t down = i * w.dilation_h - w.top;
    const Span shown(down, w.stride_h, w.height, first, last);
    const int64_t above = (shown.from - first) * w.out_w, below = (last - shown.to) * w.out_w;
    for (; j < w.kernel_w && r < c.rows; ++j, ++r, to += c.ld) {
      if (above > 0) __builtin_memset(to, 0, above * sizeof(T));
      Lanes<T> inside = all;
      inside.mask = masks[j];
      const int64_t top = shown.from * w.stride_h + down;
      const T* row = masked_at(plane, top * w.width + j * w.dilation_w - w.left);
      T* out = to + above;
      for (int64_t y = shown.from; y < shown.to; ++y, out += w.out_w, row = masked_at(row, step)) {
        copy_row<kHalf>(out, row, inside, all);
      }
      if (below > 0) __builtin_memset(out, 0, below * sizeof(T));
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
          sum += load(masked_at(row, j * c.ld + start - j * w.dilation_w), lanes);
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

}  // namespace
}  // namespace chainrule::kernels

#endif
