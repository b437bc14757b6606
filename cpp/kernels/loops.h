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

// An input as dense data, strip by strip: where it lies if it is dense, else copied; a repeated
// scalar once for all strips.
template <typename T>
class Strips {
 public:
  Strips(int64_t n, const void* x, int64_t stride) : x_(static_cast<const T*>(x)), stride_(stride) {
    if (stride == 0) gather(strip_length(n, 0), buffer_, x_, 0);
  }
  const T* at(int64_t begin, int64_t length) {
    if (stride_ == 1) return x_ + begin;
    if (stride_ != 0) gather(length, buffer_, x_ + begin * stride_, stride_);
    return buffer_;
  }

 private:
  const T* x_;
  int64_t stride_;
  T buffer_[kStrip];
};

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
  Strips<T> strips(n, x, strides[0]);
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    dense_unary<F, T, Out>(length, y + i, strips.at(i, length), p);
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
  Strips<T> strips_a(n, a, sa), strips_b(n, b, sb);
  for (int64_t i = 0; i < n; i += kStrip) {
    const int64_t length = strip_length(n, i);
    const T* dense_a = strips_a.at(i, length);
    dense_binary<F, T, Out>(length, y + i, dense_a, 1, strips_b.at(i, length), 1, p);
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
  Strips<A> a(n, in[0], strides[0]);
  Strips<T> b(n, in[1], strides[1]), c(n, in[2], strides[2]);
  const bool dense = strides[0] == 1 && strides[1] == 1 && strides[2] == 1;
  const int64_t step = dense ? n : kStrip;
  for (int64_t i = 0; i < n; i += step) {
    const int64_t length = dense ? n : strip_length(n, i);
    dense_ternary<F, A, T, Out>(length, y + i, a.at(i, length), b.at(i, length), c.at(i, length),
                                p);
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
