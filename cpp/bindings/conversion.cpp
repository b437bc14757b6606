// Values out of a tensor (item, tolist, numpy, print) and between dtypes. Reading a value while a
// program is recorded is an error, because a replay would not read it again.
#include "autograd/autograd.h"
#include "bindings/creation.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "core/allocator.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

void check_readable(const char* what) {
  if (modes.recorder) modes.recorder->on_read(what);
}

PyObject* item(PyObject* self, PyObject*) {
  return guarded([&] { return python_number(item_of(tensor_of(self), "item")); });
}

// The element at `offset` elements from the first.
PyObject* element(const Tensor& t, int64_t offset) {
  switch (t.dtype()) {
    case DType::kBool:
      return PyBool_FromLong(t.data<bool>()[offset]);
    case DType::kUInt8:
      return PyLong_FromLong(t.data<uint8_t>()[offset]);
    case DType::kInt32:
      return PyLong_FromLong(t.data<int32_t>()[offset]);
    case DType::kInt64:
      return PyLong_FromLongLong(t.data<int64_t>()[offset]);
    case DType::kFloat32:
      return PyFloat_FromDouble(t.data<float>()[offset]);
    case DType::kFloat64:
      return PyFloat_FromDouble(t.data<double>()[offset]);
    case DType::kBFloat16:
      break;
  }
  throw InternalError("[tolist] expected bfloat16 to be converted before.");
}

// The lists and numbers of a tensor take many times its own bytes, of an expanded one any number.
void check_list_size(const Tensor& t) {
  constexpr double kList = 64;
  const double item = t.dtype() == DType::kBool ? 8 : 32;  // True and False exist once
  double rows = 1, bytes = 0;
  for (int64_t n : t.sizes()) {
    bytes += rows * kList;
    rows *= static_cast<double>(n);
  }
  bytes += rows * item;
  if (bytes < (64 << 20) || bytes < static_cast<double>(memory_left())) return;
  fail<OutOfMemory>("tolist", "expected lists that memory has room for; got sizes ", t.sizes(),
                    ".");
}

py::object nested_list(const Tensor& t, int dim, int64_t offset) {
  if (dim == t.dim()) return steal(element(t, offset));
  py::object list = steal(PyList_New(t.sizes()[dim]));
  for (int64_t i = 0; i < t.sizes()[dim]; ++i) {
    PyList_SET_ITEM(list.ptr(), i,
                    nested_list(t, dim + 1, offset + i * t.strides()[dim]).release().ptr());
  }
  return list;
}

PyObject* tolist(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    check_readable("tolist");
    NoGrad off;
    const Tensor t = tensor_of(self).alias();  // a finalizer may change the tensor meanwhile
    check_list_size(t);
    const Tensor wide = t.dtype() == DType::kBFloat16 ? cast(t, DType::kFloat32) : t;
    return nested_list(wide, 0, 0).release().ptr();
  });
}

// ---- NumPy, imported when first asked for

void check_numpy(const Tensor& t) {
  check_readable("numpy");
  if (autograd::requires_grad(t)) {
    fail<StateError>("numpy",
                     "expected a tensor without requires_grad; got one with history. "
                     "Use detach().numpy().");
  }
  if (t.dtype() == DType::kBFloat16) {
    fail<DtypeError>("numpy", "expected a dtype that NumPy has; got bfloat16. Use float() first.");
  }
}

py::object to_numpy(const Tensor& t) {
  check_numpy(t);
  const py::object owner = steal(wrap(t));
  const py::object view = steal(PyMemoryView_FromObject(owner.ptr()));
  return py::module_::import("numpy").attr("asarray")(view);
}

py::object numpy_method(const Tensor& t, bool force) {
  return to_numpy(force ? autograd::detach(t) : t);
}

py::object array_protocol(const Tensor& t, const py::object& dtype, const py::object& copy) {
  py::object array = to_numpy(t);
  const bool same = dtype.is_none() || py::object(array.attr("dtype")).equal(dtype);
  const bool copies = !copy.is_none() && require_bool(copy.ptr(), "__array__", "copy");
  if (!copy.is_none() && !copies && !same) {
    fail<ValueError>("__array__", "expected the tensor's own dtype with copy=False; got ",
                     text_of(dtype), ".");
  }
  if (!same) return array.attr("astype")(dtype);
  return copies ? array.attr("copy")() : array;
}

// ---- dtype and device

template <DType kTo>
PyObject* to_dtype(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = tensor_of(self);
    return t.dtype() == kTo ? Py_NewRef(self) : wrap(cast(t, kTo));
  });
}
PyObject* itself(PyObject* self, PyObject*) { return Py_NewRef(self); }

struct Target {
  std::optional<DType> dtype;
  bool copy = false;
};

// One argument of to(): a dtype, a device or a tensor to be like.
void read_target(py::handle value, Target* target) {
  if (value.is_none()) return;
  std::optional<DType> dtype = dtype_from(value.ptr());
  if (is_tensor(value.ptr())) dtype = tensor_of(value.ptr()).dtype();
  if (!dtype && !device_from(value.ptr())) {
    fail<TypeError>("to", "expected a dtype, a device or a Tensor; got ", type_name(value.ptr()),
                    ".");
  }
  if (dtype && target->dtype) {
    fail<TypeError>("to", "expected one dtype; got ", dtype_name(*target->dtype), " and ",
                    dtype_name(*dtype), ".");
  }
  if (dtype) target->dtype = dtype;
}

