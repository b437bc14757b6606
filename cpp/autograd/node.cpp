#include "autograd/node.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/tls.h"
#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/schema.h"

namespace chainrule::autograd {

namespace {
std::atomic<uint64_t> next_number{1};

// Nodes of this thread that nobody owns any more.
constinit CHAINRULE_TLS Node* freed = nullptr;
constinit CHAINRULE_TLS bool freeing = false;
}  // namespace

uint64_t next_node() { return next_number.load(std::memory_order_relaxed); }

Node::Node() : number(next_number.fetch_add(1, std::memory_order_relaxed)) {}

Ref<Hooks>& Node::hooks_of(int output) {
  if (!hooks) hooks = std::make_unique<Ref<Hooks>[]>(outputs.size());
  return hooks[output];
}

void Node::destroy() {
  next_freed = freed;
  freed = this;
  if (freeing) return;  // the loop below, further up the stack, comes to it
  freeing = true;
  while (Node* node = freed) {
    freed = node->next_freed;
    delete node;  // may add the nodes it was the last owner of
  }
  freeing = false;
}

InputMeta Edge::meta() const {
  if (leaf.defined()) return {leaf.dtype(), leaf.sizes()};
  return node->outputs[output];
}

bool Edge::fits(const Tensor& gradient) const {
  if (leaf.defined()) {
    return gradient.dtype() == leaf.dtype() && gradient.sizes() == leaf.sizes();
  }
  const InputMeta& meta = node->outputs[output];
  return gradient.dtype() == meta.dtype && gradient.sizes() == meta.sizes;
}

Tensor Hooks::run(Tensor grad) const {
  if (lists->on_grad.empty()) return grad;
  if (modes.recorder) {
    modes.recorder->on_host_code("hook", kInsteadOfHooks,
                                 str(" on a tensor of sizes ", grad.sizes()));
  }
  const auto hooks = lists->on_grad;  // a hook may remove itself
  for (const auto& [id, hook] : hooks) {
    Tensor replaced = hook(grad);
    if (!replaced.defined()) continue;
    if (!(replaced.sizes() == grad.sizes())) {
      fail<ShapeError>("hook", "expected a gradient of sizes ", grad.sizes(), "; got ",
                       replaced.sizes(), ".");
    }
    if (replaced.dtype() != grad.dtype()) {
      fail<DtypeError>("hook", "expected a gradient of dtype ", dtype_name(grad.dtype()), "; got ",
                       dtype_name(replaced.dtype()), ".");
    }
    grad = std::move(replaced);
  }
  return grad;
}

OpNode::OpNode(const Call& call) : op_(call.op) {
  if (!op_.schema) all_ops();  // ids and schemas are set on first use
  if (has_far_attrs()) far_attrs_ = allocate(op_.schema->attr_bytes);
  std::memcpy(has_far_attrs() ? far_attrs_ : attrs_, call.attrs, op_.schema->attr_bytes);
}

bool OpNode::has_far_attrs() const { return op_.schema->attr_bytes > kInlineAttrs; }

// After a delegated constructor the destructor runs, whatever is thrown here: it frees the
// attributes.
OpNode::OpNode(const Call& call, const Tensors& made, int hidden) : OpNode(call) {
  if (call.list_ends) {
    const int params = op_.schema->tensor_params;
    list_ends_ = std::make_unique<int32_t[]>(params);
    std::copy_n(call.list_ends, params, list_ends_.get());
  }
  edges.resize(call.inputs.size());
  Reads reads = 0;  // of the rules that will be run
  for (const GradRule& rule : op_.grad) {
    for (int place = begin_of(rule.input); place < end_of(rule.input); ++place) {
      const Tensor& input = call.inputs[place];
      if (!input.defined() || !lead(edges[place], input)) continue;
      useful_ = true;
      reads |= rule.reads;
    }
  }
  for (size_t i = 0; i + hidden < made.size(); ++i) {
    outputs.emplace_back(made[i].dtype(), made[i].sizes());
  }
  save_values(call, reads & 0xFF);
  save_outputs(made, reads >> 16);
  saved_ = !inputs_.empty() || !outputs_.empty();
  if ((reads >> 8 & 0xFF) || hidden > 0) save_metas(call, made);
}

OpNode::~OpNode() {
  if (has_far_attrs()) deallocate(far_attrs_, op_.schema->attr_bytes);
}

const InputMeta& OpNode::meta_of(int output) const {
  const int visible = static_cast<int>(outputs.size());
  return output < visible ? outputs[output] : metas_[edges.size() + output - visible];
}

int OpNode::begin_of(int param) const {
  return !list_ends_ ? param : param ? list_ends_[param - 1] : 0;
}
int OpNode::end_of(int param) const { return !list_ends_ ? param + 1 : list_ends_[param]; }

// Reads holds one bit for each value, shape and output that a rule looks at.
void OpNode::save_values(const Call& call, Reads params) {
  for (; params; params &= params - 1) {
    const int param = std::countr_zero(params);
    for (int place = begin_of(param); place < end_of(param); ++place) {
      const Tensor& t = call.inputs[place];
      if (t.defined()) inputs_.emplace_back(t, t->storage->version(), place);
    }
  }
}

void OpNode::save_outputs(const Tensors& made, Reads outputs) {
  for (; outputs; outputs &= outputs - 1) {
    const int output = std::countr_zero(outputs);
    if (output >= static_cast<int>(made.size())) break;
    const Tensor& t = made[output];
    outputs_.emplace_back(t->storage, t->storage->version(), output);
  }
}

void OpNode::save_metas(const Call& call, const Tensors& made) {
  const size_t hidden = made.size() - outputs.size();
  metas_ = std::make_unique<InputMeta[]>(call.inputs.size() + hidden);
  InputMeta* meta = metas_.get();
  for (const Tensor& t : call.inputs) {
    if (t.defined()) *meta = {t.dtype(), t.sizes()};
    ++meta;
  }
  for (size_t i = outputs.size(); i < made.size(); ++i) {
    *meta++ = {made[i].dtype(), made[i].sizes()};
  }
}

// What a gradient rule sees. It owns the saved tensors, because another thread may run the same
// graph backward while a rule computes.
class RuleView final : public Backward {
 public:
  RuleView(OpNode& node, Tensors& dys, bool keep) : node_(node), dys_(dys) {
    if (keep) {
      inputs_ = node.inputs_;
      outputs_ = node.outputs_;
    } else {
      inputs_ = std::move(node.inputs_);
      outputs_ = std::move(node.outputs_);
    }
  }

