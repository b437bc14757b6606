// The elementwise slots for bool, uint8, int32 and int64. Arithmetic wraps modulo 2^bits (it is
// done in unsigned, so nothing is undefined), as PyTorch's does. Division by zero cannot trap:
// quotient and remainder are 0 there, and the op layer raises where PyTorch does. On bool only the
// slots have a meaning that PyTorch gives one; kBool says which.
#pragma once

#include <cstdint>

namespace chainrule::kernels {
namespace {

template <typename T>
struct IntTraits;
template <>
struct IntTraits<uint8_t> {
  using Unsigned = uint32_t;  // the type arithmetic is done in
  static constexpr int64_t kMin = 0, kMax = 255;
};
template <>
struct IntTraits<int32_t> {
  using Unsigned = uint32_t;
  static constexpr int64_t kMin = INT32_MIN, kMax = INT32_MAX;
};
template <>
struct IntTraits<int64_t> {
  using Unsigned = uint64_t;
  static constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;
};

// Truncates towards zero; what does not fit goes to the nearest end, NaN to 0.
template <typename T>
T saturate(double value) {
  using Traits = IntTraits<T>;
  if (value != value) return 0;
  if (value <= static_cast<double>(Traits::kMin)) return static_cast<T>(Traits::kMin);
  if (value >= static_cast<double>(Traits::kMax)) return static_cast<T>(Traits::kMax);
  return static_cast<T>(value);
}

template <int kCount, bool kOnBool = false>
struct IntFunctor {
  static constexpr int kParams = kCount;
  static constexpr bool kBool = kOnBool, kCostly = false;
  template <typename T>
  static T param(double value) {
    if constexpr (__is_same(T, bool)) {
      return value != 0;
    } else {
      return saturate<T>(value);
    }
  }
};

namespace int_functors {

template <typename T>
using U = typename IntTraits<T>::Unsigned;

#define CHAINRULE_BINARY(name, ...)       \
  struct name : IntFunctor<0> {           \
    template <typename T>                 \
    static T call(const T*, T a, T b) {   \
      return static_cast<T>(__VA_ARGS__); \
    }                                     \
  };
// With a second expression for bool.
#define CHAINRULE_BINARY_BOOL(name, on_bool, ...)                     \
  struct name : IntFunctor<0, true> {                                 \
    template <typename T>                                             \
    static T call(const T*, T a, T b) {                               \
      return static_cast<T>(__VA_ARGS__);                             \
    }                                                                 \
    static bool call(const bool*, bool a, bool b) { return on_bool; } \
  };
#define CHAINRULE_UNARY(name, ...)        \
  struct name : IntFunctor<0> {           \
    template <typename T>                 \
    static T call(const T*, T x) {        \
      return static_cast<T>(__VA_ARGS__); \
    }                                     \
  };

CHAINRULE_BINARY_BOOL(add, a | b, static_cast<U<T>>(a) + static_cast<U<T>>(b))
CHAINRULE_BINARY(sub, static_cast<U<T>>(a) - static_cast<U<T>>(b))
CHAINRULE_BINARY_BOOL(mul, a& b, static_cast<U<T>>(a) * static_cast<U<T>>(b))
CHAINRULE_BINARY_BOOL(maximum, a | b, a > b ? a : b)
CHAINRULE_BINARY_BOOL(minimum, a& b, a < b ? a : b)
CHAINRULE_BINARY_BOOL(heaviside, a | b, a == 0 ? b : static_cast<T>(a > 0))

CHAINRULE_BINARY_BOOL(bitwise_and, a& b, a& b)
CHAINRULE_BINARY_BOOL(bitwise_or, a | b, a | b)
CHAINRULE_BINARY_BOOL(bitwise_xor, a != b, a ^ b)

struct bitwise_not : IntFunctor<0, true> {
  template <typename T>
  static T call(const T*, T x) {
    return static_cast<T>(~x);
  }
  static bool call(const bool*, bool x) { return !x; }
};

// a^b modulo 2^bits. A negative exponent gives 0 except for the bases 1 and -1, as PyTorch.
struct pow : IntFunctor<0> {
  template <typename T>
  static T call(const T*, T a, T b) {
    if (b < 0) {
      if (a == 1) return 1;
      if (static_cast<int64_t>(a) == -1) return b % 2 == 0 ? T(1) : a;
      return 0;
    }
    U<T> result = 1, square = static_cast<U<T>>(a);
    for (uint64_t e = static_cast<uint64_t>(b); e != 0; e >>= 1) {
      if (e & 1) result *= square;
      square *= square;
    }
    return static_cast<T>(result);
  }
};

// Quotient towards zero; min / -1 wraps to min.
struct trunc_divide : IntFunctor<0> {
  template <typename T>
  static T call(const T*, T a, T b) {
    if (b == 0) return 0;
    if (static_cast<int64_t>(b) == -1) return static_cast<T>(U<T>(0) - static_cast<U<T>>(a));
    return static_cast<T>(a / b);
  }
};

// Takes the divisor's sign.
struct remainder : IntFunctor<0> {
  template <typename T>
  static T call(const T*, T a, T b) {
    if (b == 0 || static_cast<int64_t>(b) == -1) return 0;
    const T r = static_cast<T>(a % b);
    return r != 0 && (r < 0) != (b < 0) ? static_cast<T>(r + b) : r;
  }
};

// Quotient towards minus infinity.
struct floor_divide : IntFunctor<0> {
  template <typename T>
  static T call(const T* p, T a, T b) {
    const T q = trunc_divide::call(p, a, b);
    if (b == 0 || static_cast<int64_t>(b) == -1) return q;
    return a % b != 0 && (a < 0) != (b < 0) ? static_cast<T>(q - 1) : q;
  }
};

CHAINRULE_UNARY(neg, U<T>(0) - static_cast<U<T>>(x))
CHAINRULE_UNARY(abs, x < 0 ? U<T>(0) - static_cast<U<T>>(x) : static_cast<U<T>>(x))
CHAINRULE_UNARY(square, static_cast<U<T>>(x) * static_cast<U<T>>(x))
CHAINRULE_UNARY(relu, x < 0 ? T(0) : x)

struct sign : IntFunctor<0, true> {
  template <typename T>
  static T call(const T*, T x) {
    return static_cast<T>((x > 0) - (x < 0));
  }
  static bool call(const bool*, bool x) { return x; }
};

// {lo, hi}: a limit outside the type's range is the end of the range.
struct clamp : IntFunctor<2> {
  template <typename T>
  static T call(const T* p, T x) {
    const T low = x < p[0] ? p[0] : x;
    return low > p[1] ? p[1] : low;
  }
};

// {alpha}: a + alpha * b.
struct axpy : IntFunctor<1, true> {
  template <typename T>
  static T call(const T* p, T a, T b) {
    return static_cast<T>(static_cast<U<T>>(a) + static_cast<U<T>>(p[0]) * static_cast<U<T>>(b));
  }
  static bool call(const bool* p, bool a, bool b) { return a | (p[0] & b); }
};

// {value}: a + value * b * c.
struct mul_add : IntFunctor<1, true> {
  template <typename T>
  static T call(const T* p, T a, T b, T c) {
    return static_cast<T>(static_cast<U<T>>(a) +
                          static_cast<U<T>>(p[0]) * static_cast<U<T>>(b) * static_cast<U<T>>(c));
  }
  static bool call(const bool* p, bool a, bool b, bool c) { return a | (p[0] & b & c); }
};

#undef CHAINRULE_BINARY
#undef CHAINRULE_BINARY_BOOL
#undef CHAINRULE_UNARY

}  // namespace int_functors
}  // namespace
}  // namespace chainrule::kernels
