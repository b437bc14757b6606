// C++ exceptions as Python errors. Every entry from Python runs inside guarded(), so nothing that
// is thrown below reaches the interpreter's C frames.
#pragma once

#include <pybind11/pybind11.h>

#include <string>

namespace chainrule::bindings {

namespace py = pybind11;

// The exception in flight becomes the Python error. Only inside a catch block.
void set_python_error() noexcept;

// Numbers and sizes are converted where no operation is known: "expected ..." in the Python error
// that is set becomes "[op] expected ...".
void name_error(const char* op) noexcept;
// The same, and an operation that `op` is made of gives way to what the user called:
// "[softmax_rows] expected ..." becomes "[softmax] expected ...".
void name_operation(const char* op) noexcept;

// Runs f and returns its result; on an exception sets the Python error and returns `failure`.
template <typename F, typename R = decltype(std::declval<F>()())>
R guarded(F&& f, R failure = R{}) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return failure;
  }
}

// The same for what the user called by the name `op`, which the error names.
template <typename F, typename R = decltype(std::declval<F>()())>
R guarded(const char* op, F&& f, R failure = R{}) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    name_operation(op);
    return failure;
  }
}

// Slots and setters that answer 0 or -1.
template <typename F>
int guarded_status(F&& f) noexcept {
  return guarded([&] { return f(), 0; }, -1);
}
template <typename F>
int guarded_status(const char* op, F&& f) noexcept {
  return guarded(op, [&] { return f(), 0; }, -1);
}

// For classes whose objects only C++ makes: `cls.__new__(cls)` would be one without its contents.
void refuse_new(const py::object& cls);
// TypeError for pickle and copy of its objects; part of refuse_new.
void refuse_pickling(const py::object& cls);

// str(o) and repr(o), in which half a surrogate pair, that no encoding has, is written as
// "\\udc80".
std::string text_of(const py::handle& o);
std::string repr_text(const py::handle& o);

// For C API calls: the Python error that is set goes on as a C++ exception.
[[noreturn]] inline void throw_python_error() { throw py::error_already_set(); }
inline PyObject* checked(PyObject* result) {
  if (!result) throw_python_error();
  return result;
}
inline void check(int status) {
  if (status < 0) throw_python_error();
}
inline py::object steal(PyObject* result) {
  return py::reinterpret_steal<py::object>(checked(result));
}
inline py::object borrow(PyObject* o) { return py::reinterpret_borrow<py::object>(o); }

}  // namespace chainrule::bindings
