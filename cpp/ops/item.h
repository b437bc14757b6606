// Values that leave a tensor for the program around it.
#pragma once

#include <type_traits>

#include "core/tensor.h"
#include "ops/attrs.h"

namespace chainrule {

// The value of a one-element tensor, ShapeError for others; `what` is named in errors. CaptureError
// while a program is recorded, for a replay would not read it again; it gives the hint.
// Tensor::data() and item_double() are the bare memory: they tell nobody.
Number item_of(const Tensor& t, const char* what, const char* hint = nullptr);

// The same as a C++ number: item<double>(loss).
template <typename T>
T item(const Tensor& t) {
  const Number n = item_of(t, "item");
  if constexpr (std::is_same_v<T, bool>) {
    return n.real != 0;
  } else {
    return std::is_floating_point_v<T> ? static_cast<T>(n.real) : static_cast<T>(n.integer);
  }
}

}  // namespace chainrule
