// Tensors from Python data: numbers, nested sequences, buffers (NumPy without importing it),
// DLPack. Everything here is new data from the host, which a recorded program cannot contain.
#pragma once

#include <optional>

#include "bindings/tensor_type.h"

namespace chainrule::bindings {

// Throws CaptureError while a program is recorded.
void check_host_data(const char* what);

// ---- buffer.cpp
// A window on the memory of an object with the buffer protocol, kept alive by the storage;
// read-only where the object is. ValueError for layouts that no tensor has, DtypeError for element
// types.
Tensor tensor_from_buffer(PyObject* o, const char* op);
// A dense copy; any strides and byte alignment.
Tensor copy_of_buffer(PyObject* o, const char* op);
// ValueError where foreign memory of bools holds other bytes than 0 and 1, as a mask of 0 and 255
// seen as bool does: kernels count and add bools as they are.
void check_bools(const Tensor& t, const char* op);
std::optional<DType> buffer_dtype(PyObject* o);  // nothing when it has no dtype of ours

// ---- nested.cpp
// Numbers and sequences nested to any depth, tensors and arrays among them. Ragged nesting is a
// ValueError, anything else a TypeError; both say at which position.
Tensor tensor_from_nested(PyObject* o, std::optional<DType> dtype, const char* op);

// ---- factories.cpp
// A new tensor with a copy of whatever `o` holds.
Tensor tensor_from_data(PyObject* o, std::optional<DType> dtype, const char* op);
// The same without the copy where the memory can be shared.
Tensor shared_from_data(PyObject* o, std::optional<DType> dtype, const char* op);
Tensor convert(const Tensor& t, std::optional<DType> dtype);  // itself when it has that dtype

// ---- dlpack.cpp
Tensor tensor_from_dlpack(PyObject* o);

}  // namespace chainrule::bindings
