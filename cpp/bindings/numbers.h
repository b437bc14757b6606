// Python numbers as the engine takes them: int, float, bool, NumPy scalars, 0-d tensors.
#pragma once

#include <optional>

#include "bindings/tensor_type.h"
#include "ops/item.h"

namespace chainrule::bindings {

// Words for what reads a value while a program is recorded.
inline constexpr const char* kKeepCondition =
    "Keep the condition a tensor, as in where(condition, a, b), or compile(..., fallback=True).";
inline constexpr const char* kAsInteger = "a tensor in place of an integer";
inline constexpr const char* kPassNumber =
    "Pass it as a Python number, or compile(..., fallback=True).";

bool is_numpy_scalar(PyObject* o);  // without importing NumPy
bool is_numpy_array(PyObject* o);
// A string or bytes object, which Python would also take for a sequence.
inline bool is_text(PyObject* o) {
  return PyUnicode_Check(o) || PyBytes_Check(o) || PyByteArray_Check(o);
}

// int, float, bool and NumPy scalars. OverflowError for integers beyond 64 bits.
std::optional<Number> number_from(PyObject* o);
// The same, and 0-d tensors (their value leaves a recorded program: CaptureError).
std::optional<Number> number_or_item(PyObject* o);
std::optional<int64_t> int_from(PyObject* o);   // no bool
std::optional<double> float_from(PyObject* o);  // anything with __float__ but text
std::optional<bool> bool_from(PyObject* o);
bool require_bool(PyObject* o, const char* op, const char* name);  // else TypeError

// A number of Python as an operand that stays weak in promotion.
Tensor weak_tensor(const Number& n);
// The same beside a floating tensor of `dtype`, in which it is going to take part.
Tensor weak_tensor(const Number& n, DType dtype);
PyObject* python_number(const Number& n);  // new reference

}  // namespace chainrule::bindings
