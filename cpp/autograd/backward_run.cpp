#include "autograd/backward_run.h"

#include <algorithm>

#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::autograd {

constinit CHAINRULE_TLS OwnNodes own_nodes;

namespace {

// Undoes broadcasting: sums dy to `sizes`.
Tensor sum_to(const Tensor& dy, const Dims& sizes) {
  Dims reduced;
  const int extra = dy.dim() - sizes.size();
  for (int d = 0; d < dy.dim(); ++d) {
    if (d < extra || (sizes[d - extra] == 1 && dy.sizes()[d] != 1)) reduced.push_back(d);
  }
  Tensor t = reduced.empty() ? dy : sum(dy, OptDims(reduced), true);
  return t.sizes() == sizes ? t : reshape(t, sizes);
}

Tensor fit(const Node& node, Tensor gradient, const Edge& edge) {
  if (edge.fits(gradient)) return gradient;
  const InputMeta meta = edge.meta();
  if (node.broadcasts() && !(gradient.sizes() == meta.sizes)) {
    gradient = sum_to(gradient, meta.sizes);
  }
  if (!edge.fits(gradient)) {
    throw InternalError(str("[", node.name(), "] made a gradient of sizes ", gradient.sizes(),
                            " and ", dtype_name(gradient.dtype()), " for an input of sizes ",
                            meta.sizes, " and ", dtype_name(meta.dtype), "."));
  }
  return gradient;
}

void accumulate(Tensor& slot, Tensor gradient) {
  slot = slot.defined() ? add(slot, gradient) : std::move(gradient);
}

// As accumulate(), for a user, who may change what is kept: it shares no memory with the gradient.
void keep(Tensor& slot, const Tensor& gradient) {
  slot = slot.defined() ? add(slot, gradient) : clone(gradient);
}

}  // namespace

// Sends on what comes from one node.
class BackwardRun::Hand final : public Receiver {
 public:
  Hand(BackwardRun& run, const Node& node) : run_(run), node_(node) {}
  void take(int edge, Tensor gradient) override {
    const Edge& e = node_.edges[edge];
    if (!gradient.defined() || !run_.reaches_wanted(e)) return;
    run_.send(e, fit(node_, std::move(gradient), e));
  }

 private:
  BackwardRun& run_;
  const Node& node_;
};

void BackwardRun::want(std::span<const Tensor> inputs) {
  restricted_ = true;
  for (const Tensor& t : inputs) {
    const Edge e = edge_of(t);
    if (e.node) {
      wanted_outputs_[e.node.get()].push_back(e.output);
      needed_.insert(e.node.get());
    } else if (e.leaf.defined()) {
      wanted_leaves_.insert(t.impl());
    }
  }
  mark_needed();
}

void BackwardRun::execute() {
  NoGrad mode(options_.create_graph);
  const NoAutocast off;
  while (!ready_.empty()) {
    auto first = ready_.begin();
    Pending now = std::move(first->second);
    ready_.erase(first);
    step(*now.node, now.dys);
  }
}

Tensor BackwardRun::collected(const Tensor& input) {
  const Edge e = edge_of(input);
  if (e.node) {
    auto found = collected_.find({e.node.get(), e.output});
    return found == collected_.end() ? Tensor() : found->second;
  }
  auto found = leaf_index_.find(input.impl());
  return found == leaf_index_.end() ? Tensor() : leaves_[found->second].second;
}

void BackwardRun::run_leaf_hooks() {
  NoGrad mode(options_.create_graph);
  const NoAutocast off;
  for (auto& [leaf, gradient] : leaves_) {
    if (!wanted_leaves_.contains(leaf.impl()) || !leaf->autograd) continue;
    if (const auto* hooks = static_cast<Hooks*>(leaf->autograd->hooks.get())) {
      gradient = hooks->run(gradient);
    }
  }
}

void BackwardRun::deliver() {
  NoGrad mode(options_.create_graph);
  const NoAutocast off;
  for (auto& [leaf, gradient] : leaves_) deliver_one(leaf, std::move(gradient));
}

void BackwardRun::send(const Edge& edge, Tensor gradient) {
  if (tracer_) [[unlikely]] {
    if (const auto input = traced_->find(edge)) return tracer_->on_gradient(*input, gradient);
  }
  if (edge.leaf.defined()) {
    auto [place, fresh] = leaf_index_.try_emplace(edge.leaf.impl(), leaves_.size());
    if (fresh) {
      leaves_.push_back({edge.leaf, std::move(gradient)});
    } else {
      accumulate(leaves_[place->second].second, std::move(gradient));
    }
  } else if (edge.node) {
    Pending& pending = ready_[edge.node->number];
    if (!pending.node) {
      pending.node = edge.node;
      pending.dys.resize(edge.node->outputs.size());
    }
    Tensor& slot = pending.dys[edge.output];
    if (tracer_ && slot.defined()) tracer_->on_sum(slot, gradient);
    accumulate(slot, std::move(gradient));
  }
}

bool BackwardRun::reaches_wanted(const Edge& e) const {
  if (!restricted_) return e.wanted();
  if (e.leaf.defined()) return wanted_leaves_.contains(e.leaf.impl());
  if (!e.node || !needed_.contains(e.node.get())) return false;
  return !is_astray(*e.node, e.output) || is_wanted(*e.node, e.output);
}

