// What a compiled function knows of the call that it replayed last, so that the next one like it
// runs without Python: the signature, what its refreshers read, and how results are put together.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bindings/call_signature.h"
#include "bindings/watches.h"

namespace chainrule::bindings {

// How a result is made of its tensors.
enum class ResultShape { kOne, kTuple, kList, kOther };

struct Latest {
  explicit Latest(const py::list& objects) : attributes(objects) {}

  py::object program;  // owns the call
  RecordedCall* call;
  CallSignature signature;
  AttributeWatches attributes;  // of objects among the arguments
  uint64_t generation;
  py::function ready;  // brings hyper-parameters up to date; whether the call still stands
  std::optional<Watches> watches;
  ResultShape shape;
  py::object rebuild;
  std::vector<Tensor> arguments, results;  // of the call before, for their room

  // Whether the call may be replayed; hyper-parameters are up to date then.
  bool stands();
};

// What a _FastCall remembers; null for nothing.
std::shared_ptr<Latest> latest_call(PyObject* fast);

}  // namespace chainrule::bindings
