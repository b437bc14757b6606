// The signature of a call from Python, as far as a look at it goes.
#pragma once

#include <vector>

#include "autograd/autograd.h"
#include "bindings/module.h"
#include "bindings/recorded_call.h"
#include "graph/signature.h"

namespace chainrule::bindings {

// The arguments of one call.
class CallSignature {
 public:
  // False: something among them takes more than a look (a list, an array).
  bool remember(PyObject* args, PyObject* keywords, const RecordedCall& call);
  // Whether these are alike, and then their tensors in `tensors`.
  bool fits(PyObject* args, PyObject* keywords, const RecordedCall& call,
            std::vector<Tensor>& tensors) const;
  // Whether other tensors may take the place of its tensors: none of them twice, none with a
  // gradient.
  bool takes_batches() const;
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Argument {
    py::object name;  // of a keyword
    int tensor = -1;  // which tensor it is, or none
    autograd::Standing standing = autograd::Standing::kNone;
    int same_as = -1;  // the first argument that was the same tensor
    py::object value;  // of what is no tensor
  };
  bool add(PyObject* name, PyObject* value, int& tensors);
  bool fits(const Argument& a, PyObject* value, const RecordedCall& call,
            std::vector<Tensor>& tensors) const;

  std::vector<Argument> arguments_;
  size_t positional_ = 0;
  graph::Settings settings_ = graph::Settings::now();
};

}  // namespace chainrule::bindings
