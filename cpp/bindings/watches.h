// What the hyper-parameters of a recorded step are read from, and attributes of objects among the
// arguments of a call, watched for changes.
#pragma once

#include <utility>
#include <vector>

#include "bindings/module.h"

namespace chainrule::bindings {

// Entries of dicts, each to hold the same object still; a list, set or dict the same number of
// them.
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

}  // namespace chainrule::bindings
