// Python callables that C++ objects hold. They are released under the GIL, whichever thread drops
// the last reference, and not at all once the interpreter is gone.
#pragma once

#include <memory>
#include <vector>

#include "bindings/errors.h"

namespace chainrule::bindings {

// A py::object that may be destroyed anywhere.
class HeldObject {
 public:
  explicit HeldObject(py::object o) : object_(std::move(o)) {}
  HeldObject(const HeldObject&) = delete;
  HeldObject& operator=(const HeldObject&) = delete;
  ~HeldObject() { reset(); }

  void reset() {
    if (!object_) return;
    if (!Py_IsInitialized()) {
      object_.release();
      return;
    }
    py::gil_scoped_acquire gil;
    py::object dropped = std::move(object_);
  }
  explicit operator bool() const { return static_cast<bool>(object_); }
  py::object get() const { return object_; }
  PyObject* ptr() const { return object_.ptr(); }

 private:
  py::object object_;
};

// One registered hook, shared by the autograd engine, the tensor's Python object and the handle.
struct Hook {
  explicit Hook(py::object o) : callable(std::move(o)) {}
  void remove() { callable.reset(); }
  HeldObject callable;  // empty once removed
};
using HookList = std::vector<std::shared_ptr<Hook>>;

}  // namespace chainrule::bindings
