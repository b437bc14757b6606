// Columns of windows and back. A stretch of positions in one row reads a stretch of one row of the
// plane: with a stride of 1 both are dense. Most stretches are short (8 to 28 elements), so they
// are moved by vectors here and not by memcpy.
#include "kernels/cpu/columns_masks.h"
#include "kernels/cpu/entry.h"
#include "kernels/cpu/product_vector.h"
#include "kernels/cpu/spans.h"
#include "kernels/kernel_table.h"

namespace chainrule::kernels {
namespace {

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
