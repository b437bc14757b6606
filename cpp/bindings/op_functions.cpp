#include "bindings/op_functions.h"

#include <map>
#include <utility>

#include "autograd/autograd.h"
#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/results.h"
#include "bindings/signature_text.h"
#include "ops/write.h"

namespace chainrule::bindings {

namespace {

constexpr int kMaxCallables = 1024;
std::deque<Callable> callables;  // stable addresses: the method definitions point into it

// ---- One C function a callable: a PyCFunction method has no room for data of its own, and a
// callable object instead of a method descriptor costs a bound method and the interpreter's
// specialisation.
template <int kIndex>
PyObject* function_thunk(PyObject*, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  return invoke(callables[kIndex], {nullptr, values, count, keywords});
}
template <int kIndex>
PyObject* method_thunk(PyObject* self, PyObject* const* values, Py_ssize_t count,
                       PyObject* keywords) {
  return invoke(callables[kIndex], {self, values, count, keywords});
}

using Thunk = _PyCFunctionFastWithKeywords;
template <int... kIndices>
Thunk thunk_at(int i, bool method, std::integer_sequence<int, kIndices...>) {
  static constexpr Thunk kFunctions[] = {function_thunk<kIndices>...};
  static constexpr Thunk kMethods[] = {method_thunk<kIndices>...};
  return method ? kMethods[i] : kFunctions[i];
}

PyObject* intern(const char* name) {
  PyObject* text = PyUnicode_InternFromString(name);
  return checked(text);
}

int find_parameter(const Signature& s, std::string_view name) {
  for (int i = 0; i < s.count; ++i) {
    if (name == s.params[i].name) return i;
  }
  return -1;
}

// The object of a method is the parameter `input`; without one, the first tensor.
int self_parameter(const Signature& s) {
  if (const int i = find_parameter(s, "input"); i >= 0 && s.params[i].input >= 0) return i;
  for (int i = 0; i < s.count; ++i) {
    if (s.params[i].kind == ParamKind::kTensor || s.params[i].kind == ParamKind::kOperand) return i;
  }
  return -1;
}

// The parameter that may be given as several positional ints: the only positional one.
int sizes_parameter(const Signature& s, int self) {
  int found = -1;
  for (int i = 0; i < s.positional; ++i) {
    if (i == self) continue;
    const bool ints =
        s.params[i].kind == ParamKind::kInts || s.params[i].kind == ParamKind::kOptInts;
    if (found >= 0 || !ints) return -1;
    found = i;
  }
  return found;
}

// What makes new tensors of a free choice of dtype: zeros, rand_like, normal with sizes.
bool is_factory(const Signature& s) {
  if (std::string_view(s.python_name).ends_with("_like")) return true;
  bool tensors = false;
  for (int i = 0; i < s.count; ++i) {
    tensors |= s.params[i].input >= 0 && std::string_view(s.params[i].name) != "generator";
  }
  return find_parameter(s, "dtype") >= 0 && (!tensors || find_parameter(s, "generator") >= 0);
}

Overload make_overload(const OpDef& op, const Signature& s, bool method) {
  Overload o;
  o.op = &op;
  o.signature = &s;
  for (int i = 0; i < s.count; ++i) {
    const std::string_view name = s.params[i].name;
    o.names.push_back(intern(s.params[i].name));
    o.aliases.push_back(name == "dim"       ? intern("axis")
                        : name == "keepdim" ? intern("keepdims")
                                            : nullptr);
  }
  const Signature& first = op.schema->signatures[0];
  o.tensors.resize(op.schema->tensor_params);
  for (int i = 0; i < first.count; ++i) {
    if (first.params[i].input >= 0) o.tensors[first.params[i].input] = first.params[i].kind;
  }
  if (op.schema->attr_bytes > kMaxAttrBytes || o.tensors.size() > kMaxTensorParams) {
    throw InternalError(
        str("[", op.name, "] expected fewer parameters than the parser has room for."));
  }
  if (method) o.self = self_parameter(s);
  o.sizes = sizes_parameter(s, o.self);
  o.factory = is_factory(s);
  o.truth = std::string_view(s.text).ends_with("-> bool");
  return o;
}

// Python names of one surface, with their overloads in table order.
std::map<std::string, std::vector<Overload>> collect(Surface surface, bool method) {
  std::map<std::string, std::vector<Overload>> names;
  for (const OpDef* op : all_ops()) {
    if (!(op->surface & surface)) continue;
    for (int i = 0; i < op->schema->signature_count; ++i) {
      const Signature& s = op->schema->signatures[i];
      if (method && self_parameter(s) < 0) continue;
      names[s.python_name].push_back(make_overload(*op, s, method));
    }
  }
  return names;
}

Callable& add_callable(const std::string& name, std::vector<Overload> overloads, bool method,
                       bool in_place) {
  const int index = static_cast<int>(callables.size());
  if (index >= kMaxCallables) {
    throw InternalError("[chainrule] expected at most 1024 Python names; raise kMaxCallables.");
  }
  Callable& c = callables.emplace_back();
  c.name = in_place ? name + "_" : name;
  c.overloads = std::move(overloads);
  c.method = method;
  c.in_place = in_place;
  c.doc = make_doc(c.name, c.overloads, in_place);
  const Thunk thunk = thunk_at(index, method, std::make_integer_sequence<int, kMaxCallables>());
  c.def = {c.name.c_str(), reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(thunk)),
           METH_FASTCALL | METH_KEYWORDS, c.doc.c_str()};
  return c;
}

void add_functions(py::object target, Surface surface, const char* module_name) {
  const py::str owner(module_name);
  for (auto& [name, overloads] : collect(surface, false)) {
    Callable& c = add_callable(name, std::move(overloads), false, false);
    py::object function = steal(PyCFunction_NewEx(&c.def, nullptr, owner.ptr()));
    py::setattr(target, c.name.c_str(), function);
  }
}

void add_methods() {
  for (auto& [name, overloads] : collect(kMethod, true)) {
    add_tensor_method(&add_callable(name, std::move(overloads), true, false).def);
  }
  for (auto& [name, overloads] : collect(kInPlace, true)) {
    add_tensor_method(&add_callable(name, std::move(overloads), true, true).def);
  }
}

py::object add_namespace(py::module_& m, const char* name, Surface surface,
                         const char* module_name) {
  py::object space = steal(PyModule_New(module_name));
  add_functions(space, surface, module_name);
  m.attr(name) = space;
  return space;
}

PyObject* call_overload(const Callable& callable, const Overload& o, Parsed& p, PyObject* self) {
  const int32_t* ends = o.op->schema->has_list ? p.ends : nullptr;
  if (callable.in_place) {
    call_in_place(tensor_of(self), *o.op, p.inputs.span(), p.attrs, ends);
    return Py_NewRef(self);
  }
  Tensors outputs = call(*o.op, p.inputs.span(), p.attrs, ends);
  if (p.requires_grad) autograd::set_requires_grad(outputs[0], true);
  if (o.truth) {
    return python_number(Number(item_of(outputs[0], o.op->name, kKeepCondition).integer != 0));
  }
  if (o.op->schema->output_count == 1) return wrap(std::move(outputs[0]));
  return wrap_outputs(*o.op, o.signature->python_name, outputs);
}

// ---- Calls that run all or not at all. An optimizer makes one per step: a call through pybind11
// and a second parsing for every group cost as much as the update of a small network.

// f(*calls): each of the calls, tuples of arguments, fits and passes the shape rule before the
// first of them writes. The tuples keep alive what Parsed borrows.
PyObject* run_all(PyObject* self, PyObject* const* calls, Py_ssize_t count) noexcept {
  const auto& callable = *static_cast<const Callable*>(PyCapsule_GetPointer(self, nullptr));
  const Overload& o = callable.overloads[0];
  const auto arguments = [&](Py_ssize_t i) -> Arguments {
    if (!PyTuple_Check(calls[i])) {
      fail<TypeError>(callable.name.c_str(), "expected the arguments of a call as a tuple; got ",
                      type_name(calls[i]), ".");
    }
    PyObject* const* values = reinterpret_cast<PyTupleObject*>(calls[i])->ob_item;
    return {nullptr, values, PyTuple_GET_SIZE(calls[i]), nullptr};
  };
  const auto accept = [&](Py_ssize_t i, Parsed& parsed) {
    Mismatch why;
    if (!parse(o, arguments(i), parsed, why))
      fail_arguments(callable.name, callable.overloads, arguments(i), why);
  };
  const auto run = [&](const Parsed& p) { call(*o.op, p.inputs.span(), p.attrs, p.ends); };
  return guarded(callable.name.c_str(), [&]() -> PyObject* {
    if (count == 1) {  // checks itself before it writes
      Parsed parsed;
      accept(0, parsed);
      run(parsed);
      return Py_NewRef(Py_None);
    }
    std::deque<Parsed> accepted;
    std::vector<Call> written;
    for (Py_ssize_t i = 0; i < count; ++i) {
      Parsed& p = accepted.emplace_back();
      accept(i, p);
      Infer infer({*o.op, p.inputs.span(), p.attrs, p.ends}, false);
      o.op->infer(infer);
      written.push_back(infer);
    }
    check_mutated(written);
    for (const Parsed& p : accepted) run(p);
    return Py_NewRef(Py_None);
  });
}

PyMethodDef run_all_def = {
    "all_or_none", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(run_all)),
    METH_FASTCALL, "Make the calls, given as tuples of arguments: all of them or none."};