  const Tensor& dy(int output) override {
    Tensor& t = dys_[output];
    if (!t.defined()) t = zeros(node_.outputs[output].sizes, node_.outputs[output].dtype);
    return t;
  }
  bool has_dy(int output) override { return dys_[output].defined(); }
  Tensor value(int input) override { return value(input, 0); }
  Tensor value(int input, int i) override {
    const int place = node_.begin_of(input) + i;
    for (const auto& s : inputs_) {
      if (s.place != place) continue;
      check_unchanged(*s.tensor->storage, s.tensor.sizes(), s.version, node_.name());
      return s.tensor;
    }
    return Tensor();  // an optional input that was absent
  }
  const InputMeta& shape(int input, int i) override {
    return node_.metas_[node_.begin_of(input) + i];
  }
  Tensor output(int output) override {
    for (const auto& s : outputs_) {
      if (s.output == output) return unpack(s);
    }
    throw InternalError(
        str("[", node_.name(), "] a gradient rule reads an output it did not name."));
  }
  int list_size(int input) override { return node_.end_of(input) - node_.begin_of(input); }
  const void* attrs() override { return node_.attrs(); }

 private:
  Tensor unpack(const OpNode::SavedOutput& s) {
    const bool visible = s.output < static_cast<int>(node_.outputs.size());
    const InputMeta& meta = node_.meta_of(s.output);
    Tensor t(
        make_ref<TensorImpl>(s.storage, meta.dtype, meta.sizes, contiguous_strides(meta.sizes), 0));
    check_unchanged(*s.storage, meta.sizes, s.version, node_.name());
    if (modes.grad_enabled && visible) set_history(t, Ref<Node>(&node_), s.output);
    return t;
  }

  OpNode& node_;
  Tensors& dys_;
  OpNode::SavedInputs inputs_;
  OpNode::SavedOutputs outputs_;
};

void OpNode::require_saved() const {
  if (!used_ || !saved_) return;
  fail<StateError>("backward", "expected a graph that still holds its saved tensors; got one of ",
                   op_.name,
                   " that has already been run backward. Use backward(retain_graph=True) the first "
                   "time, or detach() what an earlier step has left.");
}

void OpNode::require_intact() const {
  require_saved();
  for (const SavedInput& s : inputs_) {
    check_unchanged(*s.tensor->storage, s.tensor.sizes(), s.version, name());
  }
  for (const SavedOutput& s : outputs_) {
    check_unchanged(*s.storage, meta_of(s.output).sizes, s.version, name());
  }
}

Tensors OpNode::apply(Tensors& dys, bool keep, Receiver&) {
  require_saved();
  used_ |= !keep;
  RuleView view(*this, dys, keep);
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

void check_unchanged(const Storage& saved, const Dims& sizes, uint32_t version,
                     const char* saved_by) {
  if (saved.version() == version) return;
  const char* by = saved.last_mutation();
  fail<StateError>("backward", "expected the tensor of sizes ", sizes, " that ", saved_by,
                   " saved to be unchanged; got one that ", by ? by : "an in-place operation",
                   " changed in place. Use the out-of-place form, or clone() first.");
}

SavedTensor::SavedTensor(const Tensor& t, const char* saved_by, uint32_t writes)
    : tensor_(t), version_(t->storage->version() + writes), saved_by_(saved_by) {}

Tensor SavedTensor::unpack() const {
  if (tensor_.defined()) {
    check_unchanged(*tensor_->storage, tensor_.sizes(), version_, saved_by_);
  }
  return tensor_;
}

}  // namespace chainrule::autograd
