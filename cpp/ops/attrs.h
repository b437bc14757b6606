// The types attributes are made of. Every one is a multiple of eight bytes without padding, so that
// a generated attribute struct is trivially copyable and is compared, hashed and copied as bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "core/dtype.h"
#include "core/shape.h"

namespace chainrule {

// A Python number that is not an operand: keeps whether it was a bool, an int or a float.
struct Number {
  enum Kind : int64_t { kBool, kInt, kFloat };
  double real = 0;
  int64_t integer = 0;
  Kind kind = kInt;

  Number() = default;
  Number(double v) : real(v), integer(truncated(v)), kind(kFloat) {}
  Number(int64_t v) : real(static_cast<double>(v)), integer(v), kind(kInt) {}
  Number(int v) : Number(static_cast<int64_t>(v)) {}
  Number(bool v) : real(v), integer(v), kind(kBool) {}

  bool is_float() const { return kind == kFloat; }
  DType dtype() const;  // bool, int64 or the default float type

 private:
  // As casts do it: what does not fit, and NaN, is the smallest integer.
  static int64_t truncated(double v) {
    return v >= -0x1p63 && v < 0x1p63 ? static_cast<int64_t>(v) : INT64_MIN;
  }
};

struct OptNumber {
  Number value;
  int64_t has = 0;
  OptNumber() = default;
  template <typename T>
  OptNumber(T v) : value(v), has(1) {}
};

struct OptInt {
  int64_t value = 0;
  int64_t has = 0;
  OptInt() = default;
  OptInt(int64_t v) : value(v), has(1) {}
};

struct OptFloat {
  double value = 0;
  int64_t has = 0;
  OptFloat() = default;
  OptFloat(double v) : value(v), has(1) {}
};

struct OptDims {
  Dims value;
  int64_t has = 0;
  OptDims() = default;
  OptDims(const Dims& v) : value(v), has(1) {}
};

struct OptDType {
  int64_t code = -1;
  OptDType() = default;
  OptDType(DType t) : code(static_cast<int64_t>(t)) {}
  bool has() const { return code >= 0; }
  DType value() const { return static_cast<DType>(code); }
  DType value_or(DType t) const { return has() ? value() : t; }
};

// Choices that Python spells as strings, each with its names in order. An enumerator is called as
// its name, because the generator writes a default 'mean' as Reduction::mean.
enum class Reduction : int64_t { none, mean, sum };
inline constexpr const char* kReductionNames[] = {"none", "mean", "sum"};
enum class Rounding : int64_t { none, trunc, floor };  // none is Python's None
inline constexpr const char* kRoundingNames[] = {nullptr, "trunc", "floor"};
enum class GeluForm : int64_t { none, tanh };
inline constexpr const char* kGeluFormNames[] = {"none", "tanh"};

}  // namespace chainrule
