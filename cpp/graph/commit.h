// Commit: the section of a replay that writes what outlives it. prepare() does all that can fail;
// run() cannot.
#pragma once

#include <vector>

#include "graph/frame.h"

namespace chainrule::graph {

class Commit {
 public:
  explicit Commit(const Program& program);

  // After the last compute instruction: looks up what is written, and to where. Writes nothing that
  // anybody could tell.
  void prepare(Frame& frame, std::span<const Tensor> arguments);
  // Nanoseconds of each update are added to `ns`, which has room for them; null: nobody asks.
  void run(std::vector<int64_t>* ns) noexcept;
  // Drops what prepare() looked up, and the gradients that run() replaced.
  void clear();

 private:
  struct Row {
    Tensor target;  // dense, of one dimension
    Tensor value;
  };
  struct Gradient {
    Tensor leaf;
    Ref<TensorImpl> value;  // once it is written: the one before, whose end may run host code
  };

  const Program& program_;
  std::vector<Tensors> operands_;  // of each update
  Scratch scratch_;                // of the largest
  std::vector<Row> rows_;
  std::vector<Gradient> gradients_;
};

}  // namespace chainrule::graph
