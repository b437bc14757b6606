#include "autograd/node.h"

#include <cstring>

#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/schema.h"

namespace chainrule::autograd {

namespace {
std::atomic<uint64_t> next_number{1};
}  // namespace

Node::Node() : number(next_number.fetch_add(1, std::memory_order_relaxed)) {}

void Node::destroy() {
  thread_local std::vector<Node*>* queue = nullptr;
  if (queue) {
    queue->push_back(this);
    return;
  }
  std::vector<Node*> pending{this};
  queue = &pending;
  while (!pending.empty()) {
    Node* node = pending.back();
    pending.pop_back();
    delete node;  // may push the nodes it was the last owner of
  }
  queue = nullptr;
}

InputMeta Edge::meta() const {
  if (leaf.defined()) return {leaf.dtype(), leaf.sizes()};
  return node->outputs[output];
}

Tensor Hooks::run(Tensor grad) const {
  const auto hooks = on_grad;  // a hook may remove itself
  for (const auto& [id, hook] : hooks) {
    Tensor replaced = hook(grad);
    if (replaced.defined()) grad = replaced;
  }
  return grad;
}

OpNode::OpNode(const Call& call, const Tensors& made, int hidden) : op_(call.op) {
  if (!op_.schema) all_ops();  // ids and schemas are set on first use
  attr_bytes_ = op_.schema->attr_bytes;
  if (attr_bytes_ > kInlineAttrs) attrs_ = allocate(attr_bytes_);
  std::memcpy(attrs_, call.attrs, attr_bytes_);
  if (call.list_ends) {
    for (int i = 0; i < op_.schema->tensor_params; ++i) list_ends_.push_back(call.list_ends[i]);
  }
  edges.resize(call.inputs.size());
  for (const GradRule& rule : op_.grad) {
    bool wanted = false;
    for (int place = begin_of(rule.input); place < end_of(rule.input); ++place) {
      if (call.inputs[place].defined()) edges[place] = edge_of(call.inputs[place]);
      wanted |= edges[place].wanted();
    }
    if (!wanted) continue;
    useful_ = true;
    save(call, made, rule.reads, rule);
  }
  for (size_t i = 0; i + hidden < made.size(); ++i) {
    outputs.push_back({made[i].dtype(), made[i].sizes()});
  }
}

OpNode::~OpNode() {
  if (attrs_ != inline_attrs_) deallocate(attrs_, attr_bytes_);
}

int OpNode::begin_of(int param) const {
  return list_ends_.empty() ? param : param ? list_ends_[param - 1] : 0;
}
int OpNode::end_of(int param) const { return list_ends_.empty() ? param + 1 : list_ends_[param]; }

void OpNode::save_input(const Call& call, int place) {
  for (const SavedInput& s : inputs_) {
    if (s.place == place) return;
  }
  if (call.inputs[place].defined()) {
    inputs_.push_back({place, SavedTensor(call.inputs[place], op_.name)});
  }
}

void OpNode::save(const Call& call, const Tensors& made, Reads reads, const GradRule&) {
  for (int i = 0; i < op_.schema->tensor_params; ++i) {
    if (reads & reads_value(i)) {
      for (int place = begin_of(i); place < end_of(i); ++place) save_input(call, place);
    }
    if ((reads & reads_shape(i)) && shapes_.empty()) {
      for (const Tensor& t : call.inputs) {
        shapes_.push_back(t.defined() ? InputMeta{t.dtype(), t.sizes()} : InputMeta{});
      }
    }
  }
  for (int i = 0; i < static_cast<int>(made.size()); ++i) {
    if (!(reads & reads_output(i))) continue;
    bool known = false;
    for (const SavedOutput& s : outputs_) known |= s.output == i;
    if (known) continue;
    const Tensor& t = made[i];
    outputs_.push_back({i, t->storage, {t.dtype(), t.sizes()}, t->storage->version()});
  }
}

void OpNode::forget() {
  forgotten_ = true;
  inputs_.clear();
  outputs_.clear();
}

// What a gradient rule sees.
class RuleView final : public Backward {
 public:
  RuleView(OpNode& node, const Tensors& dys) : node_(node), dys_(dys) {}

  const Tensor& dy(int output) override {
    Tensor& t = dys_[output];
    if (!t.defined()) t = zeros(node_.outputs[output].sizes, node_.outputs[output].dtype);
    return t;
  }
  bool has_dy(int output) override { return dys_[output].defined(); }
  Tensor value(int input) override { return value(input, 0); }
  Tensor value(int input, int i) override {
    const int place = node_.begin_of(input) + i;
    for (const auto& s : node_.inputs_) {
      if (s.place == place) return s.tensor.unpack();
    }
    return Tensor();  // an optional input that was absent
  }
  const InputMeta& shape(int input, int i) override {
    return node_.shapes_[node_.begin_of(input) + i];
  }
  Tensor output(int output) override {
    for (const auto& s : node_.outputs_) {
      if (s.output == output) return unpack(s);
    }
    throw InternalError(
        str("[", node_.name(), "] a gradient rule reads an output it did not name."));
  }
  int list_size(int input) override { return node_.end_of(input) - node_.begin_of(input); }
  const void* attrs() override { return node_.attrs_; }

 private:
  Tensor unpack(const OpNode::SavedOutput& s) {
    if (s.storage->version() != s.version) {
      const char* by = s.storage->last_mutation();
      fail<StateError>("backward", "expected the output that ", node_.name(),
                       " saved to be unchanged; ", by ? by : "an in-place operation",
                       " changed it in place. Use the out-of-place form, or clone() first.");
    }
    Tensor t(make_ref<TensorImpl>(s.storage, s.meta.dtype, s.meta.sizes,
                                  contiguous_strides(s.meta.sizes), 0));
    const bool visible = s.output < static_cast<int>(node_.outputs.size());
    if (modes.grad_enabled && visible) set_history(t, Ref<Node>(&node_), s.output);
    return t;
  }

  OpNode& node_;
  Tensors dys_;
};

Tensors OpNode::apply(const Tensors& dys) {
  if (forgotten_) {
    fail<StateError>(
        "backward", "expected a graph that still holds its saved tensors; ", op_.name,
        " has already been run backward. Use backward(retain_graph=True) the first time.");
  }
  RuleView view(*this, dys);
  Tensors result;
  result.resize(edges.size());
  for (const GradRule& rule : op_.grad) {
    const int begin = begin_of(rule.input);
    for (int place = begin; place < end_of(rule.input); ++place) {
      if (!edges[place].wanted()) continue;
      view.element = place - begin;
      result[place] = rule.rule(view);
    }
  }
  return result;
}

SavedTensor::SavedTensor(const Tensor& t, const char* saved_by)
    : tensor_(t), version_(t->storage->version()), saved_by_(saved_by) {}

Tensor SavedTensor::unpack() const {
  if (tensor_.defined() && tensor_->storage->version() != version_) {
    const char* by = tensor_->storage->last_mutation();
    fail<StateError>("backward", "expected the tensor of sizes ", tensor_.sizes(), " that ",
                     saved_by_, " saved to be unchanged; ", by ? by : "an in-place operation",
                     " changed it in place. Use the out-of-place form, or clone() first.");
  }
  return tensor_;
}

}  // namespace chainrule::autograd
