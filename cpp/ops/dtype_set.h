// The dtypes that an operation computes with, and the one error for the others.
#pragma once

#include <initializer_list>
#include <string>

#include "core/dtype.h"

namespace chainrule {

using DTypeSet = uint8_t;  // a bit per dtype
static_assert(kDTypeCount <= 8);

constexpr DTypeSet dtype_set(std::initializer_list<DType> dtypes) {
  DTypeSet set = 0;
  for (const DType t : dtypes) set |= static_cast<DTypeSet>(1 << static_cast<int>(t));
  return set;
}
constexpr bool contains(DTypeSet set, DType t) { return set >> static_cast<int>(t) & 1; }

inline constexpr DTypeSet kAnyDType = (1 << kDTypeCount) - 1;
inline constexpr DTypeSet kNumberDTypes =
    kAnyDType & static_cast<DTypeSet>(~dtype_set({DType::kBool}));
inline constexpr DTypeSet kFloatDTypes =
    dtype_set({DType::kBFloat16, DType::kFloat32, DType::kFloat64});
// Of operations without bfloat16 kernels: call() computes those in float32 and rounds the results,
// which is what sums and the like should do in any case.
inline constexpr DTypeSet kWideDTypes =
    kAnyDType & static_cast<DTypeSet>(~dtype_set({DType::kBFloat16}));
inline constexpr DTypeSet kRealDTypes = dtype_set({DType::kFloat32, DType::kFloat64});

// "bool, int32 or int64".
std::string dtype_names(DTypeSet set);

// "[op] expected bool or int64; got float32."
[[noreturn]] void fail_dtype(const char* op, DType got, DTypeSet allowed);

// "[op] expected tensors of one dtype; got float64 and float32. Use .float() on the float64 one."
// What is wanted is the second, if that is floating.
[[noreturn]] void fail_mixed(const char* op, DType a, DType b);

// The first for a table of kernels by dtype.
template <typename Kernel>
[[noreturn]] void fail_dtype(const char* op, DType got, const Kernel (&kernels)[kDTypeCount]) {
  DTypeSet allowed = 0;
  for (int i = 0; i < kDTypeCount; ++i)
    allowed |= static_cast<DTypeSet>((kernels[i] != nullptr) << i);
  fail_dtype(op, got, allowed);
}

}  // namespace chainrule
