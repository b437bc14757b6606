// A number that its dtype cannot hold is an error where it is stored, never another number.
#pragma once

#include "ops/op.h"

namespace chainrule {

// ValueError unless a `t` can hold the value: the integers of its range, the finite floats, and a
// fraction as its whole part. Every bool can.
void check_fits(const char* op, Number value, DType t);

// The same of a Python number that is about to be stored; tensors are cast, as PyTorch casts them.
inline void check_number_fits(const char* op, const Tensor& number, DType t) {
  if (!number->weak_number || number.dtype() == t) return;
  const bool real = is_floating(number.dtype());
  check_fits(op, real ? Number(number.item_double()) : Number(number.item_int()), t);
}

}  // namespace chainrule
