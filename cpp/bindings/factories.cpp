// tensor, as_tensor, from_numpy, and the constructors of Tensor and Parameter.
#include "autograd/autograd.h"
#include "bindings/argument_errors.h"
#include "bindings/creation.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

void check_host_data(const char* what) {
  if (modes.recorder) modes.recorder->on_host_data(what);
}

Tensor convert(const Tensor& t, std::optional<DType> dtype) {
  return dtype && *dtype != t.dtype() ? cast(t, *dtype) : t;
}

namespace {

bool has_attribute(PyObject* o, const char* name) {
  return !PyType_Check(o) && PyObject_HasAttrString(o, name);
}

// Objects that hand out an array of themselves: pandas, other frameworks' tensors.
std::optional<Tensor> from_protocol(PyObject* o, const char* op) {
  if (has_attribute(o, "__dlpack__")) return tensor_from_dlpack(o);
  if (!has_attribute(o, "__array__")) return std::nullopt;
  const py::object array = steal(PyObject_CallMethod(o, "__array__", nullptr));
  return tensor_from_buffer(array.ptr(), op);
}

bool has_buffer(PyObject* o) {
  return PyObject_CheckBuffer(o) && !is_numpy_scalar(o) && !PyBytes_Check(o);
}

}  // namespace

Tensor tensor_from_data(PyObject* o, std::optional<DType> dtype, const char* op) {
  check_host_data(op);
  NoGrad off;
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    return dtype && *dtype != t.dtype() ? cast(t, *dtype) : clone(t);
  }
  if (PyList_Check(o) || PyTuple_Check(o) || number_from(o))
    return tensor_from_nested(o, dtype, op);
  if (has_buffer(o)) return convert(copy_of_buffer(o, op), dtype);
  if (std::optional<Tensor> t = from_protocol(o, op)) {
    return dtype && *dtype != t->dtype() ? cast(*t, *dtype) : clone(*t);
  }
  return tensor_from_nested(o, dtype, op);
}

Tensor shared_from_data(PyObject* o, std::optional<DType> dtype, const char* op) {
  if (is_tensor(o)) return convert(tensor_of(o), dtype);
  if (PyList_Check(o) || PyTuple_Check(o) || number_from(o))
    return tensor_from_nested(o, dtype, op);
  if (has_buffer(o)) return convert(tensor_from_buffer(o, op), dtype);
  if (std::optional<Tensor> t = from_protocol(o, op)) return convert(*t, dtype);
  return tensor_from_nested(o, dtype, op);
}

namespace {

std::optional<DType> optional_dtype(const py::object& o, const char* op) {
  if (o.is_none()) return std::nullopt;
  return require_dtype(o.ptr(), op);
}

void check_device(const py::object& o, const char* op) {
  if (!o.is_none() && !device_from(o.ptr())) {
    fail<TypeError>(op, "expected a device or its name; got ", type_name(o.ptr()), ".");
  }
}

Tensor make_tensor(const py::object& data, const py::object& dtype, const py::object& device,
                   bool requires_grad) {
  check_device(device, "tensor");
  Tensor t = tensor_from_data(data.ptr(), optional_dtype(dtype, "tensor"), "tensor");
  if (requires_grad) autograd::set_requires_grad(t, true);
  return t;
}

Tensor as_tensor(const py::object& data, const py::object& dtype, const py::object& device) {
  check_device(device, "as_tensor");
  return shared_from_data(data.ptr(), optional_dtype(dtype, "as_tensor"), "as_tensor");
}

Tensor from_numpy(const py::object& array) {
  if (!is_numpy_array(array.ptr())) {
    fail<TypeError>("from_numpy", "expected a numpy.ndarray; got ", type_name(array.ptr()), ".",
                    tensor_hint(array.ptr(), "x"));
  }
  return tensor_from_buffer(array.ptr(), "from_numpy");
}

// Tensor(), Tensor(2, 3): uninitialised; Tensor(data): a copy in the default dtype.
Tensor construct(PyObject* args) {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  PyObject* first = n ? PyTuple_GET_ITEM(args, 0) : nullptr;
  if (n == 1 && !int_from(first)) {
    if (is_tensor(first)) return autograd::detach(tensor_of(first));
    return tensor_from_data(first, default_dtype(), "Tensor");
  }
  Dims sizes;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const std::optional<int64_t> size = int_from(PyTuple_GET_ITEM(args, i));
    if (!size) {
      fail<TypeError>("Tensor", "expected integers or one sequence; got ",
                      type_name(PyTuple_GET_ITEM(args, i)), ".");
    }
    sizes.push_back(*size);
  }
  if (n == 0) sizes.push_back(0);
  return empty(sizes, default_dtype());
}

}  // namespace

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded("Tensor", [&]() -> PyObject* {
    if (kwargs && PyDict_GET_SIZE(kwargs) > 0 && type == tensor_type) {
      fail<TypeError>("Tensor",
                      "expected no keywords; got some. Use chainrule.tensor(data, dtype=..., "
                      "requires_grad=...).");
    }
    return wrap_as(type, construct(args));
  });
}

PyObject* parameter_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded("Parameter", [&]() -> PyObject* {
    static const char* const names[] = {"data", "requires_grad", nullptr};
    PyObject* data = Py_None;
    PyObject* requires_grad = Py_True;
    parse_arguments("Parameter", "(data=None, requires_grad=True)", args, kwargs, "|OO", names,
                    &data, &requires_grad);
    if (data != Py_None && !is_tensor(data)) {
      fail<TypeError>("Parameter", "expected a Tensor; got ", type_name(data), ".",
                      tensor_hint(data, "data"));
    }
    if (modes.recorder) {
      modes.recorder->on_host_code("new parameter",
                                   "Make modules and parameters outside the compiled function.");
    }
    // A handle of its own on the same memory: a parameter is a leaf, never a view.
    Tensor t = data == Py_None ? Tensor::empty(default_dtype(), {0}) : tensor_of(data).alias();
    t->parameter = true;
    if (require_bool(requires_grad, "Parameter", "requires_grad"))
      autograd::set_requires_grad(t, true);
    return wrap_as(type, std::move(t));
  });
}

void bind_factories(py::module_& m) {
  using namespace py::literals;
  m.def("tensor", make_tensor, "data"_a, py::kw_only(), "dtype"_a = py::none(),
        "device"_a = py::none(), "requires_grad"_a = false,
        "A new tensor with a copy of `data`: numbers, nested sequences, arrays, tensors.");
  m.def("as_tensor", as_tensor, "data"_a, "dtype"_a = py::none(), "device"_a = py::none(),
        "The data as a tensor, sharing memory where it can.");
  m.def("from_numpy", from_numpy, "ndarray"_a, "A tensor on the memory of a NumPy array.");
}

}  // namespace chainrule::bindings
