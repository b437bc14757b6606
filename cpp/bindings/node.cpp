// Nodes and hooks.
#include "bindings/node.h"

#include "bindings/module.h"
#include "bindings/other_types.h"

namespace chainrule::bindings {

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

// ---- Hooks

std::shared_ptr<HeldObject> hold_hook(py::object callable, const char* op) {
  if (!PyCallable_Check(callable.ptr())) {
    fail<TypeError>(op, "expected a callable; got ", type_name(callable.ptr()), ".");
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
  const py::object result = callable->get()(gradient);
  if (result.is_none()) return Tensor();
  if (is_tensor(result.ptr())) return tensor_of(result.ptr());
  fail<TypeError>("hook", "expected a Tensor or None; got ", type_name(result.ptr()), ".");
}

void PostHook::operator()(const Tensor& leaf) const {
  py::gil_scoped_acquire gil;
  if (!*callable) return;
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
      .def(
          "name", [](const PyNode& n) { return shown_name(*n.node); },
          "What made the tensor, such as MulBackward0.")
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
  add_tensor_method("register_hook", register_hook, "hook"_a,
                    "Calls hook(grad) when the gradient is known; a returned Tensor replaces it.");
  add_tensor_method("register_post_accumulate_grad_hook", register_post_hook, "hook"_a,
                    "Calls hook(tensor) after .grad of this leaf was updated.");
  for (const char* name : {"_Node", "_AccumulateGrad", "_HookHandle"}) refuse_new(m.attr(name));
}

}  // namespace chainrule::bindings
