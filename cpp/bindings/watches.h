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

// Objects that are to have the attributes still that they had: the same class, the same __dict__,
// in it the same objects, and as many of them; a list, set or dict the same number of items.
class AttributeWatches {
 public:
  // (object, its __dict__, [(name, value, length), ...], how many there are) of each; a length is
  // -1 for what has none.
  explicit AttributeWatches(const py::list& of_objects);
  bool hold() const;
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Attribute {
    py::object name, value;
    Py_ssize_t length;
  };
  struct Object {
    py::object object, type, dict;
    std::vector<Attribute> attributes;
    Py_ssize_t size;  // of the dict
  };
  static bool holds(const Object& o);
  std::vector<Object> objects_;
};

}  // namespace chainrule::bindings
