// Nodes, backward and grad, and hooks.
#include "bindings/node.h"

#include <pybind11/stl.h>

#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/program.h"
#include "generated/ops.h"

namespace chainrule::bindings {

using autograd::BackwardOptions;

namespace {

struct PyNode {
  Ref<autograd::Node> node;
};
// The end of a path: gradients add up in the leaf's .grad.
struct AccumulateGrad {
  Tensor variable;
};

std::string camel_case(std::string_view name) {
  std::string text;
  bool upper = true;
  for (char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      text += upper ? static_cast<char>(std::toupper(c)) : c;
      upper = false;
    }
  }
  return text;
}

py::tuple next_functions(const PyNode& n) {
  const auto edges = autograd::next_functions(*n.node);
  py::tuple result(edges.size());
  for (size_t i = 0; i < edges.size(); ++i) {
    py::object next = py::none();
    if (edges[i].node) next = py::cast(PyNode{edges[i].node});
    if (edges[i].leaf.defined()) next = py::cast(AccumulateGrad{edges[i].leaf});
    result[i] = py::make_tuple(next, edges[i].output);
  }
  return result;
}

// ---- backward and grad

struct Seeds {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;  // empty, or one per output (undefined for ones)
};

Seeds read_seeds(const py::object& outputs, const py::object& gradients, const char* op) {
  Seeds s;
  s.outputs = tensors_from(outputs.ptr(), op);
  if (gradients.is_none()) return s;
  if (is_tensor(gradients.ptr())) {
    s.gradients = {tensor_of(gradients.ptr())};
  } else if (!PyList_Check(gradients.ptr()) && !PyTuple_Check(gradients.ptr())) {
    fail<TypeError>(op,
                    "expected the gradient to be a Tensor, a list or tuple of them, or None; got ",
                    Py_TYPE(gradients.ptr())->tp_name, ".");
  } else {
    for (const py::handle g : py::list(gradients)) {
      if (!g.is_none() && !is_tensor(g.ptr())) {
        fail<TypeError>(op, "expected gradients to be Tensors or None; got ",
                        Py_TYPE(g.ptr())->tp_name, ".");
      }
      s.gradients.push_back(g.is_none() ? Tensor() : tensor_of(g.ptr()));
    }
  }
  if (s.gradients.size() != s.outputs.size()) {
    fail<ValueError>(op, "expected one gradient per output; got ", s.gradients.size(), " for ",
                     s.outputs.size(), ".");
  }
  return s;
}

BackwardOptions options(const std::optional<bool>& retain_graph, bool create_graph) {
  return {retain_graph.value_or(create_graph), create_graph};
}

void backward(const py::object& tensors, const py::object& gradients,
              std::optional<bool> retain_graph, bool create_graph, const py::object& inputs) {
  const Seeds s = read_seeds(tensors, gradients, "backward");
  std::vector<Tensor> wanted;
  if (!inputs.is_none()) {
    wanted = tensors_from(inputs.ptr(), "backward");
    if (wanted.empty())
      fail<ValueError>("backward", "expected at least one tensor in inputs; got none.");
  }
  autograd::backward(s.outputs, s.gradients, options(retain_graph, create_graph), wanted);
}

py::tuple grad(const py::object& outputs, const py::object& inputs, const py::object& grad_outputs,
               std::optional<bool> retain_graph, bool create_graph, bool allow_unused,
               bool materialize_grads) {
  const Seeds s = read_seeds(outputs, grad_outputs, "grad");
  const std::vector<Tensor> wanted = tensors_from(inputs.ptr(), "grad");
  const auto result =
      autograd::grad(s.outputs, wanted, s.gradients, options(retain_graph, create_graph),
                     allow_unused || materialize_grads);
  py::tuple out(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!result[i].defined() && materialize_grads) {
      out[i] = zeros(wanted[i].sizes(), wanted[i].dtype());
    } else {
      out[i] = result[i];
    }
  }
  return out;
}

// x.backward() without arguments, as nearly every call is, needs no argument parser.
PyObject* general_backward;  // the method with all arguments; lives as long as the process

PyObject* backward_method(PyObject* self, PyObject* const* values, Py_ssize_t count,
                          PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    if (count == 0 && !keywords) {
      autograd::backward({&tensor_of(self), 1}, {}, {});
      return Py_NewRef(Py_None);
    }
    std::vector<PyObject*> all = {self};
    const Py_ssize_t named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
    all.insert(all.end(), values, values + count + named);
    return checked(PyObject_Vectorcall(general_backward, all.data(), count + 1, keywords));
  });
}

PyMethodDef backward_def = {
    "backward", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(backward_method)),
    METH_FASTCALL | METH_KEYWORDS,
    "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)\n\n"
    "Adds the gradients of this tensor to the .grad of the leaves it depends on."};

