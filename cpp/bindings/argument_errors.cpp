// What pybind11's functions say of arguments that do not fit: a paragraph in another form than
// ours. All of them share one C entry, so it is wrapped once, and only a failed call does more
// work.
#include <string>
#include <string_view>

#include "bindings/errors.h"
#include "bindings/module.h"
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

// "(Tensor, flag=str)".
std::string given_arguments(PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  std::string text;
  const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < count + named; ++i) {
    if (i) text += ", ";
    if (i >= count)
      text += py::str(PyTuple_GET_ITEM(keywords, i - count)).cast<std::string>() + "=";
    text += Py_TYPE(values[i])->tp_name;
  }
  return "(" + text + ")";
}

// Puts the error that is set into our form if it is pybind11's of arguments.
void rephrase(PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) return;
  py::error_already_set error;
  const std::string message = py::str(error.value()).cast<std::string>();
  const size_t name = message.find(kMisfit);
  if (name == std::string::npos) return error.restore();
  const bool method = message.find("(self: ") != std::string::npos && count > 0;
  fail<TypeError>(message.substr(0, name).c_str(), "expected ", expected_arguments(message),
                  "; got ", given_arguments(values + method, count - method, keywords), ".");
}

PyObject* entry(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  PyObject* result = function_cast<FastCall>(pybind_entry)(self, values, count, keywords);
  if (!result) guarded_status([&] { rephrase(values, count, keywords); });
  return result;
}

PyMethodDef* definition_of(const py::handle& function) {
  if (!function || !PyCFunction_Check(function.ptr())) return nullptr;
  return reinterpret_cast<PyCFunctionObject*>(function.ptr())->m_ml;
}

void wrap_function(const py::handle& object) {
  if (PyInstanceMethod_Check(object.ptr()))
    return wrap_function(PyInstanceMethod_GET_FUNCTION(object.ptr()));
  PyMethodDef* definition = definition_of(object);
  if (definition && definition->ml_meth == pybind_entry)
    definition->ml_meth = function_cast<PyCFunction>(&entry);
}

void wrap_names(const py::handle& owner) {
  for (const auto& [name, value] : py::dict(owner.attr("__dict__"))) wrap_function(value);
}

}  // namespace

void bind_argument_errors(py::module_& m) {
  const PyMethodDef* definition = definition_of(m.attr("_op_table"));
  // Another release of pybind11 may call in another way; its own words stand then.
  if (definition->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) return;
  pybind_entry = definition->ml_meth;
  for (const auto& [name, value] : py::dict(m.attr("__dict__"))) {
    if (PyType_Check(value.ptr())) wrap_names(value);
  }
  wrap_names(m);
}

}  // namespace chainrule::bindings
