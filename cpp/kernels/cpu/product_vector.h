// What the products need beyond vector.h: multiply-add and the first lanes of a vector.
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/cpu/vector.h"

namespace chainrule::kernels {
namespace {

// sum += a * b, with one rounding where the instruction set has it. In assembly, because the sum
// then stays in its register: GCC 12 lets the accumulators of an unrolled loop change places, with
// moves and spills between them.
template <typename T>
inline void accumulate(Vector<T>& sum, Vector<T> a, Vector<T> b) {
#if defined(__FMA__)
  if constexpr (sizeof(T) == 4) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  } else {
    asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
#else
  sum += a * b;
#endif
}

// sum += a, likewise.
template <typename T>
inline void add(Vector<T>& sum, Vector<T> a) {
#if defined(__AVX__)
  if constexpr (sizeof(T) == 4) {
    asm("vaddps %1, %0, %0" : "+v"(sum) : "v"(a));
  } else {
    asm("vaddpd %1, %0, %0" : "+v"(sum) : "v"(a));
  }
#else
  sum += a;
#endif
}

// ---- Lanes [0, count) of a vector in memory; what lies behind them is neither read nor written.
// AVX-512 does it at the price of a full access, so there every access may be of this kind.
#if defined(__AVX512F__)
inline constexpr bool kFreeMasks = true;
template <typename T>
struct Lanes {
  uint32_t mask;
  explicit Lanes(int64_t count) : mask((uint32_t{1} << count) - 1) {}
};
template <typename T>
inline Vector<T> load(const T* x, Lanes<T> lanes) {
  if constexpr (sizeof(T) == 4) {
    return (Vector<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>(lanes.mask), x);
  } else {
    return (Vector<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(lanes.mask), x);
  }
}
template <typename T>
inline void store(T* y, Vector<T> v, Lanes<T> lanes) {
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(y, static_cast<__mmask16>(lanes.mask), (__m512)v);
  } else {
    _mm512_mask_storeu_pd(y, static_cast<__mmask8>(lanes.mask), (__m512d)v);
  }
}
#else
inline constexpr bool kFreeMasks = false;
template <typename T>
struct Lanes {
  int64_t count;
  explicit Lanes(int64_t count) : count(count) {}
};
template <typename T>
inline Vector<T> load(const T* x, Lanes<T> lanes) {
  if (lanes.count == kWidth<T>) return load(x);
  alignas(kVectorBytes) T copy[kWidth<T>] = {};
  for (int64_t i = 0; i < lanes.count; ++i) copy[i] = x[i];
  return load(copy);
}
template <typename T>
inline void store(T* y, Vector<T> v, Lanes<T> lanes) {
  if (lanes.count == kWidth<T>) return store(y, v);
  alignas(kVectorBytes) T copy[kWidth<T>];
  store(copy, v);
  for (int64_t i = 0; i < lanes.count; ++i) y[i] = copy[i];
}
#endif

}  // namespace
}  // namespace chainrule::kernels
