// One recorded call of a compiled function: as recorded, to be compared with others, and made ready
// for replays.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace chainrule::bindings {

// Changes of modules and optimizers so far: a plan from before the last is not replayed.
uint64_t plans_generation();
// Whether a call is being recorded on this thread.
bool is_recording();

// A replay reads and writes the arguments where the recording did, so tensors of another layout are
// refused before anything runs.
class RecordedCall {
 public:
  struct Layout {
    DType dtype;
    Dims sizes;
    Dims strides;
    bool fits(const TensorImpl& t) const {
      return t.dtype == dtype && t.sizes == sizes && t.strides == strides;
    }
  };

  RecordedCall(graph::Program program, const std::vector<Tensor>& arguments);

  // One replay of arguments of these layouts; nothing has run when a guard does not hold any more.
  std::optional<std::vector<Tensor>> run(const std::vector<Tensor>& arguments);
  bool replay(std::span<const Tensor> arguments, std::vector<Tensor>& results);
  int64_t replays() const { return replays_; }
  // Recordings that are only compared need none.
  graph::Executor& executor();
  std::optional<std::vector<int64_t>> profile(const std::vector<Tensor>& arguments);
  bool same_places(const std::vector<Tensor>& arguments) const;
  bool holds(const std::vector<Tensor>& arguments) const;
  const graph::Program& recorded() const { return recorded_; }
  const std::vector<Layout>& layouts() const { return layouts_; }

 private:
  void check(const std::vector<Tensor>& arguments) const;

  graph::Program recorded_;
  std::optional<graph::Executor> executor_;
  std::vector<Layout> layouts_;
  int64_t replays_ = 0;
};

}  // namespace chainrule::bindings
