// Elementwise loops over the functors: dense inputs and repeated scalars run straight over the
// data, any other stride is gathered into a small buffer first, strip by strip, and then takes the
// same dense loop. So there is one body per functor for the compiler to vectorise, and since its
// scalar tail performs the same operations, an element's result does not depend on where it stands.
//
// `out` may be one of the inputs exactly (same pointer, stride 1); other overlaps are not allowed.
// `#pragma GCC ivdep` says just that: no dependence between different elements.
//
// Anonymous namespace on purpose: each kernel object keeps its own copy (see cmake/kernels.cmake).
#pragma once

#include <cstdint>

#include "kernels/padded_loop.h"

namespace chainrule::kernels {
namespace {

inline constexpr int64_t kStrip = 256;

// The scalars a functor names, converted once to the type it computes in.
template <typename F, typename T>
struct LocalParams {
  T value[F::kParams > 0 ? F::kParams : 1] = {};
  explicit LocalParams(const double* params) {
    for (int i = 0; i < F::kParams; ++i) value[i] = F::template param<T>(params[i]);
  }
};

template <typename T>
inline void gather(int64_t n, T* buffer, const T* x, int64_t stride) {
  for (int64_t i = 0; i < n; ++i) buffer[i] = x[i * stride];
}

inline int64_t strip_length(int64_t n, int64_t begin) {
  return n - begin < kStrip ? n - begin : kStrip;
}

// A functor with inputs that its vector code, F::near, cannot take.
template <typename F, typename T>
concept HasFarInputs = requires(T x) { F::is_far(x); };

template <typename F, typename T>
inline bool any_far(int64_t n, const T* x) {
  int count = 0;
  for (int64_t i = 0; i < n; ++i) count += F::is_far(x[i]) ? 1 : 0;
  return count != 0;
}

// Strip by strip: a strip with a far input goes one element at a time. Bits are equal either way,
// and a far input is found before y, which may be x, is written.
template <typename F, typename T, typename Out>
void near_unary(int64_t n, Out* y, const T* x, const LocalParams<F, T> p) {
  const auto near = [p](T v) __attribute__((always_inline)) { return F::near(p.value, v); };
  for (int64_t begin = 0; begin < n; begin += kStrip) {
    const int64_t length = strip_length(n, begin), end = begin + length;
    if (!any_far<F>(length, x + begin)) {
      padded_unary(length, y + begin, x + begin, near);
      continue;
    }
    for (int64_t i = begin; i < end; ++i) y[i] = F::call(p.value, x[i]);
  }
}

template <typename F, typename T, typename Out>
void dense_unary(int64_t n, Out* y, const T* x, const LocalParams<F, T> p) {
  if constexpr (HasFarInputs<F, T>) {
    near_unary<F, T, Out>(n, y, x, p);
  } else if constexpr (F::kCostly) {
    padded_unary(n, y, x, [p](T v) __attribute__((always_inline)) { return F::call(p.value, v); });
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::call(p.value, x[i]);
  }
}

template <typename F, typename T, typename Out>
void map_unary(int64_t n, void* out, const void* const* in, const int64_t* strides,
               const double* params) {
  if (n == 0) return;
  const LocalParams<F, T> p(params);
  Out* y = static_cast<Out*>(out);
  const T* x = static_cast<const T*>(in[0]);
  if (strides[0] == 1) return dense_unary<F, T, Out>(n, y, x, p);
  if (strides[0] == 0) {
    Out value;
    dense_unary<F, T, Out>(1, &value, x, p);
    for (int64_t i = 0; i < n; ++i) y[i] = value;
    return;
  }
  T buffer[kStrip];
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    gather(length, buffer, x + i * strides[0], strides[0]);
    dense_unary<F, T, Out>(length, y + i, buffer, p);
  }
}

// Each stride is 0 or 1, one of them 1; both 1 for costly functors.
template <typename F, typename T, typename Out>
void dense_binary(int64_t n, Out* y, const T* a, int64_t stride_a, const T* b, int64_t stride_b,
                  const LocalParams<F, T> p) {
  if constexpr (F::kCostly) {
    return padded_binary(n, y, a, b, [p](T u, T v) __attribute__((always_inline)) {
      return F::call(p.value, u, v);
    });
  }
  if (stride_a == 0) {
    const T a0 = a[0];
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::call(p.value, a0, b[i]);
  } else if (stride_b == 0) {
    const T b0 = b[0];
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::call(p.value, a[i], b0);
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) y[i] = F::call(p.value, a[i], b[i]);
  }
}

