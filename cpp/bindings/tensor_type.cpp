#include "bindings/tensor_type.h"

#include <structmember.h>

#include <cstddef>

#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/other_types.h"

namespace chainrule::bindings {

PyTypeObject* tensor_type;
PyTypeObject* parameter_type;

namespace {

// Freed objects of the exact type Tensor, kept for the next result; guarded by the GIL.
constexpr int kFreeListSize = 128;
PyTensor* free_list[kFreeListSize];
int free_count = 0;

PyTensor* as_tensor(PyObject* o) { return reinterpret_cast<PyTensor*>(o); }

// Whether the hooks hang on this object alone. A graph that somebody else holds may still run them.
bool owns_hooks(const PyTensor* self) {
  if (!self->tensor.defined() || self->tensor->use_count() != 1) return false;
  const Ref<RefCounted>& node = self->tensor->grad_fn;
  return !node || node->use_count() == 1;
}

std::vector<std::shared_ptr<HeldObject>> hooks_from_python(const Tensor& t) {
  std::vector<std::shared_ptr<HeldObject>> found;
  const autograd::HookLists* lists = autograd::hooks_on(t);
  if (!lists) return found;
  for (const auto& [id, hook] : lists->on_grad) {
    if (const auto* python = hook.target<GradHook>()) found.push_back(python->callable);
  }
  for (const auto& [id, hook] : lists->after_accumulate) {
    if (const auto* python = hook.target<PostHook>()) found.push_back(python->callable);
  }
  return found;
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  PyTensor* self = as_tensor(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->dict);
  // Without this visit a hook that mentions its own tensor would be a cycle that nobody sees.
  if (owns_hooks(self)) {
    for (const auto& hook : hooks_from_python(self->tensor)) Py_VISIT(hook->ptr());
  }
  return 0;
}

int tensor_clear(PyObject* o) {
  PyTensor* self = as_tensor(o);
  if (owns_hooks(self)) {
    for (const auto& hook : hooks_from_python(self->tensor)) hook->reset();
  }
  Py_CLEAR(self->dict);
  return 0;
}

void tensor_dealloc(PyObject* o) {
  PyTensor* self = as_tensor(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->tensor.defined() && self->tensor->python == self) self->tensor->python = nullptr;
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->dict);
  self->tensor.~Tensor();
  if (type == tensor_type && free_count < kFreeListSize) {
    free_list[free_count++] = self;
  } else {
    type->tp_free(o);
  }
  Py_DECREF(type);
}

Py_hash_t tensor_hash(PyObject* o) { return _Py_HashPointer(o); }

PyMemberDef tensor_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
    {}};

