#include "bindings/call_signature.h"

#include <bit>

#include "bindings/tensor_type.h"

namespace chainrule::bindings {

namespace {

// Immutable values, which count by what they are; everything else by which object it is.
bool same_value(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_CheckExact(a)) {  // to the bit, as nan is itself and -0.0 is not 0.0
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  }
  if (!PyLong_CheckExact(a) && !PyUnicode_CheckExact(a)) return false;
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) PyErr_Clear();
  return equal > 0;
}

bool is_plain(PyObject* o) {
  if (PyTuple_Check(o) || PyList_Check(o) || PyDict_Check(o)) return false;
  return PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__array_interface__") ==
         0;
}

}  // namespace

bool CallSignature::add(PyObject* name, PyObject* value, int& tensors) {
  Argument a;
  if (name) a.name = borrow(name);
  if (is_tensor(value)) {
    a.tensor = tensors++;
    a.standing = autograd::standing(tensor_of(value));
    for (size_t i = 0; i < arguments_.size() && a.same_as < 0; ++i) {
      if (arguments_[i].value.ptr() == value) a.same_as = arguments_[i].tensor;
    }
  } else if (!is_plain(value)) {
    return false;
  }
  a.value = borrow(value);
  arguments_.push_back(std::move(a));
  return true;
}

bool CallSignature::remember(PyObject* args, PyObject* keywords, const RecordedCall& call) {
  int tensors = 0;
  positional_ = PyTuple_GET_SIZE(args);
  for (size_t i = 0; i < positional_; ++i) {
    if (!add(nullptr, PyTuple_GET_ITEM(args, i), tensors)) return false;
  }
  PyObject *name, *value;
  for (Py_ssize_t at = 0; keywords && PyDict_Next(keywords, &at, &name, &value);) {
    if (!add(name, value, tensors)) return false;
  }
  for (Argument& a : arguments_) {
    if (a.tensor >= 0) a.value = py::object();  // it may go
  }
  return tensors == static_cast<int>(call.layouts().size());
}

bool CallSignature::fits(const Argument& a, PyObject* value, const RecordedCall& call,
                         std::vector<Tensor>& tensors) const {
  if (a.tensor < 0) return same_value(a.value.ptr(), value);
  if (!is_tensor(value)) return false;
  const Tensor& t = tensor_of(value);
  if (autograd::standing(t) != a.standing || !call.layouts()[a.tensor].fits(*t.impl())) {
    return false;
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const bool same = tensors[i].same_as(t);
    if (same) {
      if (a.same_as != static_cast<int>(i)) return false;
      break;
    }
    if (a.same_as == static_cast<int>(i)) return false;
  }
  tensors.push_back(t);
  return true;
}

bool CallSignature::fits(PyObject* args, PyObject* keywords, const RecordedCall& call,
                         std::vector<Tensor>& tensors) const {
  const size_t named = keywords ? PyDict_GET_SIZE(keywords) : 0;
  if (static_cast<size_t>(PyTuple_GET_SIZE(args)) != positional_ ||
      positional_ + named != arguments_.size() || !(settings_ == graph::Settings::now())) {
    return false;
  }
  for (size_t i = 0; i < positional_; ++i) {
    if (!fits(arguments_[i], PyTuple_GET_ITEM(args, i), call, tensors)) return false;
  }
  PyObject *name, *value;
  size_t i = positional_;
  for (Py_ssize_t at = 0; named && PyDict_Next(keywords, &at, &name, &value); ++i) {
    if (!same_value(arguments_[i].name.ptr(), name)) return false;
    if (!fits(arguments_[i], value, call, tensors)) return false;
  }
  return true;
}

bool CallSignature::takes_batches() const {
  return std::none_of(arguments_.begin(), arguments_.end(), [](const Argument& a) {
    return a.tensor >= 0 && (a.standing != autograd::Standing::kNone || a.same_as >= 0);
  });
}

int CallSignature::traverse(visitproc visit, void* arg) const {
  for (const Argument& a : arguments_) {
    Py_VISIT(a.name.ptr());
    Py_VISIT(a.value.ptr());
  }
  return 0;
}

}  // namespace chainrule::bindings
