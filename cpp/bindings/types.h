// chainrule.dtype, chainrule.device and chainrule.Size: small immutable Python types.
#pragma once

#include <optional>

#include "bindings/errors.h"
#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace chainrule::bindings {

// The singleton of a dtype; borrowed, lives for ever.
PyObject* dtype_object(DType t);
// A chainrule.dtype, or Python's float, int, bool types; nothing for other objects.
std::optional<DType> dtype_from(PyObject* o);
DType require_dtype(PyObject* o, const char* op);  // TypeError that says what came

PyObject* device_object();  // the CPU's; borrowed
// A chainrule.device or its name; ValueError names what exists. Nothing for other objects.
std::optional<Device> device_from(PyObject* o);

// New reference. By value: objects are made, and a finalizer may change the tensor meanwhile.
PyObject* make_size(Dims dims);

}  // namespace chainrule::bindings
