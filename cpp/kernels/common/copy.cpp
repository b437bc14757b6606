// Strided to strided copies by item size: what assignment into a view comes down to.
#include <cstring>

#include "kernels/kernel_table.h"

namespace chainrule::kernels {

namespace {

template <typename T>
void copy_row(int64_t n, char* out, int64_t out_stride, const char* in, int64_t in_stride) {
  T* o = reinterpret_cast<T*>(out);
  const T* i = reinterpret_cast<const T*>(in);
  if (out_stride == 1 && in_stride == 1) {
    std::memcpy(o, i, n * sizeof(T));
  } else {
    for (int64_t k = 0; k < n; ++k) o[k * out_stride] = i[k * in_stride];
  }
}

template <typename T>
void copy_all(const StridedCopy& c) {
  if (c.dims == 0) {
    copy_row<T>(1, static_cast<char*>(c.out), 1, static_cast<const char*>(c.in), 1);
    return;
  }
  const int last = c.dims - 1;
  int64_t rows = 1;
  for (int d = 0; d < last; ++d) rows *= c.sizes[d];
  for (int64_t row = 0; row < rows; ++row) {
    int64_t rest = row, out = 0, in = 0;
    for (int d = last - 1; d >= 0; --d) {
      const int64_t index = rest % c.sizes[d];
      rest /= c.sizes[d];
      out += index * c.out_strides[d];
      in += index * c.in_strides[d];
    }
    copy_row<T>(c.sizes[last], static_cast<char*>(c.out) + out * c.item, c.out_strides[last],
                static_cast<const char*>(c.in) + in * c.item, c.in_strides[last]);
  }
}

}  // namespace

void copy_strided(const StridedCopy& c) {
  switch (c.item) {
    case 1:
      return copy_all<uint8_t>(c);
    case 2:
      return copy_all<uint16_t>(c);
    case 4:
      return copy_all<uint32_t>(c);
    default:
      return copy_all<uint64_t>(c);
  }
}

}  // namespace chainrule::kernels
