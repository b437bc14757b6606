#include "ops/dtype_set.h"

#include "core/errors.h"

namespace chainrule {

std::string dtype_names(DTypeSet set) {
  std::string names;
  if (contains(set, DType::kFloat32)) set |= dtype_set({DType::kBFloat16});  // by way of float32
  int left = __builtin_popcount(set);
  for (int i = 0; i < kDTypeCount; ++i) {
    const DType t = static_cast<DType>(i);
    if (!contains(set, t)) continue;
    names += str(names.empty() ? "" : left == 1 ? " or " : ", ", dtype_name(t));
    --left;
  }
  return names;
}

void fail_dtype(const char* op, DType got, DTypeSet allowed) {
  // What is meant where only reals have a result.
  const bool convert = contains(allowed, DType::kFloat32) && (allowed & ~kFloatDTypes) == 0;
  fail<DtypeError>(op, "expected ", dtype_names(allowed), "; got ", dtype_name(got), ".",
                   convert ? " Use float()." : "");
}

void fail_mixed(const char* op, DType a, DType b) {
  const bool second = is_floating(b) || !is_floating(a);
  const DType wanted = second ? b : a, other = second ? a : b;
  std::string hint;
  if (wanted == DType::kFloat32) {
    hint = str(" Use .float() on the ", dtype_name(other), " one",
               other == DType::kBFloat16 ? "." : "; in NumPy .astype('float32').");
  } else if (wanted == DType::kFloat64) {
    hint = str(" Use .double() on the ", dtype_name(other), " one.");
  }
  fail<DtypeError>(op, "expected tensors of one dtype; got ", dtype_name(a), " and ", dtype_name(b),
                   ".", hint);
}

}  // namespace chainrule