template <typename F, typename T, typename Out>
void map_binary(int64_t n, void* out, const void* const* in, const int64_t* strides,
                const double* params) {
  if (n == 0) return;
  const LocalParams<F, T> p(params);
  Out* y = static_cast<Out*>(out);
  const T* a = static_cast<const T*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  const int64_t sa = strides[0], sb = strides[1];
  if (sa == 0 && sb == 0) {
    Out value;
    dense_binary<F, T, Out>(1, &value, a, 1, b, 1, p);
    for (int64_t i = 0; i < n; ++i) y[i] = value;
    return;
  }
  const bool plain_a = sa == 1 || (sa == 0 && !F::kCostly);
  const bool plain_b = sb == 1 || (sb == 0 && !F::kCostly);
  if (plain_a && plain_b) return dense_binary<F, T, Out>(n, y, a, sa, b, sb, p);
  T buffer_a[kStrip], buffer_b[kStrip];
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    const T* strip_a = a + i * sa;
    const T* strip_b = b + i * sb;
    if (!plain_a) gather(length, buffer_a, strip_a, sa);
    if (!plain_b) gather(length, buffer_b, strip_b, sb);
    dense_binary<F, T, Out>(length, y + i, plain_a ? strip_a : buffer_a, plain_a ? sa : 1,
                            plain_b ? strip_b : buffer_b, plain_b ? sb : 1, p);
  }
}

template <typename F, typename A, typename T, typename Out>
void dense_ternary(int64_t n, Out* y, const A* a, const T* b, const T* c,
                   const LocalParams<F, T> p) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) y[i] = F::call(p.value, a[i], b[i], c[i]);
}

// A is the first input's type where it differs (the condition of where).
template <typename F, typename A, typename T, typename Out>
void map_ternary(int64_t n, void* out, const void* const* in, const int64_t* strides,
                 const double* params) {
  if (n == 0) return;
  const LocalParams<F, T> p(params);
  Out* y = static_cast<Out*>(out);
  const A* a = static_cast<const A*>(in[0]);
  const T* b = static_cast<const T*>(in[1]);
  const T* c = static_cast<const T*>(in[2]);
  const int64_t sa = strides[0], sb = strides[1], sc = strides[2];
  if (sa == 1 && sb == 1 && sc == 1) return dense_ternary<F, A, T, Out>(n, y, a, b, c, p);
  A buffer_a[kStrip];
  T buffer_b[kStrip], buffer_c[kStrip];
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    if (sa != 1) gather(length, buffer_a, a + i * sa, sa);
    if (sb != 1) gather(length, buffer_b, b + i * sb, sb);
    if (sc != 1) gather(length, buffer_c, c + i * sc, sc);
    dense_ternary<F, A, T, Out>(length, y + i, sa != 1 ? buffer_a : a + i,
                                sb != 1 ? buffer_b : b + i, sc != 1 ? buffer_c : c + i, p);
  }
}

// The loop for a functor by its number of inputs, so that a slot list can be expanded by a macro.
template <typename F, int kArity, typename T, typename Out>
constexpr auto map_kernel() {
  if constexpr (kArity == 1) {
    return &map_unary<F, T, Out>;
  } else if constexpr (kArity == 2) {
    return &map_binary<F, T, Out>;
  } else {
    return &map_ternary<F, T, T, Out>;
  }
}

}  // namespace
}  // namespace chainrule::kernels
