// chainrule._core: recording and replaying programs. The Python side (chainrule/_plans.py) keeps
// plans by signature; here stand one recording and the call that comes of it.
#include "bindings/program.h"

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "bindings/module.h"
#include "bindings/recorded_call.h"
#include "bindings/source_line.h"
#include "bindings/tensor_type.h"
#include "graph/plan.h"
#include "graph/recorder.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

// A number for all that programs rely on. Changes and modes take part by exclusive or, so a mode
// that comes back brings the number back, and nothing but that does.
std::atomic<uint64_t> generation{0}, changes{0};
std::atomic<uint64_t> events{0};  // changes and switches of modes, which never come back

// SplitMix64 (Steele, Lea, Flood, 2014): no two of a process's numbers are expected to agree.
uint64_t mixed(uint64_t z) {
  z += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class Recording;
// Expires with the recording: one that has given up may end on another thread.
thread_local std::weak_ptr<Recording*> current_recording;

// The recorder listens to the thread it was made on, so it also ends there. One that has given up
// listens no more, and the rest of its call may record others.
class Recording {
 public:
  Recording(std::vector<Tensor> arguments, bool gives_up) : arguments_(std::move(arguments)) {
    if (under_way()) {
      fail<StateError>("compile", "expected no recording under way on this thread; got one.");
    }
    recorder_ =
        std::make_unique<graph::ProgramRecorder>(std::span<const Tensor>(arguments_), gives_up);
    current_recording = self_;
  }
  ~Recording() {
    if (current() == this || !refusal().empty()) {
      abort();
    } else {
      recorder_.release();  // of another thread, which still calls it
    }
  }

  static Recording* under_way() {
    Recording* const recording = current();
    return recording && recording->refusal().empty() ? recording : nullptr;
  }

  void abort() {
    if (recorder_ && refusal().empty()) check_thread();
    refusal_ = refusal();
    recorder_.reset();
    if (current() == this) current_recording.reset();
  }
  const std::string& refusal() const { return recorder_ ? recorder_->refusal() : refusal_; }
  std::unique_ptr<RecordedCall> finish(const std::vector<Tensor>& results) {
    check_thread();
    graph::Program program = recorder_->finish(results);
    abort();
    return std::make_unique<RecordedCall>(std::move(program), arguments_);
  }
  void on_replay(py::function refresh) {
    for (const auto& known : refreshers_) {
      if (known.equal(refresh)) return;
    }
    refreshers_.push_back(std::move(refresh));
  }
  std::vector<py::function> refreshers() const { return refreshers_; }

  bool made_state = false;  // of an optimizer: what no replay does again

 private:
  static Recording* current() {
    const std::shared_ptr<Recording*> self = current_recording.lock();
    return self ? *self : nullptr;
  }
  void check_thread() const {
    if (under_way() == this && recorder_) return;
    fail<StateError>("compile", "expected a recording under way on this thread; got one that has ",
                     "ended or belongs to another.");
  }

  std::vector<Tensor> arguments_;
  std::unique_ptr<graph::ProgramRecorder> recorder_;
  std::string refusal_;  // why the recorder gave up
  std::vector<py::function> refreshers_;
  const std::shared_ptr<Recording*> self_ = std::make_shared<Recording*>(this);
};

// Lets a host-side refresh (hyper-parameters from param_groups) run unseen while recording.
class PauseRecording {
 public:
  void enter() {
    recording_ = Recording::under_way();
    saved_ = std::exchange(modes.recorder, nullptr);
  }
  void exit(const py::args&) {
    if (recording_ == Recording::under_way()) modes.recorder = saved_;
    saved_ = nullptr;
  }

 private:
  Recording* recording_ = nullptr;
  Recorder* saved_ = nullptr;
};

}  // namespace

uint64_t plans_generation() { return generation.load(std::memory_order_relaxed); }
bool is_recording() { return Recording::under_way() != nullptr; }

void refuse_while_recording(const char* what, const char* hint) {
  if (modes.recorder) modes.recorder->on_host_code(what, hint);
}

void invalidate_plans(const char* what, const char* hint) {
  refuse_while_recording(what, hint);
  events.fetch_add(1, std::memory_order_relaxed);
  const uint64_t before = changes.fetch_add(1, std::memory_order_relaxed);
  generation.fetch_xor(mixed(2 * before) ^ mixed(2 * (before + 1)), std::memory_order_relaxed);
}

