// Nodes of the graph as Python sees them.
#pragma once

#include "autograd/node.h"
#include "bindings/tensor_type.h"

namespace chainrule::bindings {

// `grad_fn`: name(), next_functions; None for a null node. New reference.
PyObject* wrap_node(Ref<autograd::Node> node);
// "mul" -> "MulBackward0"; functions from outside the op table keep their name.
std::string shown_name(const autograd::Node& node);

}  // namespace chainrule::bindings
