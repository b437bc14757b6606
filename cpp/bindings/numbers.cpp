#include "bindings/numbers.h"

#include <cstring>

#include "autograd/autograd.h"
#include "bindings/other_types.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

// Python's words for an integer that is too large, in our form; name_error() adds the operation.
[[noreturn]] void fail_too_large(PyObject* integer, const char* type) {
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw_python_error();
  PyErr_Clear();
  const py::object bits = borrow(integer).attr("bit_length")();
  PyErr_Format(PyExc_OverflowError, "expected an integer that fits %s; got one of %S bits.", type,
               bits.ptr());
  throw_python_error();
}

int64_t to_int64(PyObject* number) {
  const long long v = PyLong_AsLongLong(number);
  if (v == -1 && PyErr_Occurred()) fail_too_large(number, "int64");
  return v;
}

bool has_base(PyTypeObject* type, const char* name) {
  PyObject* mro = type->tp_mro;
  for (Py_ssize_t i = 0; mro && i < PyTuple_GET_SIZE(mro); ++i) {
    const auto* base = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (std::strcmp(base->tp_name, name) == 0) return true;
  }
  return false;
}

Number numpy_number(PyObject* o) {
  const char* name = Py_TYPE(o)->tp_name;
  if (std::strcmp(name, "numpy.bool") == 0 || std::strcmp(name, "numpy.bool_") == 0) {
    return Number(PyObject_IsTrue(o) == 1);
  }
  if (PyIndex_Check(o)) {
    py::object index = steal(PyNumber_Index(o));
    return Number(to_int64(index.ptr()));
  }
  py::object value = steal(PyNumber_Float(o));
  return Number(PyFloat_AS_DOUBLE(value.ptr()));
}

}  // namespace

bool is_numpy_scalar(PyObject* o) {
  if (is_text(o) || !has_base(Py_TYPE(o), "numpy.number")) {
    const char* name = Py_TYPE(o)->tp_name;
    return std::strcmp(name, "numpy.bool") == 0 || std::strcmp(name, "numpy.bool_") == 0;
  }
  return !has_base(Py_TYPE(o), "numpy.complexfloating");
}

bool is_numpy_array(PyObject* o) { return has_base(Py_TYPE(o), "numpy.ndarray"); }

std::optional<Number> number_from(PyObject* o) {
  if (PyFloat_CheckExact(o)) return Number(PyFloat_AS_DOUBLE(o));
  if (PyBool_Check(o)) return Number(o == Py_True);
  if (PyLong_Check(o)) return Number(to_int64(o));
  if (PyFloat_Check(o)) return Number(PyFloat_AS_DOUBLE(o));
  if (is_tensor(o) || !is_numpy_scalar(o)) return std::nullopt;
  return numpy_number(o);
}

std::optional<Number> number_or_item(PyObject* o) {
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    if (t.dim() != 0 || (modes.grad_enabled && autograd::requires_grad(t))) return std::nullopt;
    return item_of(t, "a tensor in place of a number", kPassNumber);
  }
  return number_from(o);
}

std::optional<int64_t> int_from(PyObject* o) {
  if (PyLong_CheckExact(o)) return to_int64(o);
  if (PyBool_Check(o)) return std::nullopt;
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    if (t.dim() != 0 || category(t.dtype()) != Category::kInteger) return std::nullopt;
    return item_of(t, kAsInteger, kPassNumber).integer;
  }
  if (!PyIndex_Check(o) || is_numpy_array(o)) return std::nullopt;
  PyObject* index = PyNumber_Index(o);
  if (!index) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw_python_error();
    PyErr_Clear();  // numpy.bool has the slot and refuses
    return std::nullopt;
  }
  return to_int64(steal(index).ptr());
}

std::optional<double> float_from(PyObject* o) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (PyLong_Check(o)) {
    const double v = PyLong_AsDouble(o);
    if (v == -1 && PyErr_Occurred()) fail_too_large(o, "float64");
    return v;
  }
  if (std::optional<Number> n = number_or_item(o)) return n->real;
  const PyNumberMethods* slots = Py_TYPE(o)->tp_as_number;
  if (is_tensor(o) || is_text(o) || is_numpy_array(o) || !slots || !slots->nb_float) {
    return std::nullopt;
  }
  py::object value = steal(PyNumber_Float(o));  // Fraction, Decimal
  return PyFloat_AS_DOUBLE(value.ptr());
}

std::optional<bool> bool_from(PyObject* o) {
  if (PyBool_Check(o)) return o == Py_True;
  if (is_tensor(o)) return std::nullopt;
  const char* name = Py_TYPE(o)->tp_name;
  if (std::strncmp(name, "numpy.bool", 10) == 0 && is_numpy_scalar(o))
    return PyObject_IsTrue(o) == 1;
  return std::nullopt;
}

bool require_bool(PyObject* o, const char* op, const char* name) {
  const std::optional<bool> flag = bool_from(o);
  if (!flag) fail<TypeError>(op, "expected ", name, " to be a bool; got ", type_name(o), ".");
  return *flag;
}

Tensor weak_tensor(const Number& n) {
  switch (n.kind) {
    case Number::kBool:
      return Tensor::number(n.integer != 0);
    case Number::kInt:
      return Tensor::number(n.integer);
    case Number::kFloat:
      break;
  }
  return Tensor::number(n.real);
}

Tensor weak_tensor(const Number& n, DType dtype) {
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) return weak_tensor(n);
  Tensor t = Tensor::empty(dtype, {});
  if (dtype == DType::kFloat32) {
    *t.data<float>() = static_cast<float>(n.real);
  } else {
    *t.data<double>() = n.real;
  }
  t->weak_number = true;
  return t;
}

PyObject* python_number(const Number& n) {
  switch (n.kind) {
    case Number::kBool:
      return PyBool_FromLong(n.integer != 0);
    case Number::kInt:
      return checked(PyLong_FromLongLong(n.integer));
    case Number::kFloat:
      break;
  }
  return checked(PyFloat_FromDouble(n.real));
}

}  // namespace chainrule::bindings
