// Methods that are no operations: sizes, memory, history.
#include "autograd/autograd.h"
#include "bindings/argument_errors.h"
#include "bindings/creation.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/write.h"

namespace chainrule::bindings {

namespace {

// x.size() and x.size(dim); stride likewise.
PyObject* dims_or_one(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords,
                      const char* op, bool sizes) {
  return guarded(op, [&]() -> PyObject* {
    const Tensor& t = tensor_of(self);
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    const bool known =
        named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), "dim") == 0;
    if (count + named > 1 || !known) {
      fail<TypeError>(op, "expected (dim=None); got ", given_arguments(args, count, keywords), ".");
    }
    if (count + named == 0 || args[0] == Py_None) {
      if (sizes) return make_size(t.sizes());
      const Dims strides = t.strides();  // objects are made: a finalizer may change the tensor
      py::tuple result(strides.size());
      for (int d = 0; d < strides.size(); ++d) result[d] = strides[d];
      return result.release().ptr();
    }
    const std::optional<int64_t> dim = int_from(args[0]);
    if (!dim) fail<TypeError>(op, "expected dim to be an int; got ", type_name(args[0]), ".");
    if (t.dim() == 0)
      fail<IndexError>(op, "expected at least one dimension; got a 0-dimensional tensor.");
    const int d = normalize_dim(op, *dim, t.dim());
    return checked(PyLong_FromLongLong(sizes ? t.sizes()[d] : t.strides()[d]));
  });
}
PyObject* size(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return dims_or_one(self, args, count, keywords, "size", true);
}
PyObject* stride(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return dims_or_one(self, args, count, keywords, "stride", false);
}

PyObject* dim(PyObject* self, PyObject*) { return PyLong_FromLong(tensor_of(self).dim()); }
PyObject* numel(PyObject* self, PyObject*) { return PyLong_FromLongLong(tensor_of(self).numel()); }
PyObject* element_size(PyObject* self, PyObject*) {
  return PyLong_FromSize_t(itemsize(tensor_of(self).dtype()));
}
PyObject* storage_offset(PyObject* self, PyObject*) {
  return PyLong_FromLongLong(tensor_of(self)->offset);
}
PyObject* data_ptr(PyObject* self, PyObject*) {
  return guarded([&] {
    if (modes.recorder) modes.recorder->on_read("data_ptr");
    const Tensor& t = tensor_of(self);
    return PyLong_FromVoidPtr(t.numel() ? t.raw() : nullptr);
  });
}
PyObject* is_contiguous(PyObject* self, PyObject*) {
  return PyBool_FromLong(tensor_of(self).is_contiguous());
}
PyObject* is_floating_point(PyObject* self, PyObject*) {
  return PyBool_FromLong(is_floating(tensor_of(self).dtype()));
}
PyObject* is_inference(PyObject* self, PyObject*) {
  return PyBool_FromLong(tensor_of(self)->inference);
}

PyObject* detach(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(autograd::detach(tensor_of(self))); });
}
PyObject* detach_in_place(PyObject* self, PyObject*) {
  return guarded([&] {
    autograd::detach_in_place(tensor_of(self));
    return Py_NewRef(self);
  });
}
PyObject* retain_grad(PyObject* self, PyObject*) {
  return guarded([&] {
    autograd::retain_grad(tensor_of(self));
    return Py_NewRef(Py_None);
  });
}
PyObject* zero(PyObject* self, PyObject*) {
  return guarded([&] {
    write(tensor_of(self), Tensor::number(false), "zero_");
    return Py_NewRef(self);
  });
}

TensorObject requires_grad_(const TensorObject& self, bool requires_grad) {
  autograd::set_requires_grad(tensor_of(self.ptr()), requires_grad);
  return self;
}

// A value for the whole tensor: a number or anything that broadcasts.
TensorObject fill(const TensorObject& self, const py::object& value) {
  if (is_tensor(value.ptr())) {
    if (tensor_of(value.ptr()).dim() != 0) {
      fail<ShapeError>("fill_", "expected a number or a 0-dimensional tensor; got one of shape ",
                       tensor_of(value.ptr()).sizes(), ". Use copy_() for tensors.");
    }
    write(tensor_of(self.ptr()), tensor_of(value.ptr()), "fill_");
    return self;
  }
  const std::optional<Number> n = number_from(value.ptr());
  if (!n) fail<TypeError>("fill_", "expected a number; got ", type_name(value.ptr()), ".");
  write(tensor_of(self.ptr()), weak_tensor(*n), "fill_");
  return self;
}
TensorObject copy(const TensorObject& self, const Tensor& source, bool) {
  write(tensor_of(self.ptr()), source, "copy_");
  return self;
}

