// Arguments that do not fit, in the one form of errors, for every callable of the module.
#pragma once

#include <string>

#include "bindings/errors.h"

namespace chainrule::bindings {

// "(Tensor, flag=str)" of a call's positional values, then the named ones.
std::string given_arguments(PyObject* const* values, Py_ssize_t count, PyObject* keywords);

// The function (one that pybind11 made, else nothing happens) says what it expected in our form.
void phrase_errors(const py::handle& function);
// The same for a method of Tensor that CPython calls: how many arguments, and on what object.
void phrase_method_errors(PyObject* descriptor);

// "[op] expected <expected>; got <the arguments>." in place of what PyArg_Parse has said.
[[noreturn]] void fail_call(const char* op, const char* expected, PyObject* args, PyObject* kwargs);

// PyArg_ParseTupleAndKeywords; `expected` is what the error shows, such as "(mode=True)".
template <typename... Out>
void parse_arguments(const char* op, const char* expected, PyObject* args, PyObject* kwargs,
                     const char* format, const char* const* names, Out*... out) {
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, const_cast<char**>(names), out...))
    fail_call(op, expected, args, kwargs);
}

}  // namespace chainrule::bindings
