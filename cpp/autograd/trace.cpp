#include "autograd/trace.h"

#include <map>
#include <unordered_set>

namespace chainrule::autograd {

void InputIndex::add(const Tensor& t) {
  const Edge e = edge_of(t);
  if (e.node) {
    outputs_.try_emplace({e.node.get(), e.output}, size_);
  } else {
    leaves_.try_emplace(t.impl(), size_);
  }
  ++size_;
}

std::optional<int> InputIndex::find(const Edge& edge) const {
  if (edge.node) {
    const auto known = outputs_.find({edge.node.get(), edge.output});
    return known == outputs_.end() ? std::nullopt : std::optional(known->second);
  }
  const auto known = leaves_.find(edge.leaf.impl());
  return known == leaves_.end() ? std::nullopt : std::optional(known->second);
}

Survey survey(const Tensor& result, std::vector<Tensor>& inputs) {
  Survey found;
  InputIndex index;
  for (const Tensor& t : inputs) index.add(t);
  std::vector<bool> reached(inputs.size());
  std::map<uint64_t, Node*, std::greater<>> waiting;  // in the order in which backward takes them
  const auto follow = [&](const Edge& edge) {
    if (!edge.wanted() || (edge.leaf.defined() && !edge.leaf->requires_grad)) return;
    std::optional<int> input = index.find(edge);
    if (!input && edge.leaf.defined()) {
      input = index.size();
      index.add(edge.leaf);
      inputs.push_back(edge.leaf);
      reached.push_back(false);
    }
    if (!input) {
      waiting.emplace(edge.node->number, edge.node.get());
    } else if (!reached[*input]) {
      reached[*input] = true;
      found.inputs.push_back(*input);
    }
  };
  follow(edge_of(result));
  while (!waiting.empty()) {
    const Node& node = *waiting.begin()->second;
    waiting.erase(waiting.begin());
    if (node.number < own_nodes.first) continue;
    try {
      if (found.failure.empty()) node.require_intact();
    } catch (const StateError& error) {
      found.failure = error.what();
    }
    for (const Edge& e : node.edges) follow(e);
  }
  return found;
}

bool depends_on_others(const Tensor& t, std::span<const Tensor> leaves) {
  std::unordered_set<const void*> known;  // leaves that count, and nodes that were met
  for (const Tensor& leaf : leaves) known.insert(leaf.impl());
  std::vector<const Node*> waiting;
  bool others = false;
  const auto follow = [&](const Edge& edge) {
    if (!edge.node) {
      others |= edge.leaf.defined() && !known.contains(edge.leaf.impl());
    } else if (known.insert(edge.node.get()).second) {
      others |= edge.node->number < own_nodes.first;
      waiting.push_back(edge.node.get());
    }
  };
  const Edge first = edge_of(t);
  follow(first);
  while (!others && !waiting.empty()) {
    const Node& node = *waiting.back();
    waiting.pop_back();
    for (const Edge& e : node.edges) follow(e);
  }
  return others;
}

}  // namespace chainrule::autograd