// Every slot the type states itself; the number slots follow from number_slots.
std::vector<PyType_Slot> tensor_slots() {
  return {
      {Py_tp_new, reinterpret_cast<void*>(tensor_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
      {Py_tp_hash, reinterpret_cast<void*>(tensor_hash)},
      {Py_tp_richcompare, reinterpret_cast<void*>(tensor_richcompare)},
      {Py_tp_repr, reinterpret_cast<void*>(tensor_repr)},
      {Py_tp_iter, reinterpret_cast<void*>(tensor_iter)},
      {Py_tp_members, tensor_members},
      {Py_tp_getset, tensor_getset},
      {Py_sq_length, reinterpret_cast<void*>(tensor_length)},
      {Py_sq_item, reinterpret_cast<void*>(tensor_item)},
      {Py_sq_contains, reinterpret_cast<void*>(tensor_contains)},
      {Py_mp_length, reinterpret_cast<void*>(tensor_length)},
      {Py_mp_subscript, reinterpret_cast<void*>(tensor_subscript)},
      {Py_mp_ass_subscript, reinterpret_cast<void*>(tensor_assign_subscript)},
      {Py_bf_getbuffer, reinterpret_cast<void*>(tensor_getbuffer)},
      {Py_bf_releasebuffer, reinterpret_cast<void*>(tensor_releasebuffer)},
      {Py_tp_doc, const_cast<char*>("A dense array of one dtype that can record its history.")}};
}

void add_number_slots(std::vector<PyType_Slot>& slots) {
  const PyNumberMethods& n = number_slots;
  const std::pair<int, void*> all[] = {
      {Py_nb_add, reinterpret_cast<void*>(n.nb_add)},
      {Py_nb_subtract, reinterpret_cast<void*>(n.nb_subtract)},
      {Py_nb_multiply, reinterpret_cast<void*>(n.nb_multiply)},
      {Py_nb_remainder, reinterpret_cast<void*>(n.nb_remainder)},
      {Py_nb_power, reinterpret_cast<void*>(n.nb_power)},
      {Py_nb_negative, reinterpret_cast<void*>(n.nb_negative)},
      {Py_nb_positive, reinterpret_cast<void*>(n.nb_positive)},
      {Py_nb_absolute, reinterpret_cast<void*>(n.nb_absolute)},
      {Py_nb_bool, reinterpret_cast<void*>(n.nb_bool)},
      {Py_nb_invert, reinterpret_cast<void*>(n.nb_invert)},
      {Py_nb_and, reinterpret_cast<void*>(n.nb_and)},
      {Py_nb_xor, reinterpret_cast<void*>(n.nb_xor)},
      {Py_nb_or, reinterpret_cast<void*>(n.nb_or)},
      {Py_nb_int, reinterpret_cast<void*>(n.nb_int)},
      {Py_nb_float, reinterpret_cast<void*>(n.nb_float)},
      {Py_nb_index, reinterpret_cast<void*>(n.nb_index)},
      {Py_nb_inplace_add, reinterpret_cast<void*>(n.nb_inplace_add)},
      {Py_nb_inplace_subtract, reinterpret_cast<void*>(n.nb_inplace_subtract)},
      {Py_nb_inplace_multiply, reinterpret_cast<void*>(n.nb_inplace_multiply)},
      {Py_nb_inplace_remainder, reinterpret_cast<void*>(n.nb_inplace_remainder)},
      {Py_nb_inplace_power, reinterpret_cast<void*>(n.nb_inplace_power)},
      {Py_nb_inplace_and, reinterpret_cast<void*>(n.nb_inplace_and)},
      {Py_nb_inplace_xor, reinterpret_cast<void*>(n.nb_inplace_xor)},
      {Py_nb_inplace_or, reinterpret_cast<void*>(n.nb_inplace_or)},
      {Py_nb_floor_divide, reinterpret_cast<void*>(n.nb_floor_divide)},
      {Py_nb_true_divide, reinterpret_cast<void*>(n.nb_true_divide)},
      {Py_nb_inplace_floor_divide, reinterpret_cast<void*>(n.nb_inplace_floor_divide)},
      {Py_nb_inplace_true_divide, reinterpret_cast<void*>(n.nb_inplace_true_divide)},
      {Py_nb_matrix_multiply, reinterpret_cast<void*>(n.nb_matrix_multiply)},
  };
  for (const auto& [slot, function] : all) {
    if (function) slots.push_back({slot, function});
  }
}

PyTensor* allocate_object(PyTypeObject* type) {
  if (type == tensor_type && free_count > 0) {
    PyTensor* self = free_list[--free_count];
    PyObject_Init(reinterpret_cast<PyObject*>(self), type);
    return self;
  }
  PyObject* self = checked(type->tp_alloc(type, 0));  // zeroed and tracked
  PyObject_GC_UnTrack(self);
  return as_tensor(self);
}

}  // namespace

PyObject* wrap_as(PyTypeObject* type, Tensor t) {
  PyTensor* self = allocate_object(type);  // throws before anything refers to it
  t->python = self;
  new (&self->tensor) Tensor(std::move(t));
  PyObject_GC_Track(reinterpret_cast<PyObject*>(self));
  return reinterpret_cast<PyObject*>(self);
}

PyObject* wrap(Tensor t) {
  if (!t.defined()) Py_RETURN_NONE;
  if (t->python) return Py_NewRef(static_cast<PyObject*>(t->python));
  PyTypeObject* type = t->parameter ? parameter_type : tensor_type;
  return wrap_as(type, std::move(t));
}

std::vector<Tensor> tensors_from(PyObject* sequence, const char* op) {
  std::vector<Tensor> tensors;
  if (is_tensor(sequence)) return {tensor_of(sequence)};
  if (!PyList_Check(sequence) && !PyTuple_Check(sequence)) {
    fail<TypeError>(op, "expected a tensor or a list or tuple of tensors; got ",
                    type_name(sequence), ".", tensor_hint(sequence, "x"));
  }
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(sequence, i);
    if (!is_tensor(item)) {
      fail<TypeError>(op, "expected tensors; got ", type_name(item), " at position ", i, ".",
                      tensor_hint(item, "x"));
    }
    tensors.push_back(tensor_of(item));
  }
  return tensors;
}

PyObject* wrap_tuple(std::span<const Tensor> tensors) {
  py::tuple result(tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    PyTuple_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), wrap(tensors[i]));
  }
  return result.release().ptr();
}

void add_tensor_method(PyMethodDef* def) {
  PyObject* descriptor = checked(PyDescr_NewMethod(tensor_type, def));
  phrase_method_errors(descriptor);
  const int status =
      PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), def->ml_name, descriptor);
  Py_DECREF(descriptor);
  check(status);
}

void bind_tensor_type(py::module_& m) {
  std::vector<PyType_Slot> slots = tensor_slots();
  add_number_slots(slots);
  slots.push_back({0, nullptr});
  constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  PyType_Spec spec = {"chainrule.Tensor", sizeof(PyTensor), 0, kFlags, slots.data()};
  py::object type = steal(PyType_FromSpec(&spec));
  tensor_type = reinterpret_cast<PyTypeObject*>(type.ptr());
  m.attr("Tensor") = type;
  type.release();

  PyType_Slot parameter_slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(parameter_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
      {Py_tp_doc, const_cast<char*>("Parameter(data=None, requires_grad=True)\n--\n\n"
                                    "A tensor that a Module lists among its parameters.")},
      {0, nullptr}};
  PyType_Spec parameter = {"chainrule.nn.Parameter", sizeof(PyTensor), 0, kFlags, parameter_slots};
  py::object bases = borrow(reinterpret_cast<PyObject*>(tensor_type));
  py::object subtype = steal(PyType_FromSpecWithBases(&parameter, bases.ptr()));
  parameter_type = reinterpret_cast<PyTypeObject*>(subtype.ptr());
  m.attr("Parameter") = subtype;
  subtype.release();
}

}  // namespace chainrule::bindings
