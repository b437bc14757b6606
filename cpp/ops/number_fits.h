// A number that its dtype cannot hold is an error where it is stored, never another number.
#pragma once

#include "ops/op.h"

namespace chainrule {

// Whether a `t` can hold the value: integers their range, of a fraction its whole part; floats what
// is finite in them, infinities and NaN. Every bool can.
bool fits(Number value, DType t);
// ValueError unless it does.
void check_fits(const char* op, Number value, DType t);
// The same of a Python number that is about to be stored; tensors are cast, as PyTorch casts them.
void check_number_fits(const char* op, const Tensor& number, DType t);

}  // namespace chainrule
