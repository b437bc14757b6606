// What pybind11 and CPython say of arguments that do not fit: in other forms than ours. Functions
// of pybind11 share one C entry and methods one per calling convention, so these are wrapped, and
// only a failed call does more work.
#include "bindings/argument_errors.h"

#include <string_view>
#include <vector>

#include "bindings/module.h"
#include "bindings/other_types.h"
#include "bindings/tensor_type.h"
#include "core/errors.h"

namespace chainrule::bindings {

namespace {

using FastCall = _PyCFunctionFastWithKeywords;

constexpr std::string_view kMisfit = "(): incompatible function arguments.";

PyCFunction pybind_entry;  // the same for every function that pybind11 makes

template <typename To, typename From>
To function_cast(From f) {
  return reinterpret_cast<To>(reinterpret_cast<void (*)()>(f));
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// "(seed: int)" of "(self: chainrule._core.Generator, seed: int) -> object".
std::string without_self(std::string text) {
  text.resize(text.find(") -> ") + 1);
  if (text.starts_with("(self: ")) {
    const size_t comma = text.find(", ");
    text = comma == std::string::npos ? "()" : "(" + text.substr(comma + 2);
  }
  replace_all(text, "typing.SupportsInt | typing.SupportsIndex", "int");
  replace_all(text, "chainrule._core.", "");
  return text;
}

// One line "    1. (...) -> ..." an overload.
std::string expected_arguments(std::string_view message) {
  std::string text;
  for (size_t at = message.find("\n    "); at != std::string_view::npos;) {
    const size_t next = message.find("\n", at + 1);
    const size_t begin = message.find('(', at);
    text += (text.empty() ? "" : " or ") +
            without_self(std::string(message.substr(begin, next - begin)));
    at = message.substr(next).starts_with("\n    ") ? next : std::string_view::npos;
  }
  return text;
}

// Puts the error that is set into our form if it is pybind11's of arguments.
void rephrase(PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return;
  py::error_already_set error;
  const std::string message = text_of(error.value());
  const size_t name = message.find(kMisfit);
  if (name == std::string::npos) return error.restore();
  const bool method = message.find("(self: ") != std::string::npos && count > 0;
  fail<TypeError>(message.substr(0, name).c_str(), "expected ", expected_arguments(message),
                  "; got ", given_arguments(values + method, count - method, keywords), ".");
}

PyObject* entry(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  // Guarded, for pybind11 converts the names of keywords outside of its own handlers.
  PyObject* result =
      guarded([&] { return function_cast<FastCall>(pybind_entry)(self, values, count, keywords); });
  if (result) return result;
  guarded_status([&] { rephrase(values, count, keywords); });
  name_error(py::detail::function_record_ptr_from_PyObject(self)->name);
  return nullptr;
}

// "list of Tensor and int": of the items the first two types, one level deep, for a list may
// contain itself.
std::string type_with_items(PyObject* o) {
  const std::string name = type_name(o);
  if (!PyList_Check(o) && !PyTuple_Check(o)) return name;
  std::string first, second;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o) && second.empty(); ++i) {
    const std::string item = type_name(PySequence_Fast_GET_ITEM(o, i));
    if (first.empty()) first = item;
    if (item != first) second = item;
  }
  return str(name, first.empty() ? "" : " of ", first, second.empty() ? "" : " and ", second);
}

// ---- Methods that CPython calls

vectorcallfunc method_entries[2];  // CPython's own, by whether the method takes arguments

// CPython's words for a wrong object or too many arguments; other errors are the method's own.
void rephrase_method(const PyMethodDef& method, PyObject* const* values, Py_ssize_t count,
                     PyObject* keywords) {
  if (count < 1 || !is_tensor(values[0])) {
    PyErr_Clear();
    fail<TypeError>(method.ml_name, "expected a Tensor as the object of the method; got ",
                    given_arguments(values, count, keywords), ".");
  }
  if (method.ml_flags != METH_NOARGS || (count == 1 && !keywords)) return;
  PyErr_Clear();
  fail<TypeError>(method.ml_name, "expected no arguments; got ",
                  given_arguments(values + 1, count - 1, keywords), ".");
}

PyObject* method_entry(PyObject* descriptor, PyObject* const* values, size_t flags,
                       PyObject* keywords) {
  const PyMethodDef& method = *reinterpret_cast<PyMethodDescrObject*>(descriptor)->d_method;
  const bool takes = method.ml_flags != METH_NOARGS;
  PyObject* result = method_entries[takes](descriptor, values, flags, keywords);
  if (result) return result;
  guarded_status([&] { rephrase_method(method, values, PyVectorcall_NARGS(flags), keywords); });
  return nullptr;
}

PyMethodDef* definition_of(const py::handle& function) {
  if (!function || !PyCFunction_Check(function.ptr())) return nullptr;
  return reinterpret_cast<PyCFunctionObject*>(function.ptr())->m_ml;
}

void phrase_errors_of(const py::handle& owner) {
  for (const auto& [name, value] : py::dict(owner.attr("__dict__"))) phrase_errors(value);
}

}  // namespace

std::string given_arguments(PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  std::string text;
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < count + named; ++i) {
    if (i) text += ", ";
    if (i >= count) text += text_of(PyTuple_GET_ITEM(keywords, i - count)) + "=";
    text += type_with_items(values[i]);
  }
  return "(" + text + ")";
}

void fail_call(const char* op, const char* expected, PyObject* args, PyObject* kwargs) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw_python_error();
  PyErr_Clear();
  std::vector<PyObject*> values;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i)
    values.push_back(PyTuple_GET_ITEM(args, i));
  const py::tuple names(kwargs ? steal(PyDict_Keys(kwargs)) : py::object(py::tuple()));
  for (const py::handle name : names) values.push_back(PyDict_GetItem(kwargs, name.ptr()));
  fail<TypeError>(op, "expected ", expected, "; got ",
                  given_arguments(values.data(), PyTuple_GET_SIZE(args), names.ptr()), ".");
}

void phrase_errors(const py::handle& function) {
  if (PyInstanceMethod_Check(function.ptr()))
    return phrase_errors(PyInstanceMethod_GET_FUNCTION(function.ptr()));
  if (!pybind_entry) {
    const py::cpp_function any([] {});
    const PyMethodDef* definition = definition_of(any);
    // Another release of pybind11 may call in another way; its own words stand then.
    if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return;
    pybind_entry = definition->ml_meth;
  }
  PyMethodDef* definition = definition_of(function);
  if (definition && definition->ml_meth == pybind_entry)
    definition->ml_meth = function_cast<PyCFunction>(&entry);
}

// The interpreter's specialised calls go past this entry, straight to the method.
void phrase_method_errors(PyObject* descriptor) {
  auto* method = reinterpret_cast<PyMethodDescrObject*>(descriptor);
  const bool takes = method->d_method->ml_flags != METH_NOARGS;
  if (!method->vectorcall) return;
  if (!method_entries[takes]) method_entries[takes] = method->vectorcall;
  if (method->vectorcall == method_entries[takes]) method->vectorcall = method_entry;
}

void bind_argument_errors(py::module_& m) {
  for (const auto& [name, value] : py::dict(m.attr("__dict__"))) {
    if (PyType_Check(value.ptr())) phrase_errors_of(value);
  }
  phrase_errors_of(m);
}

}  // namespace chainrule::bindings
