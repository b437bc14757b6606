// What a user sees of a tensor's gradient: reading, setting, keeping and hooking it.
#include <algorithm>
#include <atomic>

#include "autograd/node.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::autograd {

Hooks& hooks_of(const Tensor& t) {
  AutogradState& state = state_of(t);
  if (!state.hooks) state.hooks = make_ref<Hooks>();
  auto* hooks = static_cast<Hooks*>(state.hooks.get());
  if (const Edge e = edge_of(t); e.node) {
    e.node->hooks_of(e.output) = Ref<Hooks>(hooks);
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
  } else if (!t->autograd && !modes.recorder) {  // a replay may find one to clear
    return;
  }
  if (modes.recorder) modes.recorder->on_set_grad(t, grad);
  AutogradState& state = state_of(t);
  state.grad = grad.ref();
  if (state.retains_grad) hooks_of(t).retained = grad;
}

namespace {
std::atomic<uint64_t> generation{1};
}  // namespace

uint64_t hooks_generation() { return generation.load(std::memory_order_relaxed); }

HookHandle add_hook(const Tensor& t, TensorHook hook) {
  if (modes.recorder) modes.recorder->on_host_code("register_hook", kInsteadOfHooks);
  if (!requires_grad(t)) {
    fail<StateError>("register_hook",
                     "expected a tensor with requires_grad=True; got one without.");
  }
  const auto& lists = hooks_of(t).lists;
  lists->on_grad.emplace_back(lists->next_id, std::move(hook));
  if (is_leaf(t)) generation.fetch_add(1, std::memory_order_relaxed);
  return {lists, lists->next_id++};
}

HookHandle add_post_accumulate_hook(const Tensor& leaf, LeafHook hook) {
  if (modes.recorder) {
    modes.recorder->on_host_code("register_post_accumulate_grad_hook", kInsteadOfHooks);
  }
  if (!requires_grad(leaf) || !is_leaf(leaf)) {
    fail<StateError>("register_post_accumulate_grad_hook",
                     "expected a leaf with requires_grad=True; got a tensor of sizes ",
                     leaf.sizes(), ".");
  }
  const auto& lists = hooks_of(leaf).lists;
  lists->after_accumulate.emplace_back(lists->next_id, std::move(hook));
  generation.fetch_add(1, std::memory_order_relaxed);
  return {lists, lists->next_id++};
}

const HookLists* hooks_on(const Tensor& t) {
  if (!t->autograd || !t->autograd->hooks) return nullptr;
  return static_cast<Hooks*>(t->autograd->hooks.get())->lists.get();
}

namespace {

// Out of the list before it is destroyed: that may run the host's code, which may change the list.
template <typename F>
F take(std::vector<std::pair<int64_t, F>>& list, int64_t id) {
  const auto found =
      std::find_if(list.begin(), list.end(), [id](const auto& entry) { return entry.first == id; });
  if (found == list.end()) return {};
  F hook = std::move(found->second);
  list.erase(found);
  return hook;
}

}  // namespace

void HookHandle::remove() {
  const std::shared_ptr<HookLists> lists = lists_.lock();
  if (!lists) return;
  const TensorHook on_grad = take(lists->on_grad, id_);
  const LeafHook after = take(lists->after_accumulate, id_);
}

bool has_hooks(const Tensor& t) {
  const HookLists* lists = hooks_on(t);
  return lists && (!lists->on_grad.empty() || !lists->after_accumulate.empty());
}

}  // namespace chainrule::autograd
