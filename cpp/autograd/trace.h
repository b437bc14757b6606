// What a recording asks of the graph behind its results, so that replays can hang theirs on the
// same: where backward ends, whether it can run, and what it computes in which order.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "autograd/node.h"

namespace chainrule::autograd {

// Tensors by the place that their gradients go to.
class InputIndex {
 public:
  void add(const Tensor& t);  // the next one; of two with one place the first is known
  std::optional<int> find(const Edge& edge) const;
  int size() const { return size_; }

 private:
  struct PlaceHash {
    size_t operator()(const std::pair<const Node*, int>& p) const {
      return std::hash<const Node*>()(p.first) * 31 + p.second;
    }
  };
  int size_ = 0;
  std::unordered_map<const TensorImpl*, int> leaves_;
  std::unordered_map<std::pair<const Node*, int>, int, PlaceHash> outputs_;
};

// What a backward from one result would meet among the recording's own nodes.
struct Survey {
  std::vector<int> inputs;  // which of them it reaches
  std::string failure;      // the message of its first error; empty when it can run
};
// Leaves that are not among the inputs are appended to them.
Survey survey(const Tensor& result, std::vector<Tensor>& inputs);

// Hears of a backward, call by call.
class Tracer {
 public:
  // The next calls are of a node that these came to; does it need anything that it has saved?
  virtual void on_node(const Tensors& dys, bool saved) = 0;
  virtual void on_sum(const Tensor& a, const Tensor& b) = 0;  // so is the next: they meet
  // One of the gradients of an input, in the order in which they are added to it.
  virtual void on_gradient(int input, const Tensor& gradient) = 0;

 protected:
  ~Tracer() = default;
};
// Backward from all outputs, as far as the inputs. The graph is kept, hooks of leaves do not run.
void trace_backward(std::span<const Tensor> outputs, std::span<const Tensor> seeds,
                    std::span<const Tensor> inputs, Tracer& tracer);

}  // namespace chainrule::autograd
