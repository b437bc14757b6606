// Reverse mode over the tape. Everything here is iterative: graphs of a million nodes are built,
// run backward and freed without recursion.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/small_vector.h"
#include "core/tensor.h"
#include "core/tls.h"

namespace chainrule::autograd {

using Tensors = SmallVector<Tensor, 4>;

struct BackwardOptions {
  bool retain_graph = false;
  bool create_graph = false;
};

// Accumulates into `.grad` of the leaves reached (only `inputs` when given). An undefined seed
// means ones and needs a one-element output.
void backward(std::span<const Tensor> outputs, std::span<const Tensor> seeds,
              BackwardOptions options, std::span<const Tensor> inputs = {});
// The gradients themselves; leaves keep theirs. Undefined where `allow_unused` and not reached.
Tensors grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
             std::span<const Tensor> seeds, BackwardOptions options, bool allow_unused);

bool requires_grad(const Tensor& t);  // sees writes through views, unlike Tensor::requires_grad
bool is_leaf(const Tensor& t);
// What a tensor is to the tape. kLost: a view made under no_grad whose base has got a history
// since.
enum class Standing : uint8_t { kNone, kLeaf, kResult, kLost };
Standing standing_of_view(const Tensor& t);
// As requires_grad() and is_leaf() say, and refreshes nothing.
inline Standing standing(const Tensor& t) {
  if (t->base) return standing_of_view(t);
  if (!t->requires_grad) return Standing::kNone;
  return t->grad_fn ? Standing::kResult : Standing::kLeaf;
}
void set_requires_grad(const Tensor& t, bool value);  // leaves of floating dtype only
void retain_grad(const Tensor& t);
Tensor grad_of(const Tensor& t);                     // undefined when there is none
void set_grad(const Tensor& t, const Tensor& grad);  // checks shape and dtype; undefined clears
Tensor detach(const Tensor& t);                      // shares storage, no history
void detach_in_place(const Tensor& t);
// Makes `t` a window on `owner` that has come into being out of its history's sight, as a view made
// under no_grad: writes to either that would need the other's history are errors.
void make_window(const Tensor& t, const Tensor& owner);

// ---- A recording under way: nodes numbered below `first` were made before it. Where backward has
// to go through one `refuse` throws or ends the recording; without it backward ends there.
struct OwnNodes {
  uint64_t first = 0;
  void (*refuse)() = nullptr;
};
extern constinit CHAINRULE_TLS OwnNodes own_nodes;
uint64_t next_node();  // the number of the next one
// A result of that recording can be differentiated once, as can one of a replay.
void mark_compiled(const Tensor& result);

// ---- Nodes as Python shows them.
class Node;
Ref<Node> grad_fn(const Tensor& t);  // null for a leaf; refreshes the history of a written-to view
const char* node_name(const Node& node);
struct EdgeView {
  Ref<Node> node;  // null for a leaf
  Tensor leaf;
  int output;
};
SmallVector<EdgeView, 4> next_functions(const Node& node);
// Whether the history of `t` leads to anything besides these leaves: to another leaf, or to nodes
// from before the recording under way.
bool depends_on_others(const Tensor& t, std::span<const Tensor> leaves);

// ---- Hooks: called with the gradient; a defined result replaces it. Freed with the leaf or node.
using TensorHook = std::function<Tensor(const Tensor&)>;
using LeafHook = std::function<void(const Tensor&)>;
struct HookLists {
  int64_t next_id = 0;
  std::vector<std::pair<int64_t, TensorHook>> on_grad;
  std::vector<std::pair<int64_t, LeafHook>> after_accumulate;
};
// Knows one hook; may outlive the tensor and its graph.
class HookHandle {
 public:
  HookHandle() = default;
  HookHandle(std::weak_ptr<HookLists> lists, int64_t id) : lists_(std::move(lists)), id_(id) {}
  void remove();  // a run under way has its own copy of the list

 private:
  std::weak_ptr<HookLists> lists_;
  int64_t id_ = -1;
};
HookHandle add_hook(const Tensor& t, TensorHook hook);
HookHandle add_post_accumulate_hook(const Tensor& leaf, LeafHook hook);
const HookLists* hooks_on(const Tensor& t);  // null when there are none
bool has_hooks(const Tensor& t);
uint64_t hooks_generation();  // rises with every hook that a leaf gets

// ---- Functions defined outside the op table (Python's autograd.Function). `backward` receives one
// gradient per output (undefined when absent) and returns one per input (undefined for none).
struct CustomFunction {
  std::string name;
  std::function<Tensors(const Tensors& dys)> backward;
  std::function<void()> release;  // called when the graph is freed
};
// Makes `outputs` (fresh tensors or inputs changed in place) depend on `inputs`.
void attach(CustomFunction function, std::span<const Tensor> inputs,
            std::span<const Tensor> outputs, std::span<const bool> differentiable);

// ---- Saved tensors with the check that nobody changed them since.
class SavedTensor {
 public:
  SavedTensor() = default;
  // `writes` are still to come that belong to it.
  SavedTensor(const Tensor& t, const char* saved_by, uint32_t writes = 0);
  Tensor unpack() const;  // StateError naming the op that saved it and the one that changed it
  bool defined() const { return tensor_.defined(); }
  void reset() { tensor_ = Tensor(); }

 private:
  Tensor tensor_;
  uint32_t version_ = 0;
  const char* saved_by_ = nullptr;
};

}  // namespace chainrule::autograd
