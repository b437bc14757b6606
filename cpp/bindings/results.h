// Several outputs as a named tuple: `x.max(dim=1).values`.
#pragma once

#include <span>

#include "bindings/tensor_type.h"
#include "ops/op.h"

namespace chainrule::bindings {

// A named tuple when the op names its outputs, a plain tuple when their number is open. New
// reference.
PyObject* wrap_outputs(const OpDef& op, const char* python_name, Tensors& outputs);

// The classes of results with named fields, by the name of the function that returns them.
py::dict return_types();

}  // namespace chainrule::bindings
