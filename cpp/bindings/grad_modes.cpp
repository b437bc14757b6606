// no_grad, enable_grad, set_grad_enabled and inference_mode: context managers and decorators, as
// raw types because `with no_grad():` stands around every optimizer step.
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

struct State {
  bool grad_enabled;
  bool inference;
};

enum class Inference { kKeep, kOff, kOn };
struct Wanted {
  bool grad_enabled;
  Inference inference;
};

struct GradMode {
  PyObject_HEAD Wanted wanted;
  std::vector<State> saved;  // one per entry, so that one object may be entered several times
  bool applied;              // set_grad_enabled acts when it is made
};

State current() { return {modes.grad_enabled, modes.inference}; }
void set(State s) {
  modes.grad_enabled = s.grad_enabled;
  modes.inference = s.inference;
}
// Inside inference_mode nothing has history, whatever else is asked for.
void apply(Wanted w) {
  if (w.inference != Inference::kKeep) modes.inference = w.inference == Inference::kOn;
  modes.grad_enabled = w.grad_enabled && !modes.inference;
}
// "no_grad" of "chainrule.no_grad", and of a subclass without a module.
const char* mode_name(PyTypeObject* type) {
  const char* dot = std::strrchr(type->tp_name, '.');
  return dot ? dot + 1 : type->tp_name;
}
GradMode* as_mode(PyObject* o) { return reinterpret_cast<GradMode*>(o); }

PyObject* make(PyTypeObject* type, Wanted wanted) {
  PyObject* o = checked(type->tp_alloc(type, 0));
  GradMode* self = as_mode(o);
  self->wanted = wanted;
  new (&self->saved) std::vector<State>();
  self->applied = false;
  return o;
}

void dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  as_mode(o)->saved.~vector();
  type->tp_free(o);
  Py_DECREF(type);
}

// The function under this mode at every call, also between the steps of a generator.
PyObject* decorate(PyObject* self, PyObject* function) {
  return guarded([&]() -> PyObject* {
    if (!PyCallable_Check(function)) {
      fail<TypeError>(mode_name(Py_TYPE(self)), "expected a function; got ", type_name(function),
                      ".");
    }
    const py::object decorated = py::module_::import("chainrule._modes").attr("decorate");
    return decorated(py::handle(self), py::handle(function)).release().ptr();
  });
}

PyObject* call(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    PyObject* function;
    static const char* const names[] = {"", nullptr};
    parse_arguments(mode_name(Py_TYPE(o)), "one function to decorate", args, kwargs, "O", names,
                    &function);
    GradMode* self = as_mode(o);
    if (self->applied) {  // @set_grad_enabled(False): making it had changed the mode already
      set(self->saved.back());
      self->saved.pop_back();
      self->applied = false;
    }
    return decorate(o, function);
  });
}

PyObject* enter(PyObject* o, PyObject*) {
  return guarded([&] {
    GradMode* self = as_mode(o);
    if (self->applied) {
      self->applied = false;
    } else {
      self->saved.push_back(current());
    }
    apply(self->wanted);
    return Py_NewRef(o);
  });
}

PyObject* exit(PyObject* o, PyObject* const*, Py_ssize_t) {
  GradMode* self = as_mode(o);
  if (self->saved.empty()) {
    PyErr_SetString(PyExc_RuntimeError, "[no_grad] expected to be entered before it is left.");
    return nullptr;
  }
  set(self->saved.back());
  self->saved.pop_back();
  Py_RETURN_FALSE;
}

// Another object of the same mode: a decorated function may run on several threads at once.
PyObject* fresh(PyObject* o, PyObject*) {
  return guarded([&] { return make(Py_TYPE(o), as_mode(o)->wanted); });
}

