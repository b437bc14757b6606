// Loops for functions that cost tens of instructions an element. A rest that does not fill 64 bytes
// is copied into a padded block and takes the vector code too: in a plain loop, the up to 15 scalar
// elements at the end would cost more than eight vectors. Bits are equal either way.
//
// The flat loops are not inlined, so that each exists once; step is passed by value.
#pragma once

#include <cstdint>

namespace chainrule::kernels {
namespace {

template <typename T>
inline constexpr int64_t kBlock = 64 / static_cast<int64_t>(sizeof(T));

template <typename T, typename Out, typename Step>
[[gnu::noinline]] void flat_unary(int64_t n, Out* y, const T* x, Step step) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = step(x[i]);
}

// y[i] = step(x[i]); y may be x exactly.
template <typename T, typename Out, typename Step>
inline void padded_unary(int64_t n, Out* y, const T* x, Step step) {
  const int64_t rest = n % kBlock<T>, whole = n - rest;
  if (whole > 0) flat_unary(whole, y, x, step);
  if (rest == 0) return;
  T pad_x[kBlock<T>] = {};
  Out pad_y[kBlock<T>];
  for (int64_t j = 0; j < rest; ++j) pad_x[j] = x[whole + j];
  flat_unary(kBlock<T>, pad_y, pad_x, step);
  for (int64_t j = 0; j < rest; ++j) y[whole + j] = pad_y[j];
}

template <typename T, typename Out, typename Step>
[[gnu::noinline]] void flat_binary(int64_t n, Out* y, const T* a, const T* b, Step step) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = step(a[i], b[i]);
}

// y[i] = step(a[i], b[i]); y may be a or b exactly.
template <typename T, typename Out, typename Step>
inline void padded_binary(int64_t n, Out* y, const T* a, const T* b, Step step) {
  const int64_t rest = n % kBlock<T>, whole = n - rest;
  if (whole > 0) flat_binary(whole, y, a, b, step);
  if (rest == 0) return;
  T pad_a[kBlock<T>] = {}, pad_b[kBlock<T>] = {};
  Out pad_y[kBlock<T>];
  for (int64_t j = 0; j < rest; ++j) {
    pad_a[j] = a[whole + j];
    pad_b[j] = b[whole + j];
  }
  flat_binary(kBlock<T>, pad_y, pad_a, pad_b, step);
  for (int64_t j = 0; j < rest; ++j) y[whole + j] = pad_y[j];
}

}  // namespace
}  // namespace chainrule::kernels
