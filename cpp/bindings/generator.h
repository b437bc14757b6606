// chainrule.Generator around the engine's generator.
#pragma once

#include "bindings/tensor_type.h"

namespace chainrule::bindings {

// The state tensor of a chainrule.Generator; null for other objects. Lives as long as the object.
const Tensor* generator_state(PyObject* o);

}  // namespace chainrule::bindings
