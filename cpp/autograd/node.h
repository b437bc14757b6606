// The tape's nodes: one for every call that somebody may want a gradient of.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autograd/autograd.h"
#include "ops/op.h"

namespace chainrule::autograd {

class Node;

// Where a gradient goes: output `output` of `node`, or a leaf; neither when none is wanted.
struct Edge {
  Ref<Node> node;
  Tensor leaf;
  int output = 0;
  bool wanted() const { return node || leaf.defined(); }
  InputMeta meta() const;
  bool fits(const Tensor& gradient) const;  // has the sizes and the dtype of what it is for
};

// What the error says of a hook in a recorded program, which runs no code of the host's.
inline constexpr const char* kInsteadOfHooks =
    "Work on gradients after backward(), or compile(..., fallback=True).";

// Hooks of one tensor, shared by the tensor and the node that made it.
class Hooks : public RefCounted {
 public:
  const std::shared_ptr<HookLists> lists = std::make_shared<HookLists>();
  bool keeps = false;
  Tensor retained;  // the kept gradient of a tensor that is no leaf

  Tensor run(Tensor grad) const;
};

// Takes gradients of a node's edges, one after the other.
class Receiver {
 public:
  virtual void take(int edge, Tensor gradient) = 0;

 protected:
  ~Receiver() = default;
};

class Node : public RefCounted {
 public:
  Node();
  virtual const char* name() const = 0;
  // One gradient per output in (undefined for none; a rule may fill it in), one per edge out. What
  // was saved is dropped unless `keep`; a second apply of who saved something is then an error. A
  // node that stands for many operations hands its gradients over as it makes them, several for one
  // edge, and returns none.
  virtual Tensors apply(Tensors& dys, bool keep, Receiver& receiver) = 0;
  // Which edges lead on from one output; null: all.
  virtual const std::vector<int>* leads_to(int) const { return nullptr; }
  virtual void require_intact() const {}  // StateError where apply() would find what it needs gone
  virtual bool broadcasts() const { return false; }
  bool saved() const { return saved_; }

  Ref<Hooks>& hooks_of(int output);

 protected:
  // Of operations. They stand where RefCounted leaves four bytes.
  bool used_ = false;   // by an apply that did not keep what was saved
  bool saved_ = false;  // anything at all
  bool useful_ = false;

 public:
  bool compiled = false;  // what it made is a result of a compiled call: differentiable once
  union {
    uint64_t number;   // creation order: a node's consumers all have larger numbers
    Node* next_freed;  // once nobody owns it
  };
  SmallVector<Edge, 2> edges;
  SmallVector<InputMeta, 1> outputs;
  std::unique_ptr<Ref<Hooks>[]> hooks;  // per output; null when there are none
  static void* operator new(size_t bytes) { return allocate(bytes); }
  static void operator delete(void* p, size_t bytes) { deallocate(p, bytes); }

 protected:
  void destroy() override;  // frees chains of any length without recursion
};

// The node of an operation of the table. Long chains of small operations are bound by the memory
// that nodes take, so what few operations need is a pointer away.
class OpNode final : public Node {
 public:
  OpNode(const Call& call, const Tensors& outputs, int hidden);
  ~OpNode() override;
  const char* name() const override { return op_.name; }
  Tensors apply(Tensors& dys, bool keep, Receiver&) override;
  void require_intact() const override;
  bool broadcasts() const override { return op_.is(kBroadcasts); }
  bool useful() const { return useful_; }  // does any gradient go anywhere?

 private:
  friend class RuleView;
  struct SavedInput {
    Tensor tensor;
    uint32_t version;
    int32_t place;  // among the flattened inputs
  };
  struct SavedOutput {
    Ref<Storage> storage;
    uint32_t version;
    int32_t output;
  };

  explicit OpNode(const Call& call);  // with its attributes alone
  void require_saved() const;
  void save_values(const Call& call, Reads params);
  void save_outputs(const Tensors& made, Reads outputs);
  void save_metas(const Call& call, const Tensors& made);
  const InputMeta& meta_of(int output) const;
  bool has_far_attrs() const;
  const void* attrs() const { return has_far_attrs() ? far_attrs_ : attrs_; }
  int begin_of(int param) const;
  int end_of(int param) const;

  const OpDef& op_;
  static constexpr int kInlineAttrs = 24;  // most operations have fewer bytes of attributes
  union {
    alignas(8) std::byte attrs_[kInlineAttrs];
    void* far_attrs_;
  };
  std::unique_ptr<int32_t[]> list_ends_;  // null when no input is a list
  using SavedInputs = SmallVector<SavedInput, 2>;
  using SavedOutputs = SmallVector<SavedOutput, 1>;
  SavedInputs inputs_;
  SavedOutputs outputs_;
  // Of the flattened inputs, then of the outputs made for backward only; null when there are none
  // of these and no rule reads an input's shape.
  std::unique_ptr<InputMeta[]> metas_;
};

// The edge that leads from a tensor back into the graph; refreshes a view whose base was written
// to.
Edge edge_of(const Tensor& t);
bool lead(Edge& edge, const Tensor& t);  // the same for a new edge in its place; is one wanted?
// Makes `t` output `output` of `node`.
void set_history(const Tensor& t, Ref<Node> node, int output);
Hooks& hooks_of(const Tensor& t);
// StateError naming the op that saved a tensor and the one that has changed it since.
void check_unchanged(const Storage& saved, const Dims& sizes, uint32_t version,
                     const char* saved_by);
AutogradState& state_of(const Tensor& t);

}  // namespace chainrule::autograd