py::object to(const TensorObject& self, const py::args& args, const py::kwargs& kwargs) {
  Target target;
  for (size_t i = 0; i < args.size(); ++i) {
    if (PyBool_Check(args[i].ptr())) {  // non_blocking, then copy, as PyTorch has them by position
      target.copy = i + 1 == args.size() && i > 0 && PyBool_Check(args[i - 1].ptr()) &&
                    args[i].ptr() == Py_True;
    } else {
      read_target(args[i], &target);
    }
  }
  for (const auto& [name, value] : kwargs) {
    const std::string key = name.cast<std::string>();
    if (key == "copy") {
      target.copy = require_bool(value.ptr(), "to", "copy");
    } else if (key == "dtype" || key == "device" || key == "other") {
      read_target(value, &target);
    } else if (key != "non_blocking") {
      fail<TypeError>("to", "expected dtype, device, other, non_blocking or copy; got '", key,
                      "'.");
    }
  }
  const Tensor& t = tensor_of(self.ptr());
  if (target.dtype && *target.dtype != t.dtype()) return steal(wrap(cast(t, *target.dtype)));
  if (target.copy) return steal(wrap(clone(t)));
  return self;
}

const char* type_text(DType t) {
  static constexpr const char* kNames[kDTypeCount] = {"Bool",     "Byte",  "Int",   "Long",
                                                      "BFloat16", "Float", "Double"};
  return kNames[static_cast<int>(t)];
}

py::object type_method(const TensorObject& self, const py::object& dtype) {
  const Tensor& t = tensor_of(self.ptr());
  if (dtype.is_none()) return py::str(str("chainrule.", type_text(t.dtype()), "Tensor"));
  const DType wanted = require_dtype(dtype.ptr(), "type");
  if (wanted == t.dtype()) return self;
  return steal(wrap(cast(t, wanted)));
}

// What a function of NumPy made of a tensor, such as numpy.sin(x), becomes one again.
py::object array_wrap(const TensorObject&, const py::object& array, const py::object&, bool) {
  return steal(wrap(shared_from_data(array.ptr(), std::nullopt, "__array_wrap__")));
}

py::object format_method(const TensorObject& self, const std::string& spec) {
  const Tensor& t = tensor_of(self.ptr());
  // f"{loss}" shows the number, all of its digits, and str(loss) a tensor; both as PyTorch.
  const bool plain = Py_TYPE(self.ptr()) == tensor_type;
  if (t.dim() == 0 && (plain || !spec.empty())) {
    const py::object value = steal(python_number(item_of(t, "format")));
    return steal(PyObject_Format(value.ptr(), py::str(spec).ptr()));
  }
  if (spec.empty()) return py::str(self);
  fail<TypeError>("format", "expected a 0-dimensional tensor for '", spec, "'; got shape ",
                  t.sizes(), ".");
}

PyMethodDef conversion_methods[] = {
    {"item", item, METH_NOARGS, "item() -> number\n\nThe value of a one-element tensor."},
    {"tolist", tolist, METH_NOARGS, "tolist() -> list or number\n\nThe values as nested lists."},
    {"float", to_dtype<DType::kFloat32>, METH_NOARGS, "float() -> Tensor\n\nAs float32."},
    {"double", to_dtype<DType::kFloat64>, METH_NOARGS, "double() -> Tensor\n\nAs float64."},
    {"bfloat16", to_dtype<DType::kBFloat16>, METH_NOARGS, "bfloat16() -> Tensor\n\nAs bfloat16."},
    {"long", to_dtype<DType::kInt64>, METH_NOARGS, "long() -> Tensor\n\nAs int64."},
    {"int", to_dtype<DType::kInt32>, METH_NOARGS, "int() -> Tensor\n\nAs int32."},
    {"byte", to_dtype<DType::kUInt8>, METH_NOARGS, "byte() -> Tensor\n\nAs uint8."},
    {"bool", to_dtype<DType::kBool>, METH_NOARGS, "bool() -> Tensor\n\nAs bool: whether not zero."},
    {"cpu", itself, METH_NOARGS, "cpu() -> Tensor\n\nThe tensor itself."},
};

}  // namespace

PyObject* tensor_repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    check_readable("print");
    return py::module_::import("chainrule._printing")
        .attr("tensor_text")(py::handle(self))
        .release()
        .ptr();
  });
}

void bind_conversion(py::module_&) {
  using namespace py::literals;
  for (PyMethodDef& def : conversion_methods) add_tensor_method(&def);
  add_tensor_method("numpy", numpy_method, py::kw_only(), "force"_a = false,
                    "The values as a NumPy array on the same memory.");
  add_tensor_method("__array_wrap__", array_wrap, "array"_a, "context"_a = py::none(),
                    "return_scalar"_a = false);
  add_tensor_method("__array__", array_protocol, "dtype"_a = py::none(), "copy"_a = py::none());
  add_tensor_method("to", to,
                    "to(dtype), to(device), to(device, dtype), to(other): the tensor with that "
                    "dtype, itself where "
                    "it has it already, unless copy=True. non_blocking has no meaning.");
  add_tensor_method("type", type_method, "dtype"_a = py::none(),
                    "The name of the tensor's type, or the tensor as another dtype.");
  add_tensor_method("__format__", format_method);
  // ndarray + Tensor asks Tensor first.
  py::setattr(py::handle(reinterpret_cast<PyObject*>(tensor_type)), "__array_priority__",
              py::int_(1000));
}

}  // namespace chainrule::bindings
