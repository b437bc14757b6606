// Which windows of a row have a place inside the input (Span), and addresses that vectors read or
// write in part and that may begin outside of it (masked_at).
#pragma once

#include <cstdint>

namespace chainrule::kernels {
namespace {

inline int64_t between(int64_t x, int64_t low, int64_t high) {
  return x < low ? low : x > high ? high : x;
}
// ceil(n / d) for n > 0, else 0.
inline int64_t ceil_from_zero(int64_t n, int64_t d) { return n <= 0 ? 0 : (n - 1) / d + 1; }

// The numbers o of [first, last) for which o * step + at is in [0, size).
struct Span {
  int64_t from, to;
  Span(int64_t at, int64_t step, int64_t size, int64_t first, int64_t last)
      : from(first), to(last) {
    if (first * step + at < 0) from = between(ceil_from_zero(-at, step), first, last);
    if ((last - 1) * step + at >= size) to = between(ceil_from_zero(size - at, step), from, last);
  }
};

// base + place, which may be outside of what base points into: masks leave only what is inside to
// be read or written. Added as integers, as a pointer beyond its array must not even be computed.
template <typename T>
inline T* masked_at(T* base, int64_t place) {
  return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(base) +
                              static_cast<uintptr_t>(place) * sizeof(T));
}

}  // namespace
}  // namespace chainrule::kernels
