// backward and grad, from Python.
#include <pybind11/stl.h>

#include "autograd/autograd.h"
#include "bindings/argument_errors.h"
#include "bindings/module.h"
#include "bindings/other_types.h"
#include "generated/ops.h"

namespace chainrule::bindings {

using autograd::BackwardOptions;

namespace {

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
                    type_name(gradients.ptr()), ".", tensor_hint(gradients.ptr(), "x"));
  } else {
    for (const py::handle g : py::list(gradients)) {
      if (!g.is_none() && !is_tensor(g.ptr())) {
        fail<TypeError>(op, "expected gradients to be Tensors or None; got ", type_name(g.ptr()),
                        ".", tensor_hint(g.ptr(), "x"));
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
    "Adds the gradients of this tensor to the .grad of the leaves it depends on.\n\n"
    "`gradient` is the tensor's own, needed unless it has one element; the other arguments are\n"
    "those of autograd.backward.\n\n"
    "Example:\n"
    "    >>> w = chainrule.tensor([1.0, 2.0], requires_grad=True)\n"
    "    >>> (w * w).sum().backward()\n"
    "    >>> w.grad\n"
    "    tensor([2., 4.])"};

constexpr const char* kBackwardDoc =
    R"(backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None) -> None

Adds the gradients of the tensors, summed, to the .grad of the leaves they depend on.

Args:
    tensors: a Tensor or a sequence of them.
    grad_tensors: one gradient for each of them, of its shape; None stands for 1 of a tensor of
        one element.
    retain_graph: keep what the graph saved, so that it can be run backward again; by default
        what create_graph says.
    create_graph: record the computation of the gradients, so that they have gradients.
    inputs: the tensors whose .grad is added to; by default all leaves.

Raises StateError when a tensor has no history, when the graph was freed by an earlier call, or
when a tensor it saved was changed in place; ShapeError for a gradient of another shape.

Example:
    >>> w = chainrule.tensor([1.0, 2.0], requires_grad=True)
    >>> chainrule.autograd.backward((w * w).sum())
    >>> w.grad
    tensor([2., 4.])
)";

constexpr const char* kGradDoc =
    R"(grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False, materialize_grads=False) -> tuple of Tensors

The gradients of the outputs, summed, by each input; no .grad is changed.

Args:
    outputs, inputs: a Tensor or a sequence of them.
    grad_outputs: one gradient for each output, of its shape; None stands for 1 of an output of
        one element.
    retain_graph: keep what the graph saved, so that it can be run backward again; by default
        what create_graph says.
    create_graph: record the computation of the gradients, so that they have gradients.
    allow_unused: None for an input that the outputs do not depend on, in place of a StateError.
    materialize_grads: zeros for such an input.

Raises StateError as backward does, and for an input that is not used.

Example:
    >>> x = chainrule.tensor(3.0, requires_grad=True)
    >>> (dx,) = chainrule.autograd.grad(x**3, x, create_graph=True)
    >>> dx.item(), chainrule.autograd.grad(dx, x)[0].item()
    (27.0, 18.0)
)";

}  // namespace

void bind_backward(py::module_& m) {
  using namespace py::literals;
  py::options own_signatures;
  own_signatures.disable_function_signatures();
  // Under the names that autograd/ shows.
  m.attr("_backward") =
      py::cpp_function(backward, py::name("backward"), "tensors"_a, "grad_tensors"_a = py::none(),
                       "retain_graph"_a = py::none(), "create_graph"_a = false,
                       "inputs"_a = py::none(), kBackwardDoc);
  m.attr("_grad") = py::cpp_function(grad, py::name("grad"), "outputs"_a, "inputs"_a,
                                     "grad_outputs"_a = py::none(), "retain_graph"_a = py::none(),
                                     "create_graph"_a = false, "allow_unused"_a = false,
                                     "materialize_grads"_a = false, kGradDoc);
  m.def(
      "_depends_on_others",
      [](const Tensor& output, const std::vector<Tensor>& leaves) {
        return autograd::depends_on_others(output, leaves);
      },
      "output"_a, "leaves"_a,
      "Whether the history of a tensor leads to anything besides these leaves.");
  m.def(
      "_standing", [](const Tensor& t) { return static_cast<int>(autograd::standing(t)); }, "t"_a,
      "A number that tells apart leaves that require a gradient, results of a history and others.");
  general_backward = py::cpp_function(backward, py::name("backward"), "self"_a,
                                      "gradient"_a = py::none(), "retain_graph"_a = py::none(),
                                      "create_graph"_a = false, "inputs"_a = py::none())
                         .release()
                         .ptr();
  phrase_errors(general_backward);
  add_tensor_method(&backward_def);
}

}  // namespace chainrule::bindings
