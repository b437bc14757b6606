// Columns of windows, place by place.
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

// The element of the planes that row `row` of the columns shows at position p; -1 outside.
int64_t place_of(const Windows& w, int64_t row, int64_t p) {
  const int64_t j = row % w.kernel_w, i = row / w.kernel_w % w.kernel_h;
  const int64_t plane = row / (w.kernel_h * w.kernel_w);
  const int64_t y = p / w.out_w * w.stride_h - w.top + i * w.dilation_h;
  const int64_t x = p % w.out_w * w.stride_w - w.left + j * w.dilation_w;
  if (y < 0 || y >= w.height || x < 0 || x >= w.width) return -1;
  return (plane * w.height + y) * w.width + x;
}

template <typename T>
void columns(const Windows& w, const Columns& c, const void* planes) {
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t p = c.first; p < c.last; ++p) {
      const int64_t place = place_of(w, c.row + r, p);
      static_cast<T*>(c.data)[r * c.ld + p - c.first] =
          place < 0 ? T(0) : static_cast<const T*>(planes)[place];
    }
  }
}

template <typename T>
void add_columns(const Windows& w, const Columns& c, void* planes) {
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t p = c.first; p < c.last; ++p) {
      const int64_t place = place_of(w, c.row + r, p);
      if (place < 0) continue;
      static_cast<T*>(planes)[place] += static_cast<const T*>(c.data)[r * c.ld + p - c.first];
    }
  }
}

template <typename T>
void shift_rows(const ShiftRows& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    for (int64_t c = 0; c < a.cols; ++c) {
      const T value = static_cast<const T*>(a.in)[r * a.in_step + c];
      static_cast<T*>(a.out)[r * a.out_step + c] =
          a.bias ? value + static_cast<const T*>(a.bias)[r] : value;
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

void fill_reference_columns(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
