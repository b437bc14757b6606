// The native half of autograd.Function: what forward saved, and the node that calls Python's
// backward.
#include <pybind11/stl.h>

#include "autograd/node.h"
#include "bindings/module.h"
#include "bindings/node.h"
#include "bindings/other_types.h"

namespace chainrule::bindings {

namespace {

// The saved tensors of one call, owned by its context; emptied when the graph is freed. An output
// is saved without its history, which would be a cycle through the node, and gets it back when
// read.
class FunctionState {
 public:
  explicit FunctionState(std::string name) : name_(std::move(name)) {}

  void save(const std::vector<py::object>& tensors, const std::vector<Tensor>& outputs) {
    saved_.clear();
    for (const py::object& o : tensors) {
      Saved s;
      if (!o.is_none()) {
        if (!is_tensor(o.ptr())) {
          fail<TypeError>(name_.c_str(), "expected save_for_backward to get Tensors or None; got ",
                          type_name(o.ptr()), ". Keep other values as attributes of ctx.");
        }
        Tensor t = tensor_of(o.ptr());
        for (size_t i = 0; i < outputs.size(); ++i) {
          if (outputs[i].same_as(t)) s.output = static_cast<int>(i);
        }
        if (s.output >= 0) t = t.alias();
        s.tensor = autograd::SavedTensor(t, name_.c_str());
      }
      saved_.push_back(std::move(s));
    }
  }

  py::tuple unpack() const {
    if (released_) {
      fail<StateError>(
          name_.c_str(),
          "expected a graph that still holds its saved tensors; got one that was freed. "
          "Use backward(retain_graph=True) the first time.");
    }
    py::tuple result(saved_.size());
    for (size_t i = 0; i < saved_.size(); ++i) {
      const Saved& s = saved_[i];
      if (!s.tensor.defined()) {
        result[i] = py::none();
        continue;
      }
      Tensor t = s.tensor.unpack();
      if (s.output >= 0) {
        t = t.alias();
        if (node_) autograd::set_history(t, Ref<autograd::Node>(node_), s.output);
      }
      result[i] = t;
    }
    return result;
  }

  void bind_node(autograd::Node* node) { node_ = node; }
  void release() {
    node_ = nullptr;
    released_ = true;
    saved_.clear();
  }
  const std::string& name() const { return name_; }

 private:
  struct Saved {
    autograd::SavedTensor tensor;
    int output = -1;
  };
  std::string name_;
  std::vector<Saved> saved_;
  autograd::Node* node_ = nullptr;  // alive until it calls release()
  bool released_ = false;
};

autograd::Tensors call_backward(const FunctionState& state, const py::object& backward,
                                const autograd::Tensors& dys) {
  py::tuple gradients(dys.size());
  for (size_t i = 0; i < dys.size(); ++i) gradients[i] = dys[i];
  const py::tuple returned = backward(gradients);
  autograd::Tensors result;
  for (size_t i = 0; i < returned.size(); ++i) {
    const py::object g = returned[i];
    if (!g.is_none() && !is_tensor(g.ptr())) {
      fail<TypeError>(state.name().c_str(), "expected backward to return Tensors or None; got ",
                      type_name(g.ptr()), " at position ", i, ".");
    }
    result.push_back(g.is_none() ? Tensor() : tensor_of(g.ptr()));
  }
  return result;
}

void attach(const std::shared_ptr<FunctionState>& state, const py::object& backward,
            const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
            const std::vector<bool>& differentiable) {
  auto held = std::make_shared<HeldObject>(backward);
  autograd::CustomFunction function;
  function.name = state->name();
  function.backward = [state, held](const autograd::Tensors& dys) {
    py::gil_scoped_acquire gil;
    if (!*held) state->unpack();  // throws: freed
    return call_backward(*state, held->get(), dys);
  };
  function.release = [state, held] {
    state->release();
    held->reset();
  };
  const std::unique_ptr<bool[]> flags(new bool[outputs.size()]);
  for (size_t i = 0; i < outputs.size(); ++i) flags[i] = differentiable.at(i);
  autograd::attach(std::move(function), inputs, outputs, {flags.get(), outputs.size()});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!flags[i]) continue;
    if (const Ref<autograd::Node> node = autograd::grad_fn(outputs[i]))
      return state->bind_node(node.get());
  }
}

}  // namespace

void bind_custom_function(py::module_& m) {
  using namespace py::literals;
  py::class_<FunctionState, std::shared_ptr<FunctionState>>(m, "_FunctionState")
      .def("save", &FunctionState::save, "tensors"_a, "outputs"_a)
      .def("unpack", &FunctionState::unpack);
  refuse_new(m.attr("_FunctionState"));
  m.def(
      "_function_state", [](std::string name) { return std::make_shared<FunctionState>(name); },
      "name"_a);
  m.def("_attach", attach, "state"_a, "backward"_a, "inputs"_a, "outputs"_a, "differentiable"_a);
}

}  // namespace chainrule::bindings