// ---- Hooks

std::shared_ptr<HeldObject> hold_hook(py::object callable, const char* op) {
  refuse_while_recording(op);
  if (!PyCallable_Check(callable.ptr())) {
    fail<TypeError>(op, "expected a callable; got ", Py_TYPE(callable.ptr())->tp_name, ".");
  }
  return std::make_shared<HeldObject>(std::move(callable));
}

autograd::HookHandle register_hook(const TensorObject& self, py::object callable) {
  return autograd::add_hook(tensor_of(self.ptr()),
                            GradHook{hold_hook(std::move(callable), "register_hook")});
}

autograd::HookHandle register_post_hook(const TensorObject& self, py::object callable) {
  return autograd::add_post_accumulate_hook(
      tensor_of(self.ptr()),
      PostHook{hold_hook(std::move(callable), "register_post_accumulate_grad_hook")});
}

}  // namespace

Tensor GradHook::operator()(const Tensor& gradient) const {
  py::gil_scoped_acquire gil;
  if (!*callable) return Tensor();
  refuse_while_recording("hook");
  const py::object result = callable->get()(gradient);
  if (result.is_none()) return Tensor();
  if (is_tensor(result.ptr())) return tensor_of(result.ptr());
  fail<TypeError>("hook", "expected a Tensor or None; got ", Py_TYPE(result.ptr())->tp_name, ".");
}

void PostHook::operator()(const Tensor& leaf) const {
  py::gil_scoped_acquire gil;
  if (!*callable) return;
  refuse_while_recording("hook");
  callable->get()(leaf);
}

std::string shown_name(const autograd::Node& node) {
  const char* name = autograd::node_name(node);
  return find_op(name) ? camel_case(name) + "Backward0" : name;
}

PyObject* wrap_node(Ref<autograd::Node> node) {
  if (!node) Py_RETURN_NONE;
  return py::cast(PyNode{std::move(node)}).release().ptr();
}

void bind_autograd(py::module_& m) {
  using namespace py::literals;
  py::class_<PyNode>(m, "_Node", "A node of the graph that backward walks.")
      .def("name", [](const PyNode& n) { return shown_name(*n.node); })
      .def_property_readonly("next_functions", next_functions)
      .def("__eq__",
           [](const PyNode& a, const py::object& b) {
             return py::isinstance<PyNode>(b) && a.node == py::cast<const PyNode&>(b).node;
           })
      .def("__hash__", [](const PyNode& n) { return std::hash<void*>()(n.node.get()); })
      .def("__repr__", [](const PyNode& n) {
        return str("<", shown_name(*n.node), " object at ", static_cast<void*>(n.node.get()), ">");
      });
  py::class_<AccumulateGrad>(m, "_AccumulateGrad", "Where a path ends: the gradient of a leaf.")
      .def("name", [](const AccumulateGrad&) { return "AccumulateGrad"; })
      .def_property_readonly("next_functions", [](const AccumulateGrad&) { return py::tuple(); })
      .def_readonly("variable", &AccumulateGrad::variable)
      .def("__repr__", [](const AccumulateGrad& a) {
        return str("<AccumulateGrad object at ", static_cast<void*>(a.variable.impl()), ">");
      });
  py::class_<autograd::HookHandle>(m, "_HookHandle", "Returned by register_hook.")
      .def("remove", &autograd::HookHandle::remove,
           "The hook is not called again, but by a backward that is calling hooks now.")
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](autograd::HookHandle& h, const py::args&) { h.remove(); });
  m.def("_backward", backward, "tensors"_a, "grad_tensors"_a = py::none(),
        "retain_graph"_a = py::none(), "create_graph"_a = false, "inputs"_a = py::none());
  m.def("_grad", grad, "outputs"_a, "inputs"_a, "grad_outputs"_a = py::none(),
        "retain_graph"_a = py::none(), "create_graph"_a = false, "allow_unused"_a = false,
        "materialize_grads"_a = false);
  general_backward = py::cpp_function(backward, py::name("backward"), "self"_a,
                                      "gradient"_a = py::none(), "retain_graph"_a = py::none(),
                                      "create_graph"_a = false, "inputs"_a = py::none())
                         .release()
                         .ptr();
  phrase_errors(general_backward);
  add_tensor_method(&backward_def);
  add_tensor_method("register_hook", register_hook, "hook"_a,
                    "Calls hook(grad) when the gradient is known; a returned Tensor replaces it.");
  add_tensor_method("register_post_accumulate_grad_hook", register_post_hook, "hook"_a,
                    "Calls hook(tensor) after .grad of this leaf was updated.");
  for (const char* name : {"_Node", "_AccumulateGrad", "_HookHandle"}) refuse_new(m.attr(name));
}

}  // namespace chainrule::bindings
