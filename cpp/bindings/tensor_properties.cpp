// The attributes of a Tensor.
#include "autograd/autograd.h"
#include "bindings/creation.h"
#include "bindings/module.h"
#include "bindings/node.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "generated/ops.h"
#include "graph/executor.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

template <typename F>
PyObject* read(F&& f) {
  return guarded([&]() -> PyObject* { return f(); });
}

PyObject* get_shape(PyObject* self, void*) {
  return read([&] { return make_size(tensor_of(self).sizes()); });
}
PyObject* get_dtype(PyObject* self, void*) {
  return Py_NewRef(dtype_object(tensor_of(self).dtype()));
}
PyObject* get_device(PyObject*, void*) { return Py_NewRef(device_object()); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(tensor_of(self).dim()); }
PyObject* get_itemsize(PyObject* self, void*) {
  return PyLong_FromSize_t(itemsize(tensor_of(self).dtype()));
}
PyObject* get_nbytes(PyObject* self, void*) {
  const Tensor& t = tensor_of(self);
  return PyLong_FromLongLong(t.numel() * static_cast<int64_t>(itemsize(t.dtype())));
}
PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_version(PyObject* self, void*) {
  return read([&] {
    if (modes.recorder) modes.recorder->on_read("_version");
    return PyLong_FromUnsignedLong(tensor_of(self)->storage->version());
  });
}

PyObject* get_transposed(PyObject* self, void*) {
  return read([&] { return wrap(reverse_dims(tensor_of(self))); });
}
PyObject* get_matrix_transposed(PyObject* self, void*) {
  return read([&] { return wrap(matrix_transpose(tensor_of(self))); });
}

// ---- Autograd

PyObject* get_requires_grad(PyObject* self, void*) {
  return read([&] { return PyBool_FromLong(autograd::requires_grad(tensor_of(self))); });
}
int set_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded_status([&] {
    if (!value) fail<TypeError>("requires_grad", "expected a bool; got a deletion.");
    autograd::set_requires_grad(tensor_of(self), require_bool(value, "requires_grad", "the value"));
  });
}
PyObject* get_grad(PyObject* self, void*) {
  return read([&] { return wrap(autograd::grad_of(tensor_of(self))); });
}
int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded_status([&] {
    if (value && value != Py_None && !is_tensor(value)) {
      fail<TypeError>("grad", "expected a Tensor or None; got ", type_name(value), ".",
                      tensor_hint(value, "x"));
    }
    const bool clear = !value || value == Py_None;
    autograd::set_grad(tensor_of(self), clear ? Tensor() : tensor_of(value));
  });
}
PyObject* get_grad_fn(PyObject* self, void*) {
  return read([&] { return wrap_node(autograd::grad_fn(tensor_of(self))); });
}
PyObject* get_is_leaf(PyObject* self, void*) {
  return read([&] { return PyBool_FromLong(autograd::is_leaf(tensor_of(self))); });
}
PyObject* get_retains_grad(PyObject* self, void*) {
  const Tensor& t = tensor_of(self);
  return PyBool_FromLong(t->autograd && t->autograd->retains_grad);
}
PyObject* get_output_nr(PyObject* self, void*) {
  const Tensor& t = tensor_of(self);
  return PyLong_FromLong(t->output);
}
PyObject* get_base(PyObject* self, void*) {
  return read([&] {
    const Ref<TensorImpl>& base = tensor_of(self)->base;
    return base ? wrap(Tensor(base)) : Py_NewRef(Py_None);
  });
}

// ---- data: the values without history

PyObject* get_data(PyObject* self, void*) {
  return read([&] { return wrap(autograd::detach(tensor_of(self))); });
}

// Equal shape and dtype: the values are copied, so the memory stays where NumPy, DLPack and
// captured programs know it. Otherwise the tensor takes the other one's memory.
void assign_data(const Tensor& t, const Tensor& value) {
  if (t.dtype() == value.dtype() && t.sizes() == value.sizes()) {
    NoGrad off;
    write(t, value, "data");
    return;
  }
  if (!autograd::is_leaf(t) || t->base) {
    fail<StateError>(
        "data", "expected a leaf that is no view for a new shape or dtype; got a tensor of sizes ",
        t.sizes(), ". Use detach() first.");
  }
  if (t->requires_grad && !is_floating(value.dtype())) {
    fail<DtypeError>("data", "expected a floating dtype for a tensor with requires_grad; got ",
                     dtype_name(value.dtype()), ".");
  }
  if (modes.recorder) modes.recorder->on_host_data("data");
  wait_for_long_work();  // of other threads, which may be reading the memory that goes
  t->storage = value->storage;
  t->sizes = value.sizes();
  t->strides = value.strides();
  t->offset = value->offset;
  t->numel = value.numel();
  t->dtype = value.dtype();
  t->contiguous = value.is_contiguous();
  graph::layouts_changed();
  invalidate_plans("change of data");
}
int set_data(PyObject* self, PyObject* value, void*) {
  return guarded_status([&] {
    if (!value || !is_tensor(value)) {
      fail<TypeError>("data", "expected a Tensor; got ", value ? type_name(value) : "a deletion",
                      ".");
    }
    assign_data(tensor_of(self), tensor_of(value));
  });
}

}  // namespace

PyGetSetDef tensor_getset[] = {
    {"shape", get_shape, nullptr, "The sizes, a chainrule.Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"device", get_device, nullptr, "Where the memory is.", nullptr},
    {"ndim", get_ndim, nullptr, "How many dimensions there are.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"is_cuda", get_false, nullptr, "False.", nullptr},
    {"is_sparse", get_false, nullptr, "False.", nullptr},
    {"_version", get_version, nullptr, "How often the memory was changed in place.", nullptr},
    {"T", get_transposed, nullptr, "A view with the dimensions in reverse order.", nullptr},
    {"mT", get_matrix_transposed, nullptr, "A view with the last two dimensions swapped.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad,
     "Whether gradients are computed for this tensor.", nullptr},
    {"grad", get_grad, set_grad, "The accumulated gradient, or None.", nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node that made this tensor; None for a leaf.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether no operation with history made this tensor.",
     nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Whether retain_grad() was called.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which output of grad_fn this tensor is.", nullptr},
    {"_base", get_base, nullptr, "Of a view: the tensor it was taken from, else None.", nullptr},
    {"data", get_data, set_data, "The values without history, on the same memory.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

}  // namespace chainrule::bindings
