#include "ops/number_fits.h"

#include <cmath>
#include <limits>

namespace chainrule {

namespace {

template <typename T>
bool fits_integer(Number value) {
  using Limits = std::numeric_limits<T>;
  if (!value.is_float()) {
    return value.integer >= static_cast<int64_t>(Limits::min()) &&
           value.integer <= static_cast<int64_t>(Limits::max());
  }
  const double whole = std::trunc(value.real);
  return whole >= static_cast<double>(Limits::min()) && whole < std::ldexp(1.0, Limits::digits);
}

}  // namespace

bool fits(Number value, DType t) {
  const auto finite_below = [&](double limit) {
    return !std::isfinite(value.real) || std::abs(value.real) <= limit;
  };
  switch (t) {
    case DType::kUInt8:
      return fits_integer<uint8_t>(value);
    case DType::kInt32:
      return fits_integer<int32_t>(value);
    case DType::kInt64:
      return fits_integer<int64_t>(value);
    case DType::kBFloat16:
      return finite_below(kLargestBFloat16);
    case DType::kFloat32:
      return finite_below(std::numeric_limits<float>::max());
    case DType::kBool:
    case DType::kFloat64:
      return true;
  }
  return true;
}

void check_fits(const char* op, Number value, DType t) {
  if (fits(value, t)) return;
  fail<ValueError>(op, "expected a value that fits ", dtype_name(t), "; got ",
                   value.is_float() ? str(value.real) : str(value.integer), ".");
}

void check_number_fits(const char* op, const Tensor& number, DType t) {
  if (!number->weak_number || number.dtype() == t) return;
  const bool real = is_floating(number.dtype());
  check_fits(op, real ? Number(number.item_double()) : Number(number.item_int()), t);
}

}  // namespace chainrule
