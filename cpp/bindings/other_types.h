// What an error says of an object of another type than was expected: the name of its type, and how
// it becomes a Tensor.
#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <string_view>

namespace chainrule::bindings {

// "int", "Tensor", "numpy.ndarray", "torch.Tensor", "the class ReLU": with the module, but for
// Python's own types, ours and those of the program itself.
std::string type_name(PyObject* o);

// What makes a Tensor of the object that the user has by this name: "chainrule.from_numpy(input)";
// nothing where no call does.
std::string tensor_code(PyObject* o, std::string_view name);
// The same as a hint behind a message: " Pass chainrule.from_numpy(input)."
std::string tensor_hint(PyObject* o, std::string_view name);

}  // namespace chainrule::bindings
