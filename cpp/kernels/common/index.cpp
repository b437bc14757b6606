#include "kernels/index.h"

#include <cstring>

#include "kernels/bfloat16.h"

namespace chainrule::kernels {

namespace {

// Calls fn(n, tensor offset, dense offset) for every row (last dimension) of the `after` block.
template <typename F>
inline void for_after_rows(const IndexedBlock& b, F&& fn) {
  const int last = b.after_dims - 1;
  const int64_t n = last < 0 ? 1 : b.after_sizes[last];
  int64_t position[kMaxDims] = {};
  int64_t offset = 0;
  for (int64_t done = 0; done < b.after; done += n) {
    fn(n, offset, done);
    for (int d = last - 1; d >= 0; --d) {  // the odometer's next row
      offset += b.after_strides[d];
      if (++position[d] < b.after_sizes[d]) break;
      offset -= b.after_sizes[d] * b.after_strides[d];
      position[d] = 0;
    }
  }
}

inline int64_t before_offset(const IndexedBlock& b, int64_t index) {
  int64_t offset = 0;
  for (int d = b.before_dims - 1; d >= 0; --d) {
    offset += index % b.before_sizes[d] * b.before_strides[d];
    index /= b.before_sizes[d];
  }
  return offset;
}

// Indices are checked before they are used; should another thread change them in between, the
// access still stays inside (at place 0).
inline int64_t safe_place(int64_t index, int64_t size) {
  const int64_t place = index < 0 ? index + size : index;
  return static_cast<uint64_t>(place) < static_cast<uint64_t>(size) ? place : 0;
}

inline int64_t after_stride(const IndexedBlock& b) {
  return b.after_dims ? b.after_strides[b.after_dims - 1] : 1;
}

// One place of a block: `after` elements.
template <typename T>
inline void read_place(const IndexedBlock& b, const T* from, T* to) {
  const int64_t stride = after_stride(b);
  for_after_rows(b, [&](int64_t n, int64_t offset, int64_t done) {
    if (stride == 1) {
      std::memcpy(to + done, from + offset, n * sizeof(T));
    } else {
      for (int64_t i = 0; i < n; ++i) to[done + i] = from[offset + i * stride];
    }
  });
}

template <typename T>
void read_rows(const IndexedBlock& b, int64_t begin, int64_t end) {
  T* dense = static_cast<T*>(b.dense);
  for (int64_t row = begin; row < end;) {  // block by block
    const int64_t block = row / b.places, first = row - block * b.places;
    const int64_t count = b.places - first < end - row ? b.places - first : end - row;
    const T* tensor = static_cast<const T*>(b.tensor) + before_offset(b, block);
    const int64_t* offsets = b.offsets + first;
    T* to = dense + row * b.dense_row;
    if (b.after == 1) {
      for (int64_t i = 0; i < count; ++i) to[i] = tensor[offsets[i]];
    } else {
      for (int64_t i = 0; i < count; ++i) read_place(b, tensor + offsets[i], to + i * b.dense_row);
    }
    row += count;
  }
}

struct Assign {
  template <typename T>
  static void apply(T& place, T value) {
    place = value;
  }
};
struct Accumulate {
  template <typename T>
  static void apply(T& place, T value) {
    if constexpr (__is_same(T, bool)) {
      place = place || value;
    } else if constexpr (__is_same(T, float) || __is_same(T, double)) {
      place += value;
    } else if constexpr (__is_same(T, BFloat16)) {
      place = T(place + value);
    } else {  // wraps modulo 2^bits
      place = static_cast<T>(static_cast<uint64_t>(place) + static_cast<uint64_t>(value));
    }
  }
};

template <typename Put, typename T>
void write_blocks(const IndexedBlock& b, int64_t begin, int64_t end) {
  T* tensor = static_cast<T*>(b.tensor);
  const T* dense = static_cast<const T*>(b.dense);
  const int64_t stride = after_stride(b);
  for (int64_t block = begin; block < end; ++block) {
    T* base = tensor + before_offset(b, block);
    for (int64_t place = 0; place < b.places; ++place) {
      T* to = base + b.offsets[place];
      const T* from = dense + (block * b.places + place) * b.dense_row;
      for_after_rows(b, [&](int64_t n, int64_t offset, int64_t done) {
        for (int64_t i = 0; i < n; ++i) Put::apply(to[offset + i * stride], from[done + i]);
      });
    }
  }
}

// fn(n, first element's index position, tensor offset, other offset) for the rows [begin, end).
template <typename F>
inline void for_element_rows(const IndexedElements& e, int64_t begin, int64_t end, F&& fn) {
  const int last = e.dims - 1;
  const int64_t n = e.sizes[last];
  for (int64_t row = begin; row < end; ++row) {
    int64_t rest = row, tensor = 0, other = 0;
    for (int d = last - 1; d >= 0; --d) {
      const int64_t i = rest % e.sizes[d];
      rest /= e.sizes[d];
      if (d != e.dim) tensor += i * e.strides[d];
      other += i * e.other_strides[d];
    }
    fn(n, row * n, tensor, other);
  }
}

template <typename T>
void read_elements(const IndexedElements& e, int64_t begin, int64_t end) {
  const int last = e.dims - 1;
  const int64_t step = e.dim == last ? 0 : e.strides[last], jump = e.strides[e.dim];
  for_element_rows(e, begin, end, [&](int64_t n, int64_t first, int64_t tensor, int64_t other) {
    const int64_t* index = e.index + first;
    const T* from = static_cast<const T*>(e.tensor) + tensor;
    T* to = static_cast<T*>(e.other) + other;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t place = safe_place(index[i], e.size);
      to[i * e.other_strides[last]] = from[i * step + place * jump];
    }
  });
}

template <typename Put, typename T>
void put_elements(const IndexedElements& e, int64_t begin, int64_t end) {
  const int last = e.dims - 1;
  const int64_t step = e.dim == last ? 0 : e.strides[last], jump = e.strides[e.dim];
  for_element_rows(e, begin, end, [&](int64_t n, int64_t first, int64_t tensor, int64_t other) {
    const int64_t* index = e.index + first;
    T* to = static_cast<T*>(e.tensor) + tensor;
    const T* from = static_cast<const T*>(e.other) + other;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t place = safe_place(index[i], e.size);
      Put::apply(to[i * step + place * jump], from[i * e.other_strides[last]]);
    }
  });
}

