#include "ops/attribute_text.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "ops/attrs.h"

namespace chainrule {

namespace {

// Python writes an exponent below 1e-4 and from 1e16 on.
template <typename T>
std::string shortest(T value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const T size = std::fabs(value);
  const bool fixed = size == 0 || (size >= T(1e-4) && size < T(1e16));
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(digits, end.ptr);
  if (fixed && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string text(int64_t v) { return std::to_string(v); }
std::string text(double v) { return float_text(v); }
std::string text(const Dims& v) { return to_string(v); }
std::string text(const Number& n) {
  if (n.kind == Number::kBool) return n.integer ? "True" : "False";
  return n.is_float() ? text(n.real) : text(n.integer);
}

template <typename T>
T read(const std::byte* field) {
  T value;
  std::memcpy(&value, field, sizeof(T));
  return value;
}

template <typename T>
std::string optional(const std::byte* field) {
  const T value = read<T>(field);
  return value.has ? text(value.value) : "None";
}

template <typename Choice, size_t N>
std::string choice(const char* const (&names)[N], const std::byte* field) {
  const char* name = names[static_cast<size_t>(read<Choice>(field))];
  return name ? str("'", name, "'") : "None";
}

}  // namespace

std::string float_text(double value) { return shortest(value); }
std::string float_text(float value) { return shortest(value); }

std::string attribute_text(const Param& p, std::span<const std::byte> attrs) {
  const std::byte* field = attrs.data() + p.offset;
  switch (p.kind) {
    case ParamKind::kInt:
      return text(read<int64_t>(field));
    case ParamKind::kOptInt:
      return optional<OptInt>(field);
    case ParamKind::kInts:
      return text(read<Dims>(field));
    case ParamKind::kOptInts:
      return optional<OptDims>(field);
    case ParamKind::kFloat:
      return text(read<double>(field));
    case ParamKind::kOptFloat:
      return optional<OptFloat>(field);
    case ParamKind::kBool:
      return read<int64_t>(field) ? "True" : "False";
    case ParamKind::kNumber:
    case ParamKind::kNormOrder:
      return text(read<Number>(field));
    case ParamKind::kOptNumber:
      return optional<OptNumber>(field);
    case ParamKind::kDType:
    case ParamKind::kOptDType: {
      const OptDType dtype = read<OptDType>(field);
      return dtype.has() ? dtype_name(dtype.value()) : "None";
    }
    case ParamKind::kReduction:
      return choice<Reduction>(kReductionNames, field);
    case ParamKind::kRounding:
      return choice<Rounding>(kRoundingNames, field);
    case ParamKind::kGeluForm:
      return choice<GeluForm>(kGeluFormNames, field);
    default:
      throw InternalError(str("[schema] ", p.name, " is a tensor, no attribute."));
  }
}

bool is_default(const OpSchema& schema, const Param& p, std::span<const std::byte> attrs) {
  const std::span<const std::byte> defaults(static_cast<const std::byte*>(schema.attr_defaults),
                                            attrs.size());
  return p.default_text && attribute_text(p, attrs) == attribute_text(p, defaults);
}

}  // namespace chainrule
