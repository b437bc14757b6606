// The end of a recording: which memory its arguments, gradients and states share.
#include <algorithm>
#include <set>

#include "graph/recorder.h"

namespace chainrule::graph {

void ProgramRecorder::find_places() {
  Program& p = program_;
  p.writes_arguments = std::any_of(p.writes.begin(), p.writes.end(), [](const WriteBack& w) {
    return w.target == Source::kArgument;
  });
  p.writes_gradients = std::any_of(p.writes.begin(), p.writes.end(), [](const WriteBack& w) {
    return w.target == Source::kGradient;
  });
  const bool uses_gradients = std::any_of(p.grad_guards.begin(), p.grad_guards.end(),
                                          [](const GradGuard& g) { return g.defined; });
  if (!p.writes.empty() || p.commit_begin < p.forward_end || uses_gradients) {
    for (const Tensor& t : p.states) p.state_storages.push_back(t->storage.get());
    std::sort(p.state_storages.begin(), p.state_storages.end());
  }
  const auto end = [](const Tensor& t) { return t->offset + extent(t.sizes(), t.strides()); };
  for (size_t i = 0; i < argument_tensors_.size(); ++i) {
    const Tensor& t = argument_tensors_[i];
    const auto first = std::find_if(
        argument_tensors_.begin(), argument_tensors_.begin() + i, [&](const Tensor& other) {
          const bool overlap = other->offset < end(t) && t->offset < end(other);
          return other->storage == t->storage && (overlap || p.writes_arguments);
        });
    p.places.push_back({static_cast<int>(first - argument_tensors_.begin()),
                        t->offset - (*first)->offset, p.state_of(*t.impl())});
  }
  find_gradient_places();
  find_written_memory();
}

void ProgramRecorder::find_gradient_places() {
  std::vector<Tensor> known = argument_tensors_;
  known.insert(known.end(), guarded_gradients_.begin(), guarded_gradients_.end());
  for (size_t i = 0; i < guarded_gradients_.size(); ++i) {
    const Tensor& grad = guarded_gradients_[i];
    if (!grad.defined()) continue;
    const auto first = std::find_if(known.begin(), known.end(), [&](const Tensor& other) {
      return other.defined() && other->storage == grad->storage;
    });
    program_.grad_guards[i].place = {static_cast<int>(first - known.begin()),
                                     grad->offset - (*first)->offset,
                                     program_.state_of(*grad.impl())};
  }
}

void ProgramRecorder::find_written_memory() {
  Program& p = program_;
  const auto written = [&](const Tensor& t) {
    const auto known = memories_.find(t->storage.get());
    return known != memories_.end() && known->second.outside && known->second.written;
  };
  std::vector<Stretch> room, states;
  for (size_t i = 0; i < argument_tensors_.size(); ++i) {
    p.written_arguments.push_back(written(argument_tensors_[i]));
    room.push_back(p.stretch_of_argument(argument_tensors_, i));
  }
  for (size_t i = 0; i < guarded_gradients_.size(); ++i) {
    const Tensor& grad = guarded_gradients_[i];
    if (!grad.defined()) continue;
    p.grad_guards[i].written = written(grad);
    room.push_back(stretch_of(*grad.impl(), extent(grad.sizes(), grad.strides()), written(grad)));
  }
  std::set<const Storage*> seen;
  for (const Tensor& t : p.states) {
    if (seen.insert(t->storage.get()).second) states.push_back(stretch_of(*t->storage, written(t)));
  }
  p.writes_memory = std::any_of(memories_.begin(), memories_.end(), [](const auto& known) {
    return known.second.outside && known.second.written;
  });
  if (!p.writes_memory) return;
  p.grounds = Grounds(std::move(states));
  if (!p.grounds.clash() && !any_clash(room, p.grounds)) return;
  throw CaptureError(
      str("[compile] expected written memory to be that of one tensor and its views; got another "
          "tensor over the same memory, from NumPy or DLPack",
          at_here(), ". Pass a view of the one, or clone()."));
}

}  // namespace chainrule::graph