// no_grad() and @no_grad.
PyObject* make_or_decorate(PyTypeObject* type, PyObject* args, PyObject* kwargs, Wanted wanted) {
  return guarded([&]() -> PyObject* {
    PyObject* function = nullptr;
    static const char* const names[] = {"", nullptr};
    if (kwargs || PyTuple_GET_SIZE(args) > 0) {
      parse_arguments(mode_name(type), "nothing or one function to decorate", args, kwargs, "|O",
                      names, &function);
    }
    const py::object self = steal(make(type, wanted));
    return function ? decorate(self.ptr(), function) : self.inc_ref().ptr();
  });
}
PyObject* new_no_grad(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return make_or_decorate(type, args, kwargs, {false, Inference::kKeep});
}
PyObject* new_enable_grad(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return make_or_decorate(type, args, kwargs, {true, Inference::kKeep});
}
PyObject* new_set_grad_enabled(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    static const char* const names[] = {"mode", nullptr};
    PyObject* mode;
    parse_arguments("set_grad_enabled", "(mode: bool)", args, kwargs, "O", names, &mode);
    const Wanted wanted = {require_bool(mode, "set_grad_enabled", "mode"), Inference::kKeep};
    PyObject* o = make(type, wanted);
    as_mode(o)->saved.push_back(current());
    as_mode(o)->applied = true;
    apply(wanted);
    return o;
  });
}
PyObject* new_inference_mode(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* const names[] = {"mode", nullptr};
    PyObject* mode = Py_True;
    parse_arguments("inference_mode", "(mode: bool = True)", args, kwargs, "|O", names, &mode);
    const bool decorates = !PyBool_Check(mode) && PyCallable_Check(mode);
    const bool on = decorates || require_bool(mode, "inference_mode", "mode");
    const Wanted wanted = {!on, on ? Inference::kOn : Inference::kOff};
    const py::object self = steal(make(type, wanted));
    return decorates ? decorate(self.ptr(), mode) : self.inc_ref().ptr();
  });
}

// "no_grad()", "set_grad_enabled(True)".
PyObject* repr(PyObject* o) {
  return guarded([&] {
    const std::string name = mode_name(Py_TYPE(o));
    const Wanted wanted = as_mode(o)->wanted;
    const bool on = wanted.inference == Inference::kKeep ? wanted.grad_enabled
                                                         : wanted.inference == Inference::kOn;
    const bool takes_mode = name == "set_grad_enabled" || name == "inference_mode";
    return PyUnicode_FromString(str(name, "(",
                                    !takes_mode ? ""
                                    : on        ? "True"
                                                : "False",
                                    ")")
                                    .c_str());
  });
}

PyMethodDef mode_methods[] = {
    {"__enter__", enter, METH_NOARGS, nullptr},
    {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(exit)), METH_FASTCALL,
     nullptr},
    {"_fresh", fresh, METH_NOARGS, nullptr},
    {}};

void add(py::module_& m, const char* qualified, newfunc make_new, const char* doc) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(make_new)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                         {Py_tp_call, reinterpret_cast<void*>(call)},
                         {Py_tp_repr, reinterpret_cast<void*>(repr)},
                         {Py_tp_methods, mode_methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec spec = {qualified, sizeof(GradMode), 0, Py_TPFLAGS_DEFAULT, slots};
  m.attr(std::strchr(qualified, '.') + 1) = steal(PyType_FromSpec(&spec));
}

}  // namespace

void bind_grad_modes(py::module_& m) {
  add(m, "chainrule.no_grad", new_no_grad,
      "Context manager and decorator: no history is recorded inside.\n\n"
      "Example:\n"
      "    >>> w = chainrule.ones(2, requires_grad=True)\n"
      "    >>> with chainrule.no_grad():\n"
      "    ...     (w * 2).requires_grad\n"
      "    False");
  add(m, "chainrule.enable_grad", new_enable_grad,
      "Context manager and decorator: history is recorded inside.");
  add(m, "chainrule.set_grad_enabled", new_set_grad_enabled,
      "Sets whether history is recorded; as a context manager or decorator, for the block.");
  add(m, "chainrule.inference_mode", new_inference_mode,
      "no_grad for tensors that never need a gradient: they can have no history later either.");
  m.def(
      "is_grad_enabled", [] { return modes.grad_enabled; },
      "Whether history is recorded now, on this thread.");
  m.def(
      "is_inference_mode_enabled", [] { return modes.inference; },
      "Whether inference_mode is on now, on this thread.");
  m.def(
      "_set_autocast", [](bool on) { return std::exchange(modes.autocast, on); },
      "Turns autocast on or off on this thread; whether it was on comes back.");
  m.def("_is_autocast_enabled", [] { return modes.autocast; }, "Whether autocast is on here.");
}

}  // namespace chainrule::bindings
