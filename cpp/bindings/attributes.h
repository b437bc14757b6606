// One Python value into one field of an attribute struct, and an operand into a tensor.
#pragma once

#include "bindings/tensor_type.h"
#include "ops/schema.h"

namespace chainrule::bindings {

// Null when stored, else what the value should have been ("must be an int"). ValueError, naming
// `op`, for a choice that does not exist.
const char* store_attribute(const Param& p, PyObject* value, unsigned char* field, const char* op);
bool accepts_none(ParamKind kind);
// A Python number (weak in promotion) or a NumPy array as a tensor.
Tensor operand_tensor(PyObject* value);

}  // namespace chainrule::bindings
