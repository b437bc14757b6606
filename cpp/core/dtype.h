// The element types and PyTorch's promotion lattice over them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

enum class DType : uint8_t { kBool, kUInt8, kInt32, kInt64, kBFloat16, kFloat32, kFloat64 };
inline constexpr int kDTypeCount = 7;

enum class Category : uint8_t { kBool, kInteger, kFloating };

constexpr size_t itemsize(DType t) {
  constexpr size_t kSizes[kDTypeCount] = {1, 1, 4, 8, 2, 4, 8};
  return kSizes[static_cast<int>(t)];
}

constexpr const char* dtype_name(DType t) {
  constexpr const char* kNames[kDTypeCount] = {"bool",     "uint8",   "int32",  "int64",
                                               "bfloat16", "float32", "float64"};
  return kNames[static_cast<int>(t)];
}

constexpr Category category(DType t) {
  if (t == DType::kBool) return Category::kBool;
  return t >= DType::kBFloat16 ? Category::kFloating : Category::kInteger;
}
constexpr bool is_floating(DType t) { return category(t) == Category::kFloating; }

// The smallest type both can be cast to without leaving their category, as PyTorch's table has it:
// bool < uint8 < int32 < int64 < bfloat16 < float32 < float64 is a chain over these seven.
constexpr DType promote_types(DType a, DType b) { return a < b ? b : a; }

// Whether `from` may be written into `to` in place: never to a lower category.
constexpr bool can_cast(DType from, DType to) {
  return static_cast<int>(category(from)) <= static_cast<int>(category(to));
}

inline constexpr double kLargestBFloat16 = 0x1.FEp127;

DType default_dtype();            // of new floating tensors; float32 unless changed
void set_default_dtype(DType t);  // float32 or float64

// C++ type -> DType, for typed access to data.
template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::kBool;
};
template <>
struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::kUInt8;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::kInt64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kFloat64;
};

}  // namespace chainrule
