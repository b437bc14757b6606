// Pickling, copy and deepcopy. What is pickled are bytes, a dtype name and sizes, and the function
// that puts them together checks all three, so a hostile pickle makes an error and never a crash
// (pickle itself runs whatever code it is given).
#include <cstring>

#include "autograd/autograd.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/types.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

py::object rebuild_function;

py::object dict_of(PyObject* self) {
  PyObject* dict = reinterpret_cast<PyTensor*>(self)->dict;
  if (!dict || PyDict_GET_SIZE(dict) == 0) return py::none();
  return borrow(dict);
}

py::object reduce_ex(const TensorObject& self, int protocol) {
  if (modes.recorder) modes.recorder->on_read("pickle");
  const Tensor& t = tensor_of(self.ptr());
  NoGrad off;
  const Tensor dense = contiguous(autograd::detach(t));
  const auto bytes = static_cast<Py_ssize_t>(t.numel() * static_cast<int64_t>(itemsize(t.dtype())));
  py::object data;
  if (protocol >= 5 && t.dtype() != DType::kBFloat16) {
    data =
        steal(PyPickleBuffer_FromObject(steal(wrap(dense)).ptr()));  // out of band where asked for
  } else {
    data = steal(PyBytes_FromStringAndSize(static_cast<const char*>(dense.raw()), bytes));
  }
  const py::tuple sizes(steal(PySequence_Tuple(steal(make_size(t.sizes())).ptr())));
  const py::tuple arguments = py::make_tuple(
      py::type::of(self), data, borrow(dtype_object(t.dtype())), sizes, autograd::requires_grad(t));
  const py::object state = dict_of(self.ptr());
  if (state.is_none()) return py::make_tuple(rebuild_function, arguments);
  return py::make_tuple(rebuild_function, arguments, state);
}

py::object finish(const py::type& type, Tensor t, bool requires_grad) {
  auto* object = reinterpret_cast<PyTypeObject*>(type.ptr());
  if (!PyType_IsSubtype(object, tensor_type)) {
    fail<TypeError>("unpickle", "expected a Tensor type; got ", object->tp_name, ".");
  }
  t->parameter = PyType_IsSubtype(object, parameter_type);
  if (requires_grad) autograd::set_requires_grad(t, true);
  return steal(wrap_as(object, std::move(t)));
}

py::object rebuild(const py::type& type, const py::buffer& data, const py::object& dtype,
                   const py::tuple& shape, bool requires_grad) {
  const DType t = require_dtype(dtype.ptr(), "unpickle");
  Dims sizes;
  for (const py::handle n : shape) {
    const std::optional<int64_t> size = int_from(n.ptr());
    if (!size) fail<TypeError>("unpickle", "expected integer sizes; got ", type_name(n.ptr()), ".");
    sizes.push_back(*size);
  }
  const int64_t count = checked_numel("unpickle", sizes);
  Py_buffer view;
  check(PyObject_GetBuffer(data.ptr(), &view, PyBUF_CONTIG_RO));
  const std::unique_ptr<Py_buffer, void (*)(Py_buffer*)> release(&view, PyBuffer_Release);
  if (view.len / static_cast<Py_ssize_t>(itemsize(t)) != count ||
      view.len % static_cast<Py_ssize_t>(itemsize(t)) != 0) {
    fail<ValueError>("unpickle", "expected ", count, " elements of ", dtype_name(t), "; got ",
                     view.len, " bytes.");
  }
  Tensor made = Tensor::empty(t, sizes);
  if (t == DType::kBool) {  // any other byte than 0 and 1 is no bool
    for (Py_ssize_t i = 0; i < view.len; ++i)
      made.data<uint8_t>()[i] = static_cast<uint8_t*>(view.buf)[i] != 0;
  } else if (view.len) {
    std::memcpy(made.raw(), view.buf, view.len);
  }
  return finish(type, std::move(made), requires_grad);
}

py::object deepcopy(const TensorObject& self, const py::dict& memo) {
  const Tensor& t = tensor_of(self.ptr());
  const py::object key = steal(PyLong_FromVoidPtr(self.ptr()));
  if (memo.contains(key)) return memo[key];
  if (!autograd::is_leaf(t)) {
    fail<StateError>("deepcopy",
                     "expected a leaf; got a result of an operation. Use detach() first.");
  }
  if (modes.recorder) {
    modes.recorder->on_host_code("deepcopy", "Make the copy outside, or clone() the tensor.");
  }
  Tensor values;
  {
    NoGrad off;
    values = clone(t);
  }
  const py::object copy = finish(py::type::of(self), std::move(values), t.requires_grad());
  memo[key] = copy;
  const py::object deep = py::module_::import("copy").attr("deepcopy");
  if (const Tensor grad = autograd::grad_of(t); grad.defined()) {
    autograd::set_grad(tensor_of(copy.ptr()), deep(grad, memo).cast<Tensor>());
  }
  if (const py::object state = dict_of(self.ptr()); !state.is_none()) {
    copy.attr("__dict__").attr("update")(deep(state, memo));
  }
  return copy;
}

// A new handle on the same memory.
py::object shallow_copy(const TensorObject& self) {
  const Tensor& t = tensor_of(self.ptr());
  py::object copy;
  if (autograd::is_leaf(t)) {
    copy = finish(py::type::of(self), t.alias(), t.requires_grad());
  } else {
    copy = steal(wrap(alias(t)));
  }
  if (const py::object state = dict_of(self.ptr()); !state.is_none()) {
    copy.attr("__dict__").attr("update")(state);
  }
  return copy;
}

}  // namespace

void bind_pickling(py::module_& m) {
  using namespace py::literals;
  m.def("_rebuild_tensor", rebuild, "type"_a, "data"_a, "dtype"_a, "shape"_a, "requires_grad"_a);
  // Lives as long as the process: the module holds it too.
  rebuild_function = m.attr("_rebuild_tensor");
  rebuild_function.inc_ref();
  add_tensor_method("__reduce_ex__", reduce_ex, "protocol"_a);
  add_tensor_method("__deepcopy__", deepcopy, "memo"_a);
  add_tensor_method("__copy__", shallow_copy);
}

}  // namespace chainrule::bindings