bool BackwardRun::is_wanted(Node& node, int output) const {
  const auto found = wanted_outputs_.find(&node);
  return found != wanted_outputs_.end() &&
         std::find(found->second.begin(), found->second.end(), output) != found->second.end();
}

bool BackwardRun::is_astray(Node& node, int output) const {
  return !astray_.empty() && astray_.contains({&node, output});
}

void BackwardRun::step(Node& node, Tensors& dys) {
  for (size_t i = 0; node.hooks && i < dys.size(); ++i) {
    if (!node.hooks[i] || !dys[i].defined()) continue;
    dys[i] = node.hooks[i]->run(dys[i]);
    if (node.hooks[i]->keeps) keep(node.hooks[i]->retained, dys[i]);
  }
  if (restricted_) collect(node, dys);
  for (size_t i = 0; !astray_.empty() && i < dys.size(); ++i) {
    if (is_astray(node, static_cast<int>(i))) dys[i] = Tensor();
  }
  bool go_on = false;
  for (const Edge& e : node.edges) go_on |= reaches_wanted(e);
  if (!go_on) return;
  if (node.number < own_nodes.first) {
    if (own_nodes.refuse) own_nodes.refuse();
    if (node.number < own_nodes.first) return;  // unless the recording has given up
  }
  if (node.compiled && options_.create_graph) {
    fail<StateError>("backward",
                     "expected create_graph=False through a compiled function, whose gradients "
                     "have no history; got True. Call the function uncompiled to differentiate "
                     "twice.");
  }
  if (tracer_) tracer_->on_node(dys, node.saved());
  Hand hand(*this, node);
  Tensors dxs = node.apply(dys, options_.retain_graph, hand);
  for (size_t i = 0; i < dxs.size(); ++i) hand.take(static_cast<int>(i), std::move(dxs[i]));
}

void BackwardRun::collect(Node& node, const Tensors& dys) {
  const auto found = wanted_outputs_.find(&node);
  if (found == wanted_outputs_.end()) return;
  for (int i : found->second) collected_[{&node, i}] = dys[i];
}

void BackwardRun::mark_needed() {
  std::map<uint64_t, Node*> reachable;
  std::vector<Node*> stack;
  for (auto& [number, pending] : ready_) stack.push_back(pending.node.get());
  while (!stack.empty()) {
    Node* node = stack.back();
    stack.pop_back();
    if (!reachable.emplace(node->number, node).second) continue;
    for (const Edge& e : node->edges) {
      if (e.node) stack.push_back(e.node.get());
    }
  }
  for (auto& [number, node] : reachable) {
    for (const Edge& e : node->edges) {
      if (reaches_wanted(e)) needed_.insert(node);
    }
    for (size_t i = 0; i < node->outputs.size(); ++i) {
      const std::vector<int>* edges = node->leads_to(static_cast<int>(i));
      if (!edges) break;
      if (std::none_of(edges->begin(), edges->end(),
                       [&](int edge) { return reaches_wanted(node->edges[edge]); })) {
        astray_.emplace(node, static_cast<int>(i));
      }
    }
  }
}

void BackwardRun::deliver_one(const Tensor& leaf, Tensor gradient) {
  if (restricted_ && !wanted_leaves_.contains(leaf.impl())) return;
  if (!leaf->requires_grad) return;  // not any more
  AutogradState& state = state_of(leaf);
  Hooks* hooks = static_cast<Hooks*>(state.hooks.get());
  if (hooks) gradient = hooks->run(gradient);
  if (!grad_of(leaf).defined()) {
    // A view owns its memory as well as any other tensor once nobody has its base.
    if (gradient->base && !options_.create_graph && !modes.recorder) gradient = gradient.alias();
    // Taken without a copy only when dense and owned by nobody else.
    const bool ours = gradient.is_contiguous() && gradient->use_count() == 1 &&
                      gradient->storage->use_count() == 1 && !options_.create_graph;
    set_leaf_grad(leaf, ours || (options_.create_graph && gradient.is_contiguous())
                            ? gradient
                            : clone(gradient));
  } else if (options_.create_graph) {
    set_leaf_grad(leaf, add(grad_of(leaf), gradient));
  } else {
    const Tensor old = grad_of(leaf);
    const Borrowed<2> inputs(old, gradient);
    AddAttrs attrs;
    call_in_place(old, ops::kAdd, inputs, &attrs);
  }
  if (hooks && !hooks->lists->after_accumulate.empty()) {
    if (modes.recorder) {
      modes.recorder->on_host_code("hook", kInsteadOfHooks,
                                   str(" on a tensor of sizes ", leaf.sizes()));
    }
    const auto after = hooks->lists->after_accumulate;
    NoGrad on(true);
    for (const auto& [id, hook] : after) hook(leaf);
  }
}

void BackwardRun::set_leaf_grad(const Tensor& leaf, const Tensor& gradient) {
  if (modes.recorder) modes.recorder->on_set_grad(leaf, gradient);
  state_of(leaf).grad = gradient.ref();
}

}  // namespace chainrule::autograd
