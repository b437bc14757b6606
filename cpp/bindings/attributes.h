// One Python value into one field of an attribute struct, and an operand into a tensor.
#pragma once

#include "bindings/tensor_type.h"
#include "ops/schema.h"

namespace chainrule::bindings {

// What a value should have been ("must be an int"), or an element of it; null when it fits.
struct Problem {
  Problem(const char* text_ = nullptr, int64_t element_ = -1) : text(text_), element(element_) {}
  const char* text;
  int64_t element;  // of a list or tuple; -1 for the value itself
};

// No problem when stored. ValueError, naming `op`, for a choice that does not exist.
Problem store_attribute(const Param& p, PyObject* value, unsigned char* field, const char* op);
bool accepts_none(ParamKind kind);
// A Python number (weak in promotion) or a NumPy array as a tensor.
Tensor operand_tensor(PyObject* value);

}  // namespace chainrule::bindings
