// What the kernel tests share: a count of failures, every table that runs here, exact and ULP
// compare.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/blocking.h"
#include "kernels/dispatch.h"

namespace chainrule::checks {

using kernels::KernelTable;

inline int failures = 0;

template <typename... Parts>
void expect(bool good, const Parts&... parts) {
  if (good || ++failures > 20) return;
  std::ostringstream text;
  text.precision(17);
  (text << ... << parts);
  std::printf("FAILED %s\n", text.str().c_str());
}

inline int finish(const char* what) {
  std::printf("%s: %d failures on %s\n", what, failures, kernels::available_isas());
  return failures == 0 ? 0 : 1;
}

// For a test that has to be skipped, with the exit status that ctest takes for it.
inline int skip(const char* test, const char* reason) {
  std::printf("%s: skipped, %s\n", test, reason);
  return 77;
}

// Every table of this build and processor; the vector ones alone if the oracle is not wanted.
inline std::vector<const KernelTable*> tables(bool with_reference) {
  std::vector<const KernelTable*> found;
  for (const char* name : {"reference", "v2", "v3", "v4", "generic", "native"}) {
    const KernelTable* table = kernels::find_table(name);
    if (table && (with_reference || std::string(name) != "reference")) found.push_back(table);
  }
  return found;
}
inline const KernelTable& reference() { return *kernels::find_table("reference"); }

// Equal bits; any NaN is the same NaN (which operand's payload survives is the compiler's choice).
template <typename T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) && std::isnan(b)) return true;
  }
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// The distance in units in the last place of the exact value, in T's format.
template <typename T>
long double ulps(T got, long double exact) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : INFINITY;
  if (static_cast<T>(exact) == got) {
    const bool same_zero = got != 0 || std::signbit(got) == std::signbit(exact);
    if (std::isinf(got) || got == 0) return same_zero ? 0 : INFINITY;
  }
  if (std::isnan(got)) return INFINITY;
  constexpr int kDigits = std::numeric_limits<T>::digits,
                kLowest = std::numeric_limits<T>::min_exponent;
  int exponent = kLowest;
  if (exact != 0) std::frexp(exact, &exponent);
  exponent = std::max(exponent, kLowest);
  return std::fabs(got - exact) / std::ldexp(1.0L, exponent - kDigits);
}

// bool with an address in a vector.
struct Bool {
  bool value = false;
  Bool() = default;
  Bool(int v) : value(v != 0) {}
  operator int() const { return value; }
};

// Numbers of every kind: zeros, infinities, NaN, denormals, all magnitudes, and the usual range.
template <typename T>
std::vector<T> hard_values(std::mt19937_64& source, int64_t count) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  if constexpr (std::is_floating_point_v<T>) {
    x = {T(0),
         -T(0),
         Limits::infinity(),
         -Limits::infinity(),
         Limits::quiet_NaN(),
         Limits::denorm_min(),
         -Limits::denorm_min(),
         Limits::min(),
         Limits::max(),
         Limits::lowest(),
         T(1),
         T(-1),
         T(0.5),
         T(2),
         T(-2)};
  } else if constexpr (std::is_integral_v<T>) {
    x = {T(0), T(1), Limits::max(), Limits::min(), T(2), T(3), T(Limits::max() - 1)};
  }
  std::uniform_real_distribution<double> usual(-8, 8), exponent(-30, 30);
  while (static_cast<int64_t>(x.size()) < count) {
    const uint64_t bits = source();
    if constexpr (std::is_same_v<T, Bool>) {
      x.push_back(Bool(bits % 2 == 0));
    } else {
      T value = static_cast<T>(static_cast<int64_t>(usual(source)));
      if constexpr (std::is_floating_point_v<T>) {
        value = static_cast<T>(usual(source));
        if (bits % 4 == 2) value = static_cast<T>(std::exp2(exponent(source)));
      }
      if (bits % 4 == 1) std::memcpy(&value, &bits, sizeof(T));
      x.push_back(value);
    }
  }
  x.resize(static_cast<size_t>(count));
  std::shuffle(x.begin(), x.end(), source);
  return x;
}

}  // namespace chainrule::checks
