// Commit: the section of a replay that writes what outlives it. prepare() does all that can fail;
// run() cannot.
#pragma once

#include <vector>

#include "graph/frame.h"
#include "graph/generic_call.h"

namespace chainrule::graph {

class Commit {
 public:
  Commit(const Program& program, Frame& frame);

  // After the last compute instruction: looks up what is written, and to where. Writes nothing that
  // anybody could tell.
  void prepare(std::span<const Tensor> arguments);
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
    ValueId id;
  };

  const Program& program_;
  Frame& frame_;
  std::vector<std::unique_ptr<GenericCall>> updates_;
  std::vector<Row> rows_;
  std::vector<Gradient> gradients_;
};

}  // namespace chainrule::graph
