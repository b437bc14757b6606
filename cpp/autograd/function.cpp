// Functions from outside the op table: the node behind Python's autograd.Function.
#include <algorithm>
#include <utility>

#include "autograd/node.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::autograd {

namespace {

class CustomNode final : public Node {
 public:
  explicit CustomNode(CustomFunction function) : function_(std::move(function)) {}
  ~CustomNode() override { release(); }
  const char* name() const override { return function_.name.c_str(); }
  bool broadcasts() const override { return true; }  // a larger gradient is summed
  Tensors apply(Tensors& dys, bool keep, Receiver&) override {
    Tensors dxs = function_.backward(dys);
    if (dxs.size() != edges.size()) {
      throw StateError(str("[", function_.name.c_str(),
                           "] expected backward to return one gradient per input (", edges.size(),
                           "); got ", dxs.size(), "."));
    }
    for (size_t i = 0; i < edges.size(); ++i) {
      if (dxs[i].defined() && edges[i].wanted()) dxs[i] = checked(dxs[i], edges[i].meta(), i);
    }
    if (!keep) release();
    return dxs;
  }

 private:
  void release() {
    if (const auto release = std::exchange(function_.release, nullptr)) release();
  }
  // The gradient of input i, in its dtype and of sizes that can be summed to its own.
  Tensor checked(const Tensor& dx, const InputMeta& meta, size_t i) const {
    Dims common;
    if (!broadcast_shapes(dx.sizes(), meta.sizes, &common) || !(common == dx.sizes())) {
      fail<ShapeError>(name(), "expected backward to return for input ", i, " a gradient of sizes ",
                       meta.sizes, ", or that sums to them; got ", dx.sizes(), ".");
    }
    return dx.dtype() == meta.dtype ? dx : cast(dx, meta.dtype);
  }

  CustomFunction function_;
};

}  // namespace

void attach(CustomFunction function, std::span<const Tensor> inputs,
            std::span<const Tensor> outputs, std::span<const bool> differentiable) {
  bool any = false;
  for (const Tensor& t : inputs) any |= t.defined() && requires_grad(t);
  if (!any || !modes.grad_enabled) {
    if (function.release) function.release();
    return;
  }
  Ref<Node> node(new CustomNode(std::move(function)));
  for (const Tensor& t : inputs) node->edges.push_back(t.defined() ? edge_of(t) : Edge{});
  for (const Tensor& t : outputs) node->outputs.push_back({t.dtype(), t.sizes()});
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!differentiable[i] || !is_floating(outputs[i].dtype())) continue;
    const Tensor& out = outputs[i];
    set_history(out, node, static_cast<int>(i));
    // One that was written in place: its views follow when they are next asked.
    const auto same = [&](const Tensor& t) { return t.same_as(out); };
    if (std::any_of(inputs.begin(), inputs.end(), same)) ++state_of(out).history;
  }
}

}  // namespace chainrule::autograd
