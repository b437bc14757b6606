// Python callables that C++ objects hold. They are released under the GIL, whichever thread drops
// the last reference, and not at all once the interpreter is gone.
#pragma once

#include <memory>
#include <vector>

#include "autograd/autograd.h"
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

// What the engine calls. Types of their own, so that the garbage collector finds the callables. A
// run under way has its own copy of the list, so it still calls a hook that is removed meanwhile.
struct GradHook {
  std::shared_ptr<HeldObject> callable;  // empty once the collector has cleared it
  Tensor operator()(const Tensor& gradient) const;
};
struct PostHook {
  std::shared_ptr<HeldObject> callable;
  void operator()(const Tensor& leaf) const;
};

}  // namespace chainrule::bindings
