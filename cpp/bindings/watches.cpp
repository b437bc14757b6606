#include "bindings/watches.h"

#include <algorithm>

#include "bindings/errors.h"

namespace chainrule::bindings {

namespace {

Py_ssize_t length_of(PyObject* o) {
  if (PyList_Check(o)) return PyList_GET_SIZE(o);
  if (PyDict_Check(o)) return PyDict_GET_SIZE(o);
  return PyAnySet_Check(o) ? PySet_GET_SIZE(o) : -1;
}

// Whether the object is the same number, or the same ones, for ever.
bool is_constant(PyObject* o) {
  if (!PyTuple_CheckExact(o)) {
    return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o) || o == Py_None;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) {
    if (!is_constant(PyTuple_GET_ITEM(o, i))) return false;
  }
  return true;
}

}  // namespace

Watches::Watches(const std::vector<std::pair<py::object, py::object>>& entries) {
  for (const auto& [dict, key] : entries) entries_.push_back({dict, key, py::object(), -1});
  for (Entry& e : entries_) look_at(e);
}

bool Watches::hold() const {
  if (blind_) return false;
  for (const Entry& e : entries_) {
    PyObject* value = PyDict_GetItemWithError(e.dict.ptr(), e.key.ptr());
    if (!value) {
      PyErr_Clear();
      return false;
    }
    if (value != e.value.ptr() || length_of(value) != e.length) return false;
  }
  return true;
}

void Watches::look_at(Entry& e) {
  PyObject* value = PyDict_GetItemWithError(e.dict.ptr(), e.key.ptr());
  if (!value) PyErr_Clear();
  e.value = value ? borrow(value) : py::none();
  e.length = length_of(e.value.ptr());
}

void Watches::look_again() {
  for (Entry& e : entries_) {
    const bool counted = e.length >= 0;
    look_at(e);
    blind_ = blind_ || (counted ? e.length < 0 : !is_constant(e.value.ptr()));
  }
}

AttributeWatches::AttributeWatches(const py::list& of_objects) {
  for (const py::handle entry : of_objects) {
    const auto parts = entry.cast<py::tuple>();
    Object o = {
        parts[0], borrow(reinterpret_cast<PyObject*>(Py_TYPE(parts[0].ptr()))), parts[1], {}, 0};
    for (const py::handle attribute : parts[2].cast<py::list>()) {
      const auto a = attribute.cast<py::tuple>();
      o.attributes.push_back({a[0], a[1], a[2].cast<Py_ssize_t>()});
    }
    o.size = parts[3].cast<Py_ssize_t>();
    objects_.push_back(std::move(o));
  }
}

bool AttributeWatches::holds(const Object& o) {
  if (reinterpret_cast<PyObject*>(Py_TYPE(o.object.ptr())) != o.type.ptr()) return false;
  const auto dict = py::reinterpret_steal<py::object>(
      PyObject_GenericGetDict(o.object.ptr(), nullptr));  // null: it is gone
  if (!dict || dict.ptr() != o.dict.ptr() || PyDict_GET_SIZE(dict.ptr()) != o.size) return false;
  for (const Attribute& a : o.attributes) {
    PyObject* value = PyDict_GetItemWithError(dict.ptr(), a.name.ptr());
    if (value != a.value.ptr() || length_of(value) != a.length) return false;
  }
  return true;
}

bool AttributeWatches::hold() const {
  for (const Object& o : objects_) {
    if (!holds(o)) {
      PyErr_Clear();
      return false;
    }
  }
  return true;
}

int AttributeWatches::traverse(visitproc visit, void* arg) const {
  for (const Object& o : objects_) {
    for (const py::object* held : {&o.object, &o.type, &o.dict}) Py_VISIT(held->ptr());
    for (const Attribute& a : o.attributes) {
      Py_VISIT(a.name.ptr());
      Py_VISIT(a.value.ptr());
    }
  }
  return 0;
}

int Watches::traverse(visitproc visit, void* arg) const {
  for (const Entry& e : entries_) {
    for (const py::object* held : {&e.dict, &e.key, &e.value}) Py_VISIT(held->ptr());
  }
  return 0;
}

}  // namespace chainrule::bindings
