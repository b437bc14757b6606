#include "bindings/recorded_call.h"

namespace chainrule::bindings {

RecordedCall::RecordedCall(graph::Program program, const std::vector<Tensor>& arguments)
    : recorded_(std::move(program)) {
  for (const Tensor& t : arguments) layouts_.push_back({t.dtype(), t.sizes(), t.strides()});
}

graph::Executor& RecordedCall::executor() {
  if (!executor_) executor_.emplace(recorded_);
  return *executor_;
}

std::optional<std::vector<Tensor>> RecordedCall::run(const std::vector<Tensor>& arguments) {
  check(arguments);
  std::vector<Tensor> results;
  if (!replay(arguments, results)) return std::nullopt;
  return results;
}

bool RecordedCall::replay(std::span<const Tensor> arguments, std::vector<Tensor>& results) {
  const bool done = executor().run(arguments, results);
  replays_ += done;
  return done;
}

std::optional<std::vector<int64_t>> RecordedCall::profile(const std::vector<Tensor>& arguments) {
  check(arguments);
  return executor().profile(arguments);
}

bool RecordedCall::same_places(const std::vector<Tensor>& arguments) const {
  return arguments.size() == layouts_.size() && recorded_.places_hold(arguments);
}

bool RecordedCall::holds(const std::vector<Tensor>& arguments) const {
  graph::GuardRoom room;
  return arguments.size() == layouts_.size() && recorded_.guards_hold(arguments, room);
}

void RecordedCall::check(const std::vector<Tensor>& arguments) const {
  if (arguments.size() != layouts_.size()) {
    fail<ValueError>("program", "expected ", layouts_.size(), " tensors; got ", arguments.size(),
                     ".");
  }
  for (size_t i = 0; i < layouts_.size(); ++i) {
    const Layout& l = layouts_[i];
    const Tensor& t = arguments[i];
    if (l.fits(*t.impl())) continue;
    fail<ShapeError>("program", "expected tensor ", i, " as recorded: ", dtype_name(l.dtype),
                     " of sizes ", l.sizes, " and strides ", l.strides, "; got ",
                     dtype_name(t.dtype()), " of sizes ", t.sizes(), " and strides ", t.strides(),
                     ".");
  }
}

}  // namespace chainrule::bindings
