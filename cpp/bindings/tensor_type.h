// chainrule.Tensor: a raw heap type that holds one C++ Tensor, and nn.Parameter, its subclass. A
// TensorImpl keeps a borrowed pointer to its live Python object, so `w.grad is w.grad`.
#pragma once

#include <span>
#include <vector>

#include "bindings/errors.h"
#include "bindings/hooks.h"
#include "core/tensor.h"

namespace chainrule::bindings {

struct PyTensor {
  PyObject_HEAD Tensor tensor;  // always defined
  PyObject* dict;
  PyObject* weakrefs;
};

extern PyTypeObject* tensor_type;
extern PyTypeObject* parameter_type;

inline bool is_tensor(PyObject* o) {
  return Py_TYPE(o) == tensor_type || Py_TYPE(o) == parameter_type ||
         PyType_IsSubtype(Py_TYPE(o), tensor_type);
}
inline const Tensor& tensor_of(PyObject* o) { return reinterpret_cast<PyTensor*>(o)->tensor; }

inline int check_tensor(PyObject* o) { return is_tensor(o); }

// A Python object that is a Tensor: what functions take that give their argument back. pybind11
// checks it, so `Tensor.method(3)` is a TypeError.
class TensorObject : public py::object {
  PYBIND11_OBJECT(TensorObject, py::object, check_tensor)
};

// New reference: the live object of this tensor, else a new one; None for an undefined tensor.
PyObject* wrap(Tensor t);
// A new object of `type`, a subclass, for a tensor that has none yet.
PyObject* wrap_as(PyTypeObject* type, Tensor t);
// The tensors of a list or tuple; TypeError names the op and the position of what is none.
std::vector<Tensor> tensors_from(PyObject* sequence, const char* op);
PyObject* wrap_tuple(std::span<const Tensor> tensors);

// What the type is made of; each file of the binding states its part.
extern PyNumberMethods number_slots;  // tensor_number.cpp
PyObject* tensor_richcompare(PyObject* a, PyObject* b, int op);
int tensor_contains(PyObject* self, PyObject* value);
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);  // factories.cpp
PyObject* parameter_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);
PyObject* tensor_repr(PyObject* self);     // conversion.cpp
Py_ssize_t tensor_length(PyObject* self);  // indexing.cpp
PyObject* tensor_subscript(PyObject* self, PyObject* key);
int tensor_assign_subscript(PyObject* self, PyObject* key, PyObject* value);
PyObject* tensor_item(PyObject* self, Py_ssize_t i);
PyObject* tensor_iter(PyObject* self);
int tensor_getbuffer(PyObject* self, Py_buffer* view, int flags);  // buffer.cpp
void tensor_releasebuffer(PyObject* self, Py_buffer* view);
extern PyGetSetDef tensor_getset[];  // tensor_properties.cpp

// Adds one method to Tensor; `def` must live for ever.
void add_tensor_method(PyMethodDef* def);
// For methods that are called seldom: pybind11 reads their arguments. The first is the tensor.
template <typename F, typename... Extra>
void add_tensor_method(const char* name, F&& f, const Extra&... extra) {
  py::handle type(reinterpret_cast<PyObject*>(tensor_type));
  py::setattr(type, name,
              py::cpp_function(std::forward<F>(f), py::name(name), py::is_method(type), extra...));
}

}  // namespace chainrule::bindings

namespace pybind11::detail {

template <>
struct handle_type_name<chainrule::bindings::TensorObject> {
  static constexpr auto name = const_name("Tensor");
};

// Lets ordinary m.def functions take and return tensors.
template <>
struct type_caster<chainrule::Tensor> {
  PYBIND11_TYPE_CASTER(chainrule::Tensor, const_name("Tensor"));

  bool load(handle src, bool) {
    if (!chainrule::bindings::is_tensor(src.ptr())) return false;
    value = chainrule::bindings::tensor_of(src.ptr());
    return true;
  }
  static handle cast(const chainrule::Tensor& t, return_value_policy, handle) {
    return chainrule::bindings::wrap(t);
  }
};

}  // namespace pybind11::detail
