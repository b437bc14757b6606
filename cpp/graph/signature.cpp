#include "graph/signature.h"

#include "ops/modes.h"

namespace chainrule::graph {

Signature::Signature(std::span<const Tensor> arguments) : settings_(Settings::now()) {
  for (size_t i = 0; i < arguments.size(); ++i) arguments_.push_back(argument(arguments, i));
}

bool Signature::fits(std::span<const Tensor> arguments) const {
  if (arguments.size() != arguments_.size() || !(settings_ == Settings::now())) return false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!(arguments_[i] == argument(arguments, i))) return false;
  }
  return true;
}

Signature::Argument Signature::argument(std::span<const Tensor> arguments, size_t i) {
  const Tensor& t = arguments[i];
  size_t first = 0;
  while (!arguments[first].same_as(t)) ++first;
  return {t.dtype(), t.sizes(), t.strides(), autograd::standing(t), first};
}

Settings Settings::now() {
  return {modes.grad_enabled, modes.inference, modes.autocast, chainrule::default_dtype()};
}

}  // namespace chainrule::graph
