// chainrule._core: recording and replaying programs. The Python side (chainrule/_compile.py) keeps
// plans by signature; here stand one recording and one plan.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/module.h"
#include "bindings/tensor_type.h"
#include "graph/executor.h"
#include "graph/recorder.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

std::atomic<int64_t> plans_generation{0};

// "train.py:12" of the innermost frame outside the package.
std::string user_line() {
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  std::string line;
  while (frame) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    const char* file = PyUnicode_AsUTF8(code->co_filename);
    const std::string path = file ? file : "";
    Py_DECREF(code);
    if (path.find("/chainrule/") == std::string::npos) {
      line = path.substr(path.rfind('/') + 1) + ":" + std::to_string(PyFrame_GetLineNumber(frame));
      Py_DECREF(frame);
      return line;
    }
    PyFrameObject* back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  return line;
}

class Recording;
thread_local Recording* current_recording = nullptr;

class Recording {
 public:
  explicit Recording(std::vector<Tensor> arguments)
      : arguments_(std::move(arguments)),
        recorder_(std::make_unique<graph::ProgramRecorder>(std::span<const Tensor>(arguments_))) {
    current_recording = this;
  }
  ~Recording() { abort(); }

  void abort() {
    recorder_.reset();
    if (current_recording == this) current_recording = nullptr;
  }
  std::unique_ptr<graph::Executor> finish(const std::vector<Tensor>& results) {
    graph::Program program = recorder_->finish(results);
    abort();
    return std::make_unique<graph::Executor>(std::move(program));
  }
  void on_replay(py::function refresh) {
    for (const auto& known : refreshers_) {
      if (known.equal(refresh)) return;
    }
    refreshers_.push_back(std::move(refresh));
  }
  std::vector<py::function> refreshers() const { return refreshers_; }

 private:
  std::vector<Tensor> arguments_;
  std::unique_ptr<graph::ProgramRecorder> recorder_;
  std::vector<py::function> refreshers_;
};

// Lets a host-side refresh (hyper-parameters from param_groups) run unseen while recording.
class PauseRecording {
 public:
  void enter() { saved_ = std::exchange(modes.recorder, nullptr); }
  void exit(py::args) { modes.recorder = saved_; }

 private:
  Recorder* saved_ = nullptr;
};

}  // namespace

void invalidate_plans(const char* what) {
  if (modes.recorder) {
    throw CaptureError(str("[compile] expected no ", what, " while recording at ", user_line(),
                           ". Do it outside the compiled function."));
  }
  plans_generation.fetch_add(1, std::memory_order_relaxed);
}

void bind_program(py::module_& m) {
  graph::source_line = user_line;
  py::class_<graph::Executor>(m, "Program", "One recorded call, as a flat list of instructions.")
      .def("__call__", [](graph::Executor& e,
                          const std::vector<Tensor>& arguments) { return e.run(arguments); })
      .def("__repr__", [](const graph::Executor& e) { return e.program().to_string(); })
      .def("__len__", [](const graph::Executor& e) { return e.program().code.size(); })
      .def(
          "difference",
          [](const graph::Executor& e, const graph::Executor& other) {
            return e.program().difference(other.program());
          },
          "Empty when both programs are equal op by op, else what differs and where.")
      .def("guards_hold", [](const graph::Executor& e) { return e.program().guards_hold(); })
      .def(
          "verify", [](const graph::Executor& e) { e.program().verify(); },
          "Re-runs every shape rule over the program.")
      .def("operations",
           [](const graph::Executor& e) {
             std::vector<std::string> names;
             for (const auto& in : e.program().code) names.push_back(in.op->name);
             return names;
           })
      .def(
          "profile",
          [](graph::Executor& e, const std::vector<Tensor>& arguments) {
            return e.profile(arguments);
          },
          "Nanoseconds of each instruction in one real run.");
  py::class_<Recording>(m, "_Recording")
      .def(py::init<std::vector<Tensor>>())
      .def("finish", &Recording::finish)
      .def("abort", &Recording::abort)
      .def("on_replay", &Recording::on_replay)
      .def_property_readonly("refreshers", &Recording::refreshers);
  py::class_<PauseRecording>(m, "_PauseRecording")
      .def(py::init<>())
      .def("__enter__", &PauseRecording::enter)
      .def("__exit__", &PauseRecording::exit);
  m.def(
      "_recording", [] { return current_recording; }, py::return_value_policy::reference,
      "The recording under way on this thread, or None.");
  m.def("_plans_generation", [] { return plans_generation.load(std::memory_order_relaxed); });
  m.def("_invalidate_plans", invalidate_plans,
        py::arg("what") = "change of a module or an optimizer",
        "Says that something captured programs rely on has changed.");
}

}  // namespace chainrule::bindings
