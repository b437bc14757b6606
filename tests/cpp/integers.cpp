// Integer and bool arithmetic against wide arithmetic, division by zero without a trap, PyTorch's
// rules for signs and powers; casts between all pairs of dtypes; and the integer reductions. These
// kernels are shared by all tables.
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using kernels::Map;
using kernels::Reduce;
using Wide = __int128;

template <typename T>
constexpr int kType = static_cast<int>(DTypeOf<T>::value);

const KernelTable& any_table() { return kernels::table(); }

template <typename T>
T call(Map map, T a, T b = 0, T c = 0, double p0 = 0, double p1 = 0) {
  const void* in[] = {&a, &b, &c};
  const int64_t strides[] = {1, 1, 1};
  const double params[] = {p0, p1};
  T y;
  any_table().map[static_cast<int>(map)][kType<T>](1, &y, in, strides, params);
  return y;
}

// Modulo 2^bits; a conversion to unsigned is defined for every value.
template <typename T>
T wrap(Wide x) {
  return static_cast<T>(static_cast<std::make_unsigned_t<T>>(static_cast<unsigned __int128>(x)));
}

Wide floor_quotient(Wide a, Wide b) {
  const Wide q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

template <typename T>
void check_arithmetic() {
  std::mt19937_64 source(1);
  std::vector<T> values = hard_values<T>(source, 60);
  for (int i = -4; i <= 4; ++i) values.push_back(static_cast<T>(i));
  const auto check = [](const char* name, T a, T b, T got, Wide expected) {
    expect(got == wrap<T>(expected), dtype_name(DTypeOf<T>::value), " ", name, "(", +a, ", ", +b,
           ") = ", +got);
  };
  for (const T a : values) {
    for (const T b : values) {
      const Wide x = a, y = b;
      check("add", a, b, call<T>(Map::add, a, b), x + y);
      check("sub", a, b, call<T>(Map::sub, a, b), x - y);
      check("mul", a, b, call<T>(Map::mul, a, b), x * y);
      check("maximum", a, b, call<T>(Map::maximum, a, b), x > y ? x : y);
      check("minimum", a, b, call<T>(Map::minimum, a, b), x < y ? x : y);
      check("axpy", a, b, call<T>(Map::axpy, a, b, T(0), 3), x + 3 * y);
      check("mul_add", a, b, call<T>(Map::mul_add, a, b, T(5), 3), x + 15 * y);
      check("trunc_divide", a, b, call<T>(Map::trunc_divide, a, b), y == 0 ? 0 : x / y);
      check("floor_divide", a, b, call<T>(Map::floor_divide, a, b),
            y == 0 ? 0 : floor_quotient(x, y));
      check("remainder", a, b, call<T>(Map::remainder, a, b),
            y == 0 ? 0 : x - y * floor_quotient(x, y));
    }
    check("neg", a, 0, call<T>(Map::neg, a), -Wide(a));
    check("abs", a, 0, call<T>(Map::abs, a), a < 0 ? -Wide(a) : Wide(a));
    check("square", a, 0, call<T>(Map::square, a), Wide(a) * Wide(a));
    check("relu", a, 0, call<T>(Map::relu, a), a < 0 ? Wide(0) : Wide(a));
    check("sign", a, 0, call<T>(Map::sign, a), (a > 0) - (a < 0));
    check("clamp", a, 0, call<T>(Map::clamp, a, T(0), T(0), 1, 3), a < 1 ? 1 : a > 3 ? 3 : Wide(a));
    const T open = call<T>(Map::clamp, a, T(0), T(0), -INFINITY, INFINITY);
    check("clamp without limits", a, 0, open, a);
  }
}

template <typename T>
void check_powers() {
  for (int base = std::is_signed_v<T> ? -9 : 0; base <= 9; ++base) {
    Wide expected = 1;
    for (int exponent = 0; exponent <= 20; ++exponent) {
      expect(call<T>(Map::pow, static_cast<T>(base), static_cast<T>(exponent)) == wrap<T>(expected),
             dtype_name(DTypeOf<T>::value), " ", base, " to the ", exponent);
      expected = wrap<T>(expected * base);
    }
    if constexpr (std::is_signed_v<T>) {
      const T odd = call<T>(Map::pow, static_cast<T>(base), T(-3));
      const T even = call<T>(Map::pow, static_cast<T>(base), T(-2));
      const bool unit = base == 1 || base == -1;
      expect(odd == (unit ? base : 0) && even == (unit ? 1 : 0), base, " to a negative power");
    }
  }
}

void check_bool() {
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      expect(call<bool>(Map::add, a, b) == (a || b), "bool add");
      expect(call<bool>(Map::mul, a, b) == (a && b), "bool mul");
      expect(call<bool>(Map::maximum, a, b) == (a || b), "bool maximum");
      expect(call<bool>(Map::minimum, a, b) == (a && b), "bool minimum");
      expect(call<bool>(Map::axpy, a, b, false, 2) == (a || b), "bool axpy");
    }
  }
  for (const Map none : {Map::sub, Map::neg, Map::pow, Map::remainder, Map::floor_divide}) {
    expect(any_table().map[static_cast<int>(none)][kType<bool>] == nullptr, "a bool slot too many");
  }
}

// ---- Casts.
template <typename From, typename To>
void cast_one(int from, int to, From x, To expected) {
  const void* in[] = {&x};
  const int64_t strides[] = {1};
  To y;
  any_table().cast[from][to](1, &y, in, strides, nullptr);
  expect(same(y, expected), "cast ", from, " to ", to, " of ", +x, " gives ", +y);
}

