#include "core/dtype.h"

#include <atomic>

#include "core/errors.h"

namespace chainrule {

namespace {
std::atomic<DType> current_default{DType::kFloat32};
}  // namespace

DType default_dtype() { return current_default.load(std::memory_order_relaxed); }

void set_default_dtype(DType t) {
  if (t != DType::kFloat32 && t != DType::kFloat64) {
    fail<TypeError>("set_default_dtype", "expected float32 or float64; got ", dtype_name(t), ".");
  }
  current_default.store(t, std::memory_order_relaxed);
}

}  // namespace chainrule
