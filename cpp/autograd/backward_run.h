// One run of backward. Nodes are taken in descending creation order: a node's consumers all have
// larger numbers, so when it is taken every contribution to it has arrived, in a fixed order. No
// dependency counting, no recursion, the same bits every time.
#pragma once

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "autograd/node.h"
#include "autograd/trace.h"

namespace chainrule::autograd {

// The map of waiting nodes makes and frees one entry a node: from the tensors' allocator.
template <typename T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <typename U>
  BlockAllocator(const BlockAllocator<U>&) {}
  T* allocate(size_t n) { return static_cast<T*>(chainrule::allocate(n * sizeof(T))); }
  void deallocate(T* p, size_t n) { chainrule::deallocate(p, n * sizeof(T)); }
  bool operator==(const BlockAllocator&) const = default;
};

// Seeds first, then what is wanted or traced, then execute(), then what came of it.
class BackwardRun {
 public:
  explicit BackwardRun(BackwardOptions options) : options_(options) {}

  void seed(const Tensor& output, const Tensor& gradient) { send(edge_of(output), gradient); }

  // Restricts the work to paths that reach these tensors and collects their gradients.
  void want(std::span<const Tensor> inputs);

  // Gradients of these inputs go to the tracer and no further.
  void trace(const InputIndex& inputs, Tracer& tracer) {
    traced_ = &inputs;
    tracer_ = &tracer;
  }

  void execute();
  Tensor collected(const Tensor& input);

  // What hooks make of the gradients of wanted leaves, which nothing is delivered to.
  void run_leaf_hooks();

  // Adds what arrived at the leaves to their `.grad`.
  void deliver();

 private:
  struct Pending {
    Ref<Node> node;
    Tensors dys;
  };
  class Hand;
  struct OutputHash {
    size_t operator()(const std::pair<Node*, int>& p) const {
      return std::hash<Node*>()(p.first) * 31 + p.second;
    }
  };

  void send(const Edge& edge, Tensor gradient);
  bool reaches_wanted(const Edge& e) const;
  bool is_wanted(Node& node, int output) const;
  bool is_astray(Node& node, int output) const;
  void step(Node& node, Tensors& dys);
  void collect(Node& node, const Tensors& dys);
  // Which nodes lead to a wanted tensor: all reachable ones are collected, then decided in creation
  // order, inputs before consumers.
  void mark_needed();
  void deliver_one(const Tensor& leaf, Tensor gradient);
  void set_leaf_grad(const Tensor& leaf, const Tensor& gradient);

  BackwardOptions options_;
  Tracer* tracer_ = nullptr;
  const InputIndex* traced_ = nullptr;
  bool restricted_ = false;
  std::map<uint64_t, Pending, std::greater<>, BlockAllocator<std::pair<const uint64_t, Pending>>>
      ready_;
  std::vector<std::pair<Tensor, Tensor>> leaves_;  // in order of arrival
  std::unordered_map<TensorImpl*, size_t> leaf_index_;
  std::unordered_set<TensorImpl*> wanted_leaves_;
  std::unordered_set<Node*> needed_;
  std::set<std::pair<Node*, int>> astray_;  // outputs of those that lead to nothing wanted
  std::unordered_map<Node*, SmallVector<int, 2>> wanted_outputs_;
  std::unordered_map<std::pair<Node*, int>, Tensor, OutputHash> collected_;
};

}  // namespace chainrule::autograd
