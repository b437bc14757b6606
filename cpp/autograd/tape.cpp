// The tape: gives the outputs of calls their history, also through writes to views.
#include <algorithm>
#include <utility>

#include "autograd/node.h"
#include "generated/ops.h"
#include "ops/modes.h"

namespace chainrule::autograd {

AutogradState& state_of(const Tensor& t) {
  if (!t->autograd) t->autograd = std::make_unique<AutogradState>();
  return *t->autograd;
}

namespace {

// A tensor that was written to is another value: hooks stay with the value they were registered on,
// a kept gradient follows the tensor.
void leave_hooks_behind(const Tensor& t, Node& node, int output) {
  const auto* old = static_cast<Hooks*>(t->autograd->hooks.get());
  Ref<Hooks> fresh = make_ref<Hooks>();
  fresh->keeps = old->keeps;
  fresh->retained = old->retained;
  node.hooks_of(output) = fresh;
  static_cast<Hooks*>(t->autograd->hooks.get())->keeps = false;
  t->autograd->hooks = fresh;
}

}  // namespace

void set_history(const Tensor& t, Ref<Node> node, int output) {
  if (t->autograd && t->autograd->hooks) leave_hooks_behind(t, *node, output);
  t->grad_fn = std::move(node);
  t->output = output;
  if (t->base && t->base->autograd) state_of(t).history = t->base->autograd->history;
  t->requires_grad = true;
}

namespace {

bool stale(const Tensor& t) {
  if (!t->base || !t->base->autograd) return false;
  const uint32_t seen = t->autograd ? t->autograd->history : 0;
  return t->base->autograd->history != seen;
}

void set_result(const Tensor& t, const Call& call) {
  Tensors outputs;
  outputs.push_back(t);
  set_history(t, make_ref<OpNode>(call, outputs, 0), 0);
}

// The size, stride and offset of `view` as seen from the first element of `base`.
template <typename Attrs>
Attrs window_on(const Tensor& base, const Tensor& view) {
  Attrs attrs;
  attrs.size = view.sizes();
  attrs.stride = view.strides();
  attrs.storage_offset = view->offset - base->offset;
  return attrs;
}

// `base` as one dense row in which windows lie as they do in memory: itself, if it is dense.
Tensor row_of(const Tensor& base) {
  if (base.is_contiguous()) return base;
  const Tensor row = base.alias(Dims{extent(base.sizes(), base.strides())}, Dims{1}, base->offset);
  if (!base->requires_grad) return row;
  WindowBackwardAttrs attrs;
  attrs.size = row.sizes();
  attrs.stride = base.strides();
  attrs.storage_offset = 0;
  const Borrowed<1> inputs(base);
  set_result(row, {ops::kWindowBackward, inputs, &attrs});
  return row;
}

// The base of `view` was written to since: its history is now "a window on what base has become".
void refresh(const Tensor& view) {
  const Tensor base(view->base);
  if (!base->requires_grad || !is_floating(view.dtype())) {
    state_of(view).history = base->autograd->history;
    return;
  }
  const Tensor row = row_of(base);
  const auto attrs = window_on<AsStridedAttrs>(base, view);
  const Borrowed<1> inputs(row);
  set_result(view, {ops::kAsStrided, inputs, &attrs});
}

void record(const Call& call, Tensors& outputs, int hidden) {
  Ref<OpNode> node = make_ref<OpNode>(call, outputs, hidden);
  if (!node->useful()) return;
  const size_t visible = outputs.size() - hidden;
  for (size_t i = 1; i < visible; ++i) {
    if (is_floating(outputs[i].dtype())) set_history(outputs[i], node, static_cast<int>(i));
  }
  if (is_floating(outputs[0].dtype())) set_history(outputs[0], std::move(node), 0);
}

// Makes `to`, which takes over the value of `from`, a result of its own.
void follow(const Tensor& to, const Tensor& from) {
  const Borrowed<1> inputs(from);
  const AliasAttrs attrs;
  set_result(to, {ops::kAlias, inputs, &attrs});
}

// Whether no two elements share their memory, by a rule that holds for every window on dense
// memory.
bool lies_apart(const Tensor& t) {
  SmallVector<std::pair<int64_t, int64_t>, kMaxDims> dims;
  for (int d = 0; d < t.dim(); ++d) {
    if (t.sizes()[d] > 1) dims.emplace_back(t.strides()[d], t.sizes()[d]);
  }
  std::sort(dims.begin(), dims.end());
  int64_t covered = 0;  // elements from the first to the last of the dimensions so far
  for (const auto& [stride, size] : dims) {
    if (stride <= covered) return false;
    covered += stride * (size - 1);
  }
  return true;
}

// Makes `base` what it is after a write of `value` into its window `view`.
void record_window(const Tensor& base, const Tensor& view, const Tensor& value, const char* op) {
  if (!base.is_contiguous() && !lies_apart(base)) {
    fail<StateError>(
        op, "expected one memory place an element under a view that is written with history; got ",
        "sizes ", base.sizes(), " and strides ", base.strides(), ". Use clone() first.");
  }
  const Tensor row = row_of(base);
  const auto attrs = window_on<WriteViewAttrs>(base, view);
  const Borrowed<2> inputs(row, value);
  if (row.same_as(base)) return set_result(base, {ops::kWriteView, inputs, &attrs});
  const Tensor written = row.alias();
  set_result(written, {ops::kWriteView, inputs, &attrs});
  const auto own = window_on<AsStridedAttrs>(base, base);
  const Borrowed<1> from(written);
  set_result(base, {ops::kAsStrided, from, &own});
}

void record_write(const Tensor& view, const Tensor& value, bool own, const char* op) {
  const Tensor base = view->base ? Tensor(view->base) : view;
  const bool value_has_history = requires_grad(value);  // asked of both: a view gets its own now
  if (!requires_grad(base) && !value_has_history) return;
  if (!is_floating(base.dtype())) return;
  uint32_t& history = state_of(base).history;  // made now: nothing may fail once base has changed
  const bool whole = base.same_as(view);
  if (whole && value_has_history && edge_of(value).node) {
    if (own) {
      const Edge edge = edge_of(value);
      set_history(base, edge.node, edge.output);
    } else {
      follow(base, value);
    }
  } else {
    record_window(base, view, value, op);
  }
  ++history;  // views of the base, `view` too, follow when they are next asked
}

bool takes_part(const Tensor& view) {
  if (view->unrecorded && view->base->requires_grad && stale(view)) {
    fail<StateError>("no_grad", "expected a view made with gradients enabled, for its base was ",
                     "written with history since; got one of sizes ", view.sizes(),
                     " made without. Take the view again, or use detach() instead.");
  }
  return requires_grad(view);
}

const bool installed = [] {
  tape.record = record;
  tape.record_write = record_write;
  tape.takes_part = takes_part;
  return true;
}();

}  // namespace

bool requires_grad(const Tensor& t) {
  if (!t->unrecorded && stale(t)) refresh(t);
  return t->requires_grad;
}

Standing standing_of_view(const Tensor& t) {
  if (t->base->requires_grad && is_floating(t.dtype()) && stale(t)) {
    return t->unrecorded ? Standing::kLost : Standing::kResult;
  }
  if (!t->requires_grad) return Standing::kNone;
  return t->grad_fn ? Standing::kResult : Standing::kLeaf;
}

bool lead(Edge& edge, const Tensor& t) {
  if (!requires_grad(t)) return false;
  if (t->grad_fn) {
    edge.node = Ref<Node>(static_cast<Node*>(t->grad_fn.get()));
    edge.output = t->output;
  } else {
    edge.leaf = t;
  }
  return true;
}

Edge edge_of(const Tensor& t) {
  Edge edge;
  lead(edge, t);
  return edge;
}

Ref<Node> grad_fn(const Tensor& t) { return requires_grad(t) ? edge_of(t).node : Ref<Node>(); }

void mark_compiled(const Tensor& result) {
  const Ref<Node> node = grad_fn(result);
  if (node && node->number >= own_nodes.first) node->compiled = true;
}

const char* node_name(const Node& node) { return node.name(); }

SmallVector<EdgeView, 4> next_functions(const Node& node) {
  SmallVector<EdgeView, 4> out;
  for (const Edge& e : node.edges) out.push_back({e.node, e.leaf, e.output});
  return out;
}

bool is_leaf(const Tensor& t) { return !edge_of(t).node; }

void set_requires_grad(const Tensor& t, bool value) {
  if (!is_leaf(t)) {
    if (value) return;
    fail<StateError>("requires_grad_", "expected a leaf; got a result of ", edge_of(t).node->name(),
                     ". Use detach() to get a tensor without history.");
  }
  if (value && !is_floating(t.dtype())) {
    fail<DtypeError>("requires_grad_", "expected a floating dtype; got ", dtype_name(t.dtype()),
                     ".");
  }
  if (value && t->inference && !modes.inference) {
    fail<StateError>(
        "requires_grad_",
        "expected a tensor made outside inference_mode; got one made inside. Use clone() first.");
  }
  t->requires_grad = value;
}

Tensor detach(const Tensor& t) {
  AliasAttrs attrs;
  const Borrowed<1> inputs(t);
  NoGrad off;
  Tensor detached = call_one(ops::kAlias, inputs, &attrs);
  detached->base = nullptr;  // what is done to it is no matter of t's history
  detached->unrecorded = false;
  detached->autograd = nullptr;
  return detached;
}

void make_window(const Tensor& t, const Tensor& owner) {
  t->base = owner->base ? owner->base : owner.ref();
  t->unrecorded = true;
  if (t->base->autograd) state_of(t).history = t->base->autograd->history;
}

void detach_in_place(const Tensor& t) {
  if (t->base) {
    fail<StateError>("detach_", "expected a tensor that is no view; got a view of sizes ",
                     t.sizes(), ". Use detach() instead.");
  }
  t->grad_fn = nullptr;
  t->output = 0;
  t->requires_grad = false;
}

}  // namespace chainrule::autograd
