// What users read of an operation's arguments: in docstrings and in errors.
#pragma once

#include <string>

#include "bindings/arguments.h"

namespace chainrule::bindings {

// "rand(*size: int, generator: Generator | None = None, ...) -> Tensor", as Python spells it;
// without the object for a method. `name` may be the in-place form's.
std::string signature_text(const std::string& name, const Overload& overload);

// The docstring of a Python name: under each form what it means and what the table knows of it.
std::string make_doc(const std::string& name, const std::vector<Overload>& overloads,
                     bool in_place);

}  // namespace chainrule::bindings