py::object all_or_none(const py::object& operation) {
  for (Callable& c : callables) {
    const bool is_it = PyCFunction_Check(operation.ptr()) &&
                       reinterpret_cast<PyCFunctionObject*>(operation.ptr())->m_ml == &c.def;
    if (!is_it || c.overloads.size() != 1 || !c.overloads[0].op->schema->has_list) continue;
    const py::object self = steal(PyCapsule_New(&c, nullptr, nullptr));
    return steal(PyCFunction_New(&run_all_def, self.ptr()));
  }
  fail<TypeError>("_all_or_none", "expected an operation of one signature on lists; got ",
                  type_name(operation.ptr()), ".");
}

}  // namespace

PyObject* invoke(const Callable& callable, const Arguments& arguments) noexcept {
  return guarded(callable.name.c_str(), [&]() -> PyObject* {
    Mismatch why;
    for (const Overload& o : callable.overloads) {
      Parsed parsed;
      if (parse(o, arguments, parsed, why))
        return call_overload(callable, o, parsed, arguments.self);
    }
    fail_arguments(callable.name, callable.overloads, arguments, why);
  });
}

void bind_op_functions(py::module_& m) {
  add_functions(m, kFunction, "chainrule");
  add_namespace(m, "_functional", kFunctional, "chainrule.nn.functional");
  add_namespace(m, "_linalg", kLinalg, "chainrule.linalg");
  add_namespace(m, "_ops", kPrivate, "chainrule._core._ops");
  add_methods();
  m.def("_all_or_none", all_or_none, py::arg("operation"),
        "A function that makes several calls of an operation, given as tuples: all or none.");
}

py::list op_table() {
  static constexpr std::pair<Surface, const char*> kSurfaces[] = {
      {kFunction, "function"}, {kMethod, "method"},    {kFunctional, "functional"},
      {kLinalg, "linalg"},     {kInPlace, "in_place"}, {kPrivate, "private"}};
  py::list rows;
  for (const OpDef* op : all_ops()) {
    py::list signatures, surfaces;
    for (int i = 0; i < op->schema->signature_count; ++i) {
      signatures.append(op->schema->signatures[i].text);
    }
    for (const auto& [surface, name] : kSurfaces) {
      if (op->surface & surface) surfaces.append(name);
    }
    py::dict row;
    row["name"] = op->name;
    row["doc"] = op->doc;
    row["signatures"] = signatures;
    row["surfaces"] = surfaces;
    row["differentiable"] = !op->grad.empty() || op->composite();
    rows.append(row);
  }
  return rows;
}

}  // namespace chainrule::bindings