// In one go, as other threads may do the same. `_evaluating` says that the module is counted as one
// that is not in training: by its address, for a copy has the attribute, too, and does not count.
bool set_training(const py::object& module, bool mode) {
  const py::dict held = module.attr("__dict__");
  const py::int_ place(reinterpret_cast<uintptr_t>(module.ptr()));
  const auto attribute = [&](const char* name) {
    PyObject* value = PyDict_GetItemString(held.ptr(), name);
    return value ? borrow(value) : py::object();
  };
  const py::object evaluating = attribute("_evaluating"), training = attribute("training");
  const bool counted = !(evaluating && evaluating.equal(place));
  const bool known = training && training.is(py::bool_(counted));
  held["training"] = py::bool_(mode);
  if (mode == counted) return known;
  if (mode) {
    PyDict_DelItemString(held.ptr(), "_evaluating");
  } else {
    held["_evaluating"] = place;
  }
  events.fetch_add(1, std::memory_order_relaxed);
  const auto bits = mixed(2 * reinterpret_cast<uint64_t>(module.ptr()) + 1);
  generation.fetch_xor(bits, std::memory_order_relaxed);
  return known;
}

void bind_program(py::module_& m) {
  bind_source_line();
  py::class_<RecordedCall>(m, "Program", "One recorded call, as a flat list of instructions.")
      .def("__call__", &RecordedCall::run, py::arg("arguments"),
           "One replay; None, and nothing has run, when a guard does not hold any more.")
      .def("__repr__", [](RecordedCall& c) { return c.executor().program().to_string(); })
      .def("__len__", [](RecordedCall& c) { return c.executor().program().code.size(); })
      .def(
          "_difference",
          [](const RecordedCall& c, const RecordedCall& other) {
            return c.recorded().difference(other.recorded());
          },
          "Empty when both programs are equal op by op, else what differs and where.")
      .def(
          "_verify", [](const RecordedCall& c) { c.recorded().verify(); },
          "Re-runs every shape rule over the program.")
      .def_property_readonly(
          "peak_bytes", [](RecordedCall& c) { return c.executor().program().memory.peak_bytes; },
          "Bytes that a replay works in: of what it computes on the way, which shares memory as "
          "soon as nobody reads it any more, of results and gradients, and of constants.")
      .def_property_readonly("_replays", &RecordedCall::replays, "How often it was replayed.")
      .def("_same_places", &RecordedCall::same_places, py::arg("arguments"),
           "Whether the arguments share memory as recorded.")
      .def(
          "_places_equal",
          [](const RecordedCall& c, const RecordedCall& other) {
            return c.recorded().places_equal(other.recorded());
          },
          "Whether the arguments of both recordings shared memory alike.")
      .def("_holds", &RecordedCall::holds, py::arg("arguments"),
           "Whether gradients, requires_grad and what shares memory are as recorded.")
      .def(
          "_steps", [](RecordedCall& c) { return c.executor().steps(); },
          "What a replay runs, one after the other.")
      .def("_profile", &RecordedCall::profile, py::arg("arguments"),
           "Nanoseconds of each step in one real run, or None as for a call.");
  refuse_new(m.attr("Program"));
  py::class_<Recording>(m, "_Recording")
      .def(py::init<std::vector<Tensor>, bool>(), py::arg("arguments"), py::arg("gives_up") = false)
      .def("finish", &Recording::finish)
      .def("abort", &Recording::abort)
      .def("on_replay", &Recording::on_replay)
      .def_property_readonly("refreshers", &Recording::refreshers)
      .def_property_readonly("refusal", &Recording::refusal,
                             "What ended a recording that gives up; empty when nothing did.")
      .def_readwrite("made_state", &Recording::made_state);
  py::class_<PauseRecording>(m, "_PauseRecording")
      .def(py::init<>())
      .def("__enter__", &PauseRecording::enter)
      .def("__exit__", &PauseRecording::exit);
  refuse_pickling(m.attr("_Recording"));
  refuse_pickling(m.attr("_PauseRecording"));
  m.def("_recording", &Recording::under_way, py::return_value_policy::reference,
        "The recording under way on this thread, or None.");
  m.attr("_MAX_TRIES") = graph::kMaxTries;
  m.attr("_MAX_VARIANTS") = graph::kMaxVariants;
  m.attr("_MAX_PLANS") = graph::kMaxPlans;
  m.def("_unlike", graph::unlike, py::arg("difference"),
        "What the error says when that many recordings in a row differed.");
  m.def("_plans_generation", plans_generation,
        "A number for all that captured programs rely on; equal where nothing has changed.");
  m.def(
      "_plans_changes", [] { return changes.load(std::memory_order_relaxed); },
      "How many changes there were that never come back; those of modes do.");
  m.def(
      "_plans_events", [] { return events.load(std::memory_order_relaxed); },
      "How many changes and switches of modes there were.");
  m.def("_set_training", set_training, py::arg("module"), py::arg("mode"),
        "Puts a module into a mode. Plans of the other one wait for it. False where the module was "
        "not in the mode that it was put into last, and plans may be wrong: a change.");
  m.def("_invalidate_plans", invalidate_plans,
        py::arg("what") = "change of a module or an optimizer", py::arg("hint") = py::none(),
        "Says that something captured programs rely on has changed.");
  m.def("_refuse_while_recording", refuse_while_recording, py::arg("what"),
        py::arg("hint") = py::none(),
        "CaptureError that names `what` and the user's line while this thread records.");
}

}  // namespace chainrule::bindings
