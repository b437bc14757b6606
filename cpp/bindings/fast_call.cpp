#include "bindings/fast_call.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <bit>

#include "autograd/autograd.h"
#include "bindings/tensor_type.h"
#include "ops/modes.h"

namespace chainrule::bindings {

// ---- The signature.

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
  return PyObject_HasAttrString(o, "__array_interface__") == 0;
}

}  // namespace

bool Signature::add(PyObject* name, PyObject* value, int& tensors) {
  Argument a;
  if (name) a.name = borrow(name);
  if (is_tensor(value)) {
    a.tensor = tensors++;
    a.requires_grad = autograd::requires_grad(tensor_of(value));
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

bool Signature::remember(PyObject* args, PyObject* keywords, const Plan& plan) {
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
  return tensors == static_cast<int>(plan.layouts().size());
}

bool Signature::fits(const Argument& a, PyObject* value, const Plan& plan,
                     std::vector<Tensor>& tensors) const {
  if (a.tensor < 0) return same_value(a.value.ptr(), value);
  if (!is_tensor(value)) return false;
  const Tensor& t = tensor_of(value);
  if (autograd::requires_grad(t) != a.requires_grad || !plan.layouts()[a.tensor].fits(*t.impl())) {
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

bool Signature::fits(PyObject* args, PyObject* keywords, const Plan& plan,
                     std::vector<Tensor>& tensors) const {
  const size_t named = keywords ? PyDict_GET_SIZE(keywords) : 0;
  if (static_cast<size_t>(PyTuple_GET_SIZE(args)) != positional_ ||
      positional_ + named != arguments_.size() || !(settings_ == graph::Settings::now())) {
    return false;
  }
  for (size_t i = 0; i < positional_; ++i) {
    if (!fits(arguments_[i], PyTuple_GET_ITEM(args, i), plan, tensors)) return false;
  }
  PyObject *name, *value;
  size_t i = positional_;
  for (Py_ssize_t at = 0; named && PyDict_Next(keywords, &at, &name, &value); ++i) {
    if (!same_value(arguments_[i].name.ptr(), name)) return false;
    if (!fits(arguments_[i], value, plan, tensors)) return false;
  }
  return true;
}

bool Signature::takes_batches() const {
  return std::none_of(arguments_.begin(), arguments_.end(), [](const Argument& a) {
    return a.tensor >= 0 && (a.requires_grad || a.same_as >= 0);
  });
}

int Signature::traverse(visitproc visit, void* arg) const {
  for (const Argument& a : arguments_) {
    Py_VISIT(a.name.ptr());
    Py_VISIT(a.value.ptr());
  }
  return 0;
}

// ---- What refreshers read.

namespace {

Py_ssize_t length_of(PyObject* o) {
  return PyList_Check(o) ? PyList_GET_SIZE(o) : PyDict_Check(o) ? PyDict_GET_SIZE(o) : -1;
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

int Watches::traverse(visitproc visit, void* arg) const {
  for (const Entry& e : entries_) {
    for (const py::object* held : {&e.dict, &e.key, &e.value}) Py_VISIT(held->ptr());
  }
  return 0;
}

bool Latest::stands() {
  if (!watches || !watches->hold()) {
    if (!ready().cast<bool>()) return false;
    if (watches) watches->look_again();
  }
  return generation == plans_generation();
}

// ---- The object.

namespace {

PyTypeObject* fast_type;  // owned by the module for the life of the process

struct FastCall {
  PyObject_HEAD std::shared_ptr<Latest> latest;
};

FastCall* as_fast(PyObject* o) { return reinterpret_cast<FastCall*>(o); }

PyObject* new_fast(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o) new (&as_fast(o)->latest) std::shared_ptr<Latest>();
  return o;
}

int fast_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  const Latest* latest = as_fast(o)->latest.get();
  if (!latest) return 0;
  for (const py::object* held : {&latest->program, &latest->rebuild}) Py_VISIT(held->ptr());
  Py_VISIT(latest->ready.ptr());
  if (const int stop = latest->signature.traverse(visit, arg)) return stop;
  return latest->watches ? latest->watches->traverse(visit, arg) : 0;
}

int fast_clear(PyObject* o) {
  const std::shared_ptr<Latest> before = std::exchange(as_fast(o)->latest, nullptr);
  return 0;
}

void fast_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  as_fast(o)->latest.~shared_ptr();
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* put_together(Latest& latest, std::vector<Tensor>& tensors) {
  switch (latest.shape) {
    case ResultShape::kOne:
      return wrap(std::move(tensors[0]));
    case ResultShape::kTuple:
      return wrap_tuple(tensors);
    case ResultShape::kList:
      return steal(PySequence_List(steal(wrap_tuple(tensors)).ptr())).release().ptr();
    case ResultShape::kOther:
      break;
  }
  const py::object all = steal(wrap_tuple(tensors));
  return latest.rebuild(steal(PyObject_GetIter(all.ptr()))).release().ptr();
}

PyObject* run_fast(Latest& latest, PyObject* args, PyObject* keywords) {
  std::vector<Tensor> arguments = std::exchange(latest.arguments, {});
  arguments.clear();
  if (!latest.signature.fits(args, keywords, *latest.plan, arguments) || !latest.stands()) {
    return Py_NewRef(Py_NotImplemented);
  }
  std::vector<Tensor> results = std::exchange(latest.results, {});
  if (!latest.plan->replay(arguments, results)) return Py_NewRef(Py_NotImplemented);
  PyObject* result = put_together(latest, results);
  arguments.clear();
  results.clear();
  latest.arguments = std::move(arguments);
  latest.results = std::move(results);
  return result;
}

// fast(args, kwargs): the result of a replay, or NotImplemented where Python has to look.
PyObject* fast_call(PyObject* o, PyObject* const* arguments, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    FastCall* self = as_fast(o);
    if (!self->latest || modes.recorder) return Py_NewRef(Py_NotImplemented);
    const std::shared_ptr<Latest> latest = self->latest;  // another thread may put its own there
    return run_fast(*latest, arguments[0], arguments[1]);
  });
}

// remember(program, args, kwargs, ready, watched, rebuild, generation)
PyObject* fast_remember(PyObject* o, PyObject* const* a, Py_ssize_t) {
  return guarded([&]() -> PyObject* {
    auto latest = std::make_shared<Latest>();
    latest->program = borrow(a[0]);
    latest->plan = &latest->program.cast<Plan&>();
    latest->generation = borrow(a[6]).cast<uint64_t>();
    latest->ready = py::reinterpret_borrow<py::function>(a[3]);
    if (a[4] != Py_None) {
      latest->watches.emplace(borrow(a[4]).cast<std::vector<std::pair<py::object, py::object>>>());
    }
    latest->rebuild = borrow(a[5]);
    const py::object next = py::module_::import("builtins").attr("next");
    latest->shape = a[5] == next.ptr()                                   ? ResultShape::kOne
                    : a[5] == reinterpret_cast<PyObject*>(&PyTuple_Type) ? ResultShape::kTuple
                    : a[5] == reinterpret_cast<PyObject*>(&PyList_Type)  ? ResultShape::kList
                                                                         : ResultShape::kOther;
    const bool known = latest->signature.remember(a[1], a[2], *latest->plan);
    // What was there before ends last, for that may run anybody's code.
    const std::shared_ptr<Latest> before =
        std::exchange(as_fast(o)->latest, known ? std::move(latest) : nullptr);
    Py_RETURN_NONE;
  });
}

PyObject* fast_forget(PyObject* o, PyObject*) {
  fast_clear(o);
  Py_RETURN_NONE;
}

template <typename F>
PyCFunction fastcall(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef fast_methods[] = {{"call", fastcall(fast_call), METH_FASTCALL, nullptr},
                              {"remember", fastcall(fast_remember), METH_FASTCALL, nullptr},
                              {"forget", fast_forget, METH_NOARGS, nullptr},
                              {}};

}  // namespace

std::shared_ptr<Latest> latest_call(PyObject* fast) {
  if (Py_TYPE(fast) == fast_type) return as_fast(fast)->latest;
  fail<TypeError>("compile", "expected a _FastCall; got ", Py_TYPE(fast)->tp_name, ".");
}

void bind_fast_call(py::module_& m) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(new_fast)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(fast_dealloc)},
                         {Py_tp_methods, fast_methods},
                         {Py_tp_traverse, reinterpret_cast<void*>(fast_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(fast_clear)},
                         {0, nullptr}};
  PyType_Spec spec = {"chainrule._core._FastCall", sizeof(FastCall), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  fast_type = reinterpret_cast<PyTypeObject*>(steal(PyType_FromSpec(&spec)).release().ptr());
  m.attr("_FastCall") = borrow(reinterpret_cast<PyObject*>(fast_type));
}

}  // namespace chainrule::bindings
