// The functions and methods of the op table. A Python name is one callable that holds its overloads
// in table order; each has its own C function, so the interpreter calls it without any wrapper.
#pragma once

#include <deque>

#include "bindings/arguments.h"

namespace chainrule::bindings {

struct Callable {
  std::string name;  // as Python sees it: "add", "add_"
  std::string doc;
  std::vector<Overload> overloads;
  bool method = false;
  bool in_place = false;
  PyMethodDef def = {};
};

PyObject* invoke(const Callable& callable, const Arguments& arguments) noexcept;

// What the stub generator reads: per name and surface its signatures and doc.
py::list op_table();

}  // namespace chainrule::bindings
