#include "bindings/fast_call.h"

#include <pybind11/stl.h>

#include "bindings/tensor_type.h"
#include "ops/modes.h"

namespace chainrule::bindings {

bool Latest::stands() {
  if (!attributes.hold()) return false;
  if (!watches || !watches->hold()) {
    if (!ready().cast<bool>()) return false;
    if (watches) watches->look_again();
  }
  return generation == plans_generation();
}

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
  if (const int stop = latest->attributes.traverse(visit, arg)) return stop;
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
  if (!latest.signature.fits(args, keywords, *latest.call, arguments) || !latest.stands()) {
    return Py_NewRef(Py_NotImplemented);
  }
  std::vector<Tensor> results = std::exchange(latest.results, {});
  if (!latest.call->replay(arguments, results)) return Py_NewRef(Py_NotImplemented);
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

Watches watches_of(PyObject* entries) {
  return Watches(borrow(entries).cast<std::vector<std::pair<py::object, py::object>>>());
}

// remember(program, args, kwargs, ready, watched, rebuild, generation, attributes)
PyObject* fast_remember(PyObject* o, PyObject* const* a, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 8) fail<TypeError>("compile", "expected 8 arguments; got ", count, ".");
    auto latest = std::make_shared<Latest>(borrow(a[7]).cast<py::list>());
    latest->program = borrow(a[0]);
    latest->call = &latest->program.cast<RecordedCall&>();
    latest->generation = borrow(a[6]).cast<uint64_t>();
    latest->ready = py::reinterpret_borrow<py::function>(a[3]);
    if (a[4] != Py_None) latest->watches.emplace(watches_of(a[4]));
    latest->rebuild = borrow(a[5]);
    const py::object next = py::module_::import("builtins").attr("next");
    latest->shape = a[5] == next.ptr()                                   ? ResultShape::kOne
                    : a[5] == reinterpret_cast<PyObject*>(&PyTuple_Type) ? ResultShape::kTuple
                    : a[5] == reinterpret_cast<PyObject*>(&PyList_Type)  ? ResultShape::kList
                                                                         : ResultShape::kOther;
    const bool known = latest->signature.remember(a[1], a[2], *latest->call);
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