// fn(T()) with an unsigned type of the item size.
template <typename F>
inline void by_item(int64_t item, F&& fn) {
  switch (item) {
    case 1:
      return fn(uint8_t());
    case 2:
      return fn(uint16_t());
    case 4:
      return fn(uint32_t());
    default:
      return fn(uint64_t());
  }
}

// fn(T()) with the C++ type.
template <typename F>
inline void by_dtype(DType t, F&& fn) {
  switch (t) {
    case DType::kBool:
      return fn(bool());
    case DType::kUInt8:
      return fn(uint8_t());
    case DType::kInt32:
      return fn(int32_t());
    case DType::kInt64:
      return fn(int64_t());
    case DType::kFloat32:
      return fn(float());
    case DType::kFloat64:
      return fn(double());
    case DType::kBFloat16:
      return fn(BFloat16());
  }
}

}  // namespace

int64_t first_bad_index(int64_t n, const int64_t* index, int64_t size, bool wrap) {
  const int64_t low = wrap ? -size : 0;
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= index[i] < low || index[i] >= size;
  if (!bad) return -1;
  for (int64_t i = 0; i < n; ++i) {
    if (index[i] < low || index[i] >= size) return i;
  }
  return -1;  // another thread has mended it meanwhile
}

void add_offsets(int64_t n, const int64_t* index, int64_t size, int64_t stride, int64_t* offsets) {
  for (int64_t i = 0; i < n; ++i) offsets[i] += safe_place(index[i], size) * stride;
}

void indexed_read(const IndexedBlock& b, int64_t begin, int64_t end) {
  by_item(b.item, [&](auto zero) { read_rows<decltype(zero)>(b, begin, end); });
}
void indexed_write(const IndexedBlock& b, int64_t begin, int64_t end) {
  by_item(b.item, [&](auto zero) { write_blocks<Assign, decltype(zero)>(b, begin, end); });
}
void indexed_add(DType t, const IndexedBlock& b, int64_t begin, int64_t end) {
  by_dtype(t, [&](auto zero) { write_blocks<Accumulate, decltype(zero)>(b, begin, end); });
}

void elements_read(const IndexedElements& e, int64_t begin, int64_t end) {
  by_item(e.item, [&](auto zero) { read_elements<decltype(zero)>(e, begin, end); });
}
void elements_write(const IndexedElements& e, int64_t begin, int64_t end) {
  by_item(e.item, [&](auto zero) { put_elements<Assign, decltype(zero)>(e, begin, end); });
}
void elements_add(DType t, const IndexedElements& e, int64_t begin, int64_t end) {
  by_dtype(t, [&](auto zero) { put_elements<Accumulate, decltype(zero)>(e, begin, end); });
}

int64_t count_nonzero(DType t, int64_t n, const void* in) {
  int64_t count = 0;
  by_dtype(t, [&](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(in);
    for (int64_t i = 0; i < n; ++i) count += x[i] != zero;
  });
  return count;
}

// Without a branch on the data, which for a random mask would be mispredicted every other time.
void nonzero_positions(DType t, int64_t n, const void* in, int64_t total, int64_t* out) {
  by_dtype(t, [&](auto zero) {
    const auto* x = static_cast<const decltype(zero)*>(in);
    int64_t found = 0;
    for (int64_t i = 0; i < n && found < total; ++i) {
      out[found] = i;
      found += x[i] != zero;
    }
  });
}

void unravel(int64_t n, const int64_t* positions, int dims, const int64_t* sizes, int64_t* out) {
  for (int64_t i = 0; i < n; ++i) {
    int64_t rest = positions[i];
    for (int d = dims - 1; d >= 0; --d) {
      out[i * dims + d] = rest % sizes[d];
      rest /= sizes[d];
    }
  }
}

void triangle(const Triangle& t, int64_t begin, int64_t end) {
  const int64_t bytes = t.cols * t.item;
  for (int64_t row = begin; row < end; ++row) {
    const char* from = static_cast<const char*>(t.in) + row * bytes;
    char* to = static_cast<char*>(t.out) + row * bytes;
    // The first column above (lower: behind) the diagonal, within the row.
    int64_t border = row % t.rows + t.diagonal + (t.upper ? 0 : 1);
    border = (border < 0 ? 0 : border > t.cols ? t.cols : border) * t.item;
    if (from != to) {
      std::memcpy(t.upper ? to + border : to, t.upper ? from + border : from,
                  t.upper ? bytes - border : border);
    }
    std::memset(t.upper ? to : to + border, 0, t.upper ? border : bytes - border);
  }
}

}  // namespace chainrule::kernels
