// What a user sees of a tensor's gradient: reading, setting, keeping and hooking it.
#include "autograd/node.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::autograd {

Hooks& hooks_of(const Tensor& t) {
  AutogradState& state = state_of(t);
  if (!state.hooks) state.hooks = make_ref<Hooks>();
  auto* hooks = static_cast<Hooks*>(state.hooks.get());
  if (const Edge e = edge_of(t); e.node) {
    e.node->hooks.resize(e.node->outputs.size());
    e.node->hooks[e.output] = Ref<Hooks>(hooks);
  }
  return *hooks;
}

void retain_grad(const Tensor& t) {
  if (!requires_grad(t)) {
    fail<StateError>("retain_grad", "expected a tensor with requires_grad=True; got one without.");
  }
  if (is_leaf(t)) return;  // a leaf keeps its gradient anyway
  hooks_of(t).keeps = true;
  state_of(t).retains_grad = true;
}

Tensor grad_of(const Tensor& t) {
  if (t->autograd && t->autograd->retains_grad) return hooks_of(t).retained;
  const Tensor grad = t->autograd && t->autograd->grad ? Tensor(t->autograd->grad) : Tensor();
  if (modes.recorder) modes.recorder->on_read_grad(t, grad);
  return grad;
}

void set_grad(const Tensor& t, const Tensor& grad) {
  if (grad.defined()) {
    if (!(grad.sizes() == t.sizes())) {
      fail<ShapeError>("grad", "expected a gradient of the tensor's sizes ", t.sizes(), "; got ",
                       grad.sizes(), ".");
    }
    if (grad.dtype() != t.dtype()) {
      fail<DtypeError>("grad", "expected a gradient of dtype ", dtype_name(t.dtype()), "; got ",
                       dtype_name(grad.dtype()), ".");
    }
    if (grad.same_as(t))
      fail<StateError>("grad", "expected another tensor; got the tensor itself.");
  } else if (!t->autograd) {
    return;
  }
  if (modes.recorder) modes.recorder->on_set_grad(t, grad);
  AutogradState& state = state_of(t);
  state.grad = grad.ref();
  if (state.retains_grad) hooks_of(t).retained = grad;
}

int64_t add_hook(const Tensor& t, TensorHook hook) {
  if (!requires_grad(t)) {
    fail<StateError>("register_hook",
                     "expected a tensor with requires_grad=True; got one without.");
  }
  Hooks& hooks = hooks_of(t);
  hooks.on_grad.emplace_back(hooks.next_id, std::move(hook));
  return hooks.next_id++;
}

int64_t add_post_accumulate_hook(const Tensor& leaf, std::function<void(const Tensor&)> hook) {
  if (!requires_grad(leaf) || !is_leaf(leaf)) {
    fail<StateError>("register_post_accumulate_grad_hook",
                     "expected a leaf with requires_grad=True; got a tensor of sizes ",
                     leaf.sizes(), ".");
  }
  Hooks& hooks = hooks_of(leaf);
  hooks.after_accumulate.emplace_back(hooks.next_id, std::move(hook));
  return hooks.next_id++;
}

void remove_hook(const Tensor& t, int64_t id) {
  if (!t->autograd || !t->autograd->hooks) return;
  auto* hooks = static_cast<Hooks*>(t->autograd->hooks.get());
  std::erase_if(hooks->on_grad, [id](const auto& entry) { return entry.first == id; });
  std::erase_if(hooks->after_accumulate, [id](const auto& entry) { return entry.first == id; });
}

}  // namespace chainrule::autograd
