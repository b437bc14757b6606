// Signature: what of a call says which recordings may stand for it. dtype, sizes and strides of its
// tensors, which of them are leaves or have a history, which are one tensor, and the settings of
// the thread.
#pragma once

#include <span>
#include <vector>

#include "autograd/autograd.h"

namespace chainrule::graph {

// The modes that a call runs in.
struct Settings {
  bool grad_enabled, inference, autocast;
  DType default_dtype;
  static Settings now();
  bool operator==(const Settings&) const = default;
};

class Signature {
 public:
  explicit Signature(std::span<const Tensor> arguments);  // of a call that comes now
  // Whether a call that comes now has it. Allocates nothing.
  bool fits(std::span<const Tensor> arguments) const;

 private:
  struct Argument {
    DType dtype;
    Dims sizes, strides;
    autograd::Standing standing;
    size_t first;  // the first argument that is this very tensor
    bool operator==(const Argument&) const = default;
  };
  static Argument argument(std::span<const Tensor> arguments, size_t i);

  std::vector<Argument> arguments_;
  Settings settings_;
};

}  // namespace chainrule::graph
