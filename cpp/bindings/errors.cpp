#include "bindings/errors.h"

#include <new>

#include "bindings/module.h"
#include "core/errors.h"
#include "ops/op.h"
#include "ops/schema.h"

namespace chainrule::bindings {

namespace {

// Owned by the module for the life of the process.
PyObject* shape_error;
PyObject* dtype_error;
PyObject* state_error;
PyObject* capture_error;
PyObject* out_of_memory;

PyObject* make_class(py::module_& m, const char* name, const char* doc,
                     std::initializer_list<PyObject*> bases) {
  py::tuple parents(bases.size());
  size_t i = 0;
  for (PyObject* base : bases) parents[i++] = borrow(base);
  const std::string qualified = std::string("chainrule.") + name;
  py::object type =
      steal(PyErr_NewExceptionWithDoc(qualified.c_str(), doc, parents.ptr(), nullptr));
  m.attr(name) = type;
  return type.release().ptr();
}

void raise(PyObject* type, const std::exception& e) noexcept { PyErr_SetString(type, e.what()); }

// Whether the table has an operation that C++ or Python calls so.
bool is_operation(std::string_view name) {
  if (name == "requires_grad_") return true;  // of a factory or a Parameter
  for (const OpDef* op : all_ops()) {
    if (name == op->name) return true;
    for (int i = 0; i < op->schema->signature_count; ++i) {
      if (name == op->schema->signatures[i].python_name) return true;
    }
  }
  return false;
}

// The error that is set, in other words. What has come through a Python frame, a hook or
// __index__, is somebody else's to word.
template <typename F>
void reword(F&& words) noexcept {
  guarded_status([&] {
    py::error_already_set error;
    if (error.trace()) return error.restore();
    const std::string message = text_of(error.value());
    const std::string other = words(message);
    if (other == message) return error.restore();
    PyErr_SetString(error.type().ptr(), other.c_str());
  });
}

std::string with_name(const std::string& message, const char* op) {
  return message.starts_with("expected ") ? str("[", op, "] ", message) : message;
}

}  // namespace

void set_python_error() noexcept {
  try {
    throw;
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const ShapeError& e) {
    raise(shape_error, e);
  } catch (const DtypeError& e) {
    raise(dtype_error, e);
  } catch (const CaptureError& e) {
    raise(capture_error, e);
  } catch (const StateError& e) {
    raise(state_error, e);
  } catch (const OutOfMemory& e) {
    raise(out_of_memory, e);
  } catch (const IndexError& e) {
    raise(PyExc_IndexError, e);
  } catch (const ValueError& e) {
    raise(PyExc_ValueError, e);
  } catch (const TypeError& e) {
    raise(PyExc_TypeError, e);
  } catch (const std::bad_alloc& e) {
    raise(out_of_memory, e);
  } catch (const std::exception& e) {
    raise(PyExc_RuntimeError, e);
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "[chainrule] expected a C++ exception of a known kind.");
  }
}

void name_error(const char* op) noexcept {
  reword([&](const std::string& message) { return with_name(message, op); });
}

void name_operation(const char* op) noexcept {
  reword([&](const std::string& message) {
    const size_t end = message.find("] ");
    const bool named = message.starts_with("[") && end != std::string::npos;
    if (!named || !is_operation(std::string_view(message).substr(1, end - 1)))
      return with_name(message, op);
    return str("[", op, message.substr(end));
  });
}

std::string text_of(const py::handle& o) {
  const py::str text(o);
  const char* const how = "backslashreplace";
  return py::bytes(steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", how)));
}
std::string repr_text(const py::handle& o) { return text_of(py::repr(o)); }

void refuse_new(const py::object& cls) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls.ptr());
  type->tp_new = [](PyTypeObject* t, PyObject*, PyObject*) -> PyObject* {
    PyErr_Format(PyExc_TypeError,
                 "[%s] expected no call; got one. Its objects are made by chainrule.", t->tp_name);
    return nullptr;
  };
  PyType_Modified(type);
  refuse_pickling(cls);
}

// The first two protocols of pickle would call pybind11's common base class, which ends the
// process.
void refuse_pickling(const py::object& cls) {
  const std::string name = reinterpret_cast<PyTypeObject*>(cls.ptr())->tp_name;
  const auto refuse = [name](const py::object&, const py::object&) {
    fail<TypeError>("pickle", "expected an object that outlives its process; got ", name.c_str(),
                    ".");
  };
  py::setattr(cls, "__reduce_ex__", py::cpp_function(refuse, py::is_method(cls)));
}

void bind_errors(py::module_& m) {
  shape_error = make_class(m, "ShapeError", "Shapes that do not fit; both are in the message.",
                           {PyExc_ValueError, PyExc_RuntimeError});
  dtype_error = make_class(m, "DtypeError", "A dtype that the operation has no meaning for.",
                           {PyExc_TypeError, PyExc_RuntimeError});
  state_error =
      make_class(m, "StateError", "The right call at the wrong time.", {PyExc_RuntimeError});
  capture_error =
      make_class(m, "CaptureError", "Something a captured program cannot contain.", {state_error});
  out_of_memory = make_class(m, "OutOfMemory", "More memory than the machine has left.",
                             {PyExc_MemoryError, PyExc_RuntimeError});
  py::register_exception_translator([](std::exception_ptr p) {
    if (!p) return;
    try {
      std::rethrow_exception(p);
    } catch (const Error&) {
      set_python_error();
    }  // everything else: pybind11's own translators
  });
}

}  // namespace chainrule::bindings
