// What a compiled function knows of the call that it replayed last, so that the next one like it
// runs without Python: the signature, what its refreshers read, and how results are put together.
#pragma once

#include <memory>
#include <vector>

#include "bindings/module.h"
#include "bindings/plan.h"
#include "graph/signature.h"

namespace chainrule::bindings {

// The arguments of one call.
class Signature {
 public:
  // False: something among them takes more than a look (a list, an array).
  bool remember(PyObject* args, PyObject* keywords, const Plan& plan);
  // Whether these are alike, and then their tensors in `tensors`.
  bool fits(PyObject* args, PyObject* keywords, const Plan& plan,
            std::vector<Tensor>& tensors) const;
  // Whether other tensors may take the place of its tensors: none of them twice, none with a
  // gradient.
  bool takes_batches() const;
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Argument {
    py::object name;  // of a keyword
    int tensor = -1;  // which tensor it is, or none
    bool requires_grad = false;
    int same_as = -1;  // the first argument that was the same tensor
    py::object value;  // of what is no tensor
  };
  bool add(PyObject* name, PyObject* value, int& tensors);
  bool fits(const Argument& a, PyObject* value, const Plan& plan,
            std::vector<Tensor>& tensors) const;

  std::vector<Argument> arguments_;
  size_t positional_ = 0;
  graph::Settings settings_ = graph::Settings::now();
};

// Entries of dicts, each to hold the same object still; a list or dict the same number of them.
class Watches {
 public:
  explicit Watches(const std::vector<std::pair<py::object, py::object>>& entries);
  bool hold() const;
  void look_again();
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Entry {
    py::object dict, key, value;
    Py_ssize_t length;  // -1 of a number
  };
  void look_at(Entry& e);
  std::vector<Entry> entries_;
  bool blind_ = false;  // a value may change by itself now, as a list does in a tuple's place
};

// How a result is made of its tensors.
enum class ResultShape { kOne, kTuple, kList, kOther };

struct Latest {
  py::object program;  // owns the plan
  Plan* plan;
  Signature signature;
  uint64_t generation;
  py::function ready;  // brings hyper-parameters up to date; whether the plan still stands
  std::optional<Watches> watches;
  ResultShape shape;
  py::object rebuild;
  std::vector<Tensor> arguments, results;  // of the call before, for their room

  // Whether the plan may be replayed; hyper-parameters are up to date then.
  bool stands();
};

// What a _FastCall remembers; null for nothing.
std::shared_ptr<Latest> latest_call(PyObject* fast);

}  // namespace chainrule::bindings