// x.new_zeros(2, 3): like x in dtype.
std::optional<DType> dtype_like(const Tensor& t, const py::object& dtype) {
  return dtype.is_none() ? t.dtype() : require_dtype(dtype.ptr(), "new_tensor");
}
Tensor new_tensor(const Tensor& t, const py::object& data, const py::object& dtype,
                  bool requires_grad) {
  Tensor made = tensor_from_data(data.ptr(), dtype_like(t, dtype), "new_tensor");
  if (requires_grad) autograd::set_requires_grad(made, true);
  return made;
}

PyCFunction fast(PyObject* (*f)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*)) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef methods[] = {
    {"size", fast(size), METH_FASTCALL | METH_KEYWORDS,
     "size(dim=None) -> Size or int\n\nThe sizes, as .shape, or that of one dimension."},
    {"stride", fast(stride), METH_FASTCALL | METH_KEYWORDS,
     "stride(dim=None) -> tuple or int\n\n"
     "How many elements of the storage lie between neighbours along each dimension."},
    {"dim", dim, METH_NOARGS, "dim() -> int\n\nHow many dimensions there are."},
    {"ndimension", dim, METH_NOARGS, "ndimension() -> int\n\nHow many dimensions there are."},
    {"numel", numel, METH_NOARGS, "numel() -> int\n\nHow many elements there are."},
    {"nelement", numel, METH_NOARGS, "nelement() -> int\n\nHow many elements there are."},
    {"element_size", element_size, METH_NOARGS,
     "element_size() -> int\n\nBytes per element, as .itemsize."},
    {"storage_offset", storage_offset, METH_NOARGS,
     "storage_offset() -> int\n\n"
     "How many elements of the storage lie before the tensor's first one."},
    {"data_ptr", data_ptr, METH_NOARGS, "data_ptr() -> int\n\nAddress of the first element."},
    {"is_contiguous", is_contiguous, METH_NOARGS,
     "is_contiguous() -> bool\n\nWhether the elements lie in row-major order without gaps."},
    {"is_floating_point", is_floating_point, METH_NOARGS,
     "is_floating_point() -> bool\n\nWhether the dtype is bfloat16, float32 or float64."},
    {"is_inference", is_inference, METH_NOARGS,
     "is_inference() -> bool\n\n"
     "Whether the tensor was made in inference_mode and can have no history."},
    {"detach", detach, METH_NOARGS,
     "detach() -> Tensor\n\nThe same values without history, on the same memory."},
    {"detach_", detach_in_place, METH_NOARGS,
     "detach_() -> Tensor\n\nDrops the history: the tensor becomes a leaf. StateError for a view."},
    {"retain_grad", retain_grad, METH_NOARGS,
     "retain_grad()\n\nKeeps .grad of a tensor that is no leaf, which backward drops otherwise."},
    {"zero_", zero, METH_NOARGS, "zero_() -> Tensor\n\nFills with zeros in place."},
};

}  // namespace

void bind_tensor_methods(py::module_& m) {
  using namespace py::literals;
  for (PyMethodDef& def : methods) add_tensor_method(&def);
  add_tensor_method("requires_grad_", requires_grad_, "requires_grad"_a = true,
                    "Sets whether operations on this leaf are recorded for backward. DtypeError "
                    "for integers and bools, StateError for a result that has a history.");
  add_tensor_method("fill_", fill, "value"_a, "Fills with one value in place.");
  add_tensor_method("copy_", copy, "src"_a, "non_blocking"_a = false,
                    "Writes the values of src, broadcast and cast, in place.");
  add_tensor_method("new_tensor", new_tensor, "data"_a, py::kw_only(), "dtype"_a = py::none(),
                    "requires_grad"_a = false,
                    "A new tensor with a copy of data, in this tensor's dtype.");
  m.def(
      "_check_writable",
      [](const Tensor& t, const std::string& where) { check_writable(t, where.c_str()); },
      "input"_a, "where"_a, "The error that writing `input` in place would raise, if any.");
  m.def(
      "is_tensor", [](const py::object& o) { return is_tensor(o.ptr()); }, "obj"_a,
      "Whether the object is a Tensor or of a subclass.");
  m.def(
      "is_floating_point", [](const Tensor& t) { return is_floating(t.dtype()); }, "input"_a,
      "Whether the dtype is bfloat16, float32 or float64.");
  m.def(
      "numel", [](const Tensor& t) { return t.numel(); }, "input"_a,
      "How many elements there are.");
}

}  // namespace chainrule::bindings
