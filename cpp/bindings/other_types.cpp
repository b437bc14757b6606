#include "bindings/other_types.h"

#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/tensor_type.h"

namespace chainrule::bindings {

namespace {

// The `__module__` of a class written in Python; static types have theirs in tp_name.
std::string module_of(PyTypeObject* type) {
  PyObject* module = type->tp_dict ? PyDict_GetItemString(type->tp_dict, "__module__") : nullptr;
  return module && PyUnicode_Check(module) ? text_of(module) : "";
}

std::string class_name(PyTypeObject* type) {
  if (type == tensor_type) return "Tensor";
  if (type == parameter_type) return "Parameter";
  const std::string name = type->tp_name;
  const std::string module = name.find('.') == name.npos ? module_of(type) : "";
  const bool known = module.empty() || module == "builtins" || module == "__main__" ||
                     (module + ".").starts_with("chainrule.");
  return known ? name : str(module, ".", name);
}

// What lies innermost at the front of nested lists, and in how many of them; no object in an empty
// one. A list may contain itself.
struct Leaf {
  PyObject* object;
  int depth;
};

Leaf first_leaf(PyObject* o) {
  int depth = 0;
  for (; PyList_Check(o) || PyTuple_Check(o); ++depth) {
    if (depth == 64 || PySequence_Fast_GET_SIZE(o) == 0) return {nullptr, depth};
    o = PySequence_Fast_GET_ITEM(o, 0);
  }
  return {o, depth};
}

// A layer's output and state, say.
bool is_tuple_of_tensors(PyObject* o) {
  PyObject* leaf = first_leaf(o).object;
  return PyTuple_Check(o) && leaf && is_tensor(leaf);
}

}  // namespace

std::string type_name(PyObject* o) {
  if (o == Py_None) return "None";
  if (PyType_Check(o)) return "the class " + class_name(reinterpret_cast<PyTypeObject*>(o));
  return class_name(Py_TYPE(o));
}

std::string tensor_code(PyObject* o, std::string_view name) {
  if (is_tensor(o)) return "";
  if (is_numpy_array(o)) return str("chainrule.from_numpy(", name, ")");
  if (is_tuple_of_tensors(o)) return "";
  if (PyList_Check(o) || PyTuple_Check(o)) {
    const auto [leaf, depth] = first_leaf(o);
    if (leaf && is_tensor(leaf)) return depth == 1 ? str("chainrule.stack(", name, ")") : "";
    return leaf && number_from(leaf) ? str("chainrule.tensor(", name, ")") : "";
  }
  auto* type = reinterpret_cast<PyObject*>(Py_TYPE(o));
  if (!PyObject_HasAttrString(type, "__dlpack__")) return "";
  const bool detaches = PyObject_HasAttrString(type, "detach");  // torch exports no leaf
  return str("chainrule.from_dlpack(", name, detaches ? ".detach())" : ")");
}

std::string tensor_hint(PyObject* o, std::string_view name) {
  if (PyTuple_CheckExact(o) && is_tuple_of_tensors(o))  // not max's (values, indices)
    return " A recurrent layer returns (output, h_n): take [0].";
  const std::string code = tensor_code(o, name);
  return code.empty() ? "" : str(" Pass ", code, ".");
}

void bind_other_types(py::module_& m) {
  m.def("_type_name", [](py::handle o) { return type_name(o.ptr()); }, py::arg("value"));
  m.def(
      "_tensor_code",
      [](py::handle o, const std::string& name) { return tensor_code(o.ptr(), name); },
      py::arg("value"), py::arg("name"));
  m.def(
      "_tensor_hint",
      [](py::handle o, const std::string& name) { return tensor_hint(o.ptr(), name); },
      py::arg("value"), py::arg("name") = "x");
}

}  // namespace chainrule::bindings