template <typename From>
void check_float_casts(int from) {
  const From nan = std::numeric_limits<From>::quiet_NaN(),
             inf = std::numeric_limits<From>::infinity();
  const From inputs[] = {0,  From(-0.0), From(0.5),  From(-0.5), From(2.9), From(-3.7), 300,
                         -1, From(3e9),  From(-3e9), From(1e20), inf,       -inf,       nan};
  for (const From x : inputs) {
    const bool fits32 = x > -2147483649.0 && x < 2147483648.0;
    const bool fits64 = x > -9.3e18 && x < 9.2e18;
    const int64_t whole = fits64 ? static_cast<int64_t>(x) : INT64_MIN;
    cast_one(from, kType<bool>, x, Bool(x != 0));
    cast_one(from, kType<int64_t>, x, whole);
    cast_one(from, kType<int32_t>, x, fits32 ? static_cast<int32_t>(whole) : INT32_MIN);
    cast_one(from, kType<uint8_t>, x, static_cast<uint8_t>(static_cast<uint64_t>(whole)));
    cast_one(from, kType<float>, x, static_cast<float>(x));
    cast_one(from, kType<double>, x, static_cast<double>(x));
  }
}

template <typename From>
void check_integer_casts() {
  std::mt19937_64 source(4);
  for (const From x : hard_values<From>(source, 50)) {
    const uint64_t bits = static_cast<uint64_t>(static_cast<int64_t>(x));
    cast_one(kType<From>, kType<bool>, x, Bool(x != 0));
    cast_one(kType<From>, kType<uint8_t>, x, static_cast<uint8_t>(bits));
    cast_one(kType<From>, kType<int32_t>, x, static_cast<int32_t>(static_cast<uint32_t>(bits)));
    cast_one(kType<From>, kType<int64_t>, x, static_cast<int64_t>(x));
    cast_one(kType<From>, kType<float>, x, static_cast<float>(x));
    cast_one(kType<From>, kType<double>, x, static_cast<double>(x));
  }
}

// bfloat16: every value there and back, and rounding to nearest, ties to even.
void check_bfloat16() {
  const int bf16 = static_cast<int>(DType::kBFloat16);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const uint32_t wide = bits << 16;
    float x;
    std::memcpy(&x, &wide, sizeof(x));
    cast_one(bf16, kType<float>, static_cast<uint16_t>(bits), x);
    if (!std::isnan(x)) cast_one(kType<float>, bf16, x, static_cast<uint16_t>(bits));
  }
  const struct {
    uint32_t from;
    uint16_t to;
  } roundings[] = {{0x3F808000, 0x3F80}, {0x3F818000, 0x3F82}, {0x3F808001, 0x3F81},
                   {0x7F7FFFFF, 0x7F80}, {0x00008001, 0x0001}, {0xBF80C000, 0xBF81}};
  for (const auto& r : roundings) {
    float x;
    std::memcpy(&x, &r.from, sizeof(x));
    cast_one(kType<float>, bf16, x, r.to);
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const void* in[] = {&nan};
  const int64_t strides[] = {1};
  uint16_t y;
  any_table().cast[kType<float>][bf16](1, &y, in, strides, nullptr);
  expect((y & 0x7F80) == 0x7F80 && (y & 0x7F) != 0, "bfloat16 of nan is ", y);
}

// ---- Reductions: exact modulo 2^64, in int64.
template <typename T>
void check_reductions(int64_t n, int64_t inner) {
  std::mt19937_64 source(static_cast<uint64_t>(n));
  const std::vector<T> x = hard_values<T>(source, n * inner);
  std::vector<int64_t> sum(static_cast<size_t>(inner)), prod(sum), running(x.size());
  std::vector<T> top(static_cast<size_t>(inner)), low(top);
  const auto slot = [](Reduce op) { return any_table().reduce[static_cast<int>(op)][kType<T>]; };
  slot(Reduce::sum)(0, 1, n, inner, sum.data(), x.data());
  slot(Reduce::prod)(0, 1, n, inner, prod.data(), x.data());
  slot(Reduce::amax)(0, 1, n, inner, top.data(), x.data());
  slot(Reduce::amin)(0, 1, n, inner, low.data(), x.data());
  any_table().cumsum[kType<T>](0, 1, n, inner, running.data(), x.data());
  for (size_t j = 0; j < static_cast<size_t>(inner); ++j) {
    uint64_t s = 0, p = 1;
    T largest = x[j], smallest = x[j];
    for (size_t k = 0; k < static_cast<size_t>(n); ++k) {
      const size_t i = k * static_cast<size_t>(inner) + j;
      s += static_cast<uint64_t>(static_cast<int64_t>(x[i]));
      p *= static_cast<uint64_t>(static_cast<int64_t>(x[i]));
      largest = std::max(largest, x[i]);
      smallest = std::min(smallest, x[i]);
      expect(running[i] == static_cast<int64_t>(s), "cumsum at ", k);
    }
    expect(sum[j] == static_cast<int64_t>(s) && prod[j] == static_cast<int64_t>(p),
           dtype_name(DTypeOf<T>::value), " sum or prod of ", n);
    expect(top[j] == largest && low[j] == smallest, "extremes of ", n);
  }
}

template <typename T>
void check_type() {
  check_arithmetic<T>();
  check_powers<T>();
  check_integer_casts<T>();
  for (const int64_t n : {1, 2, 17, 5000}) {
    check_reductions<T>(n, 1);
    check_reductions<T>(n, 3);
    check_reductions<T>(n, 130);
  }
}

}  // namespace

int main() {
  check_type<uint8_t>();
  check_type<int32_t>();
  check_type<int64_t>();
  check_bool();
  check_float_casts<float>(kType<float>);
  check_float_casts<double>(kType<double>);
  check_bfloat16();
  return finish("integers");
}
