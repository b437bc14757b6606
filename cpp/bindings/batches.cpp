// Batch after batch of one epoch without Python: rows are gathered from tensors in memory, the step
// that was replayed last is replayed on them, and what it returns is summed.
#include <pybind11/eval.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>

#include "bindings/fast_call.h"
#include "bindings/rows.h"
#include "bindings/tensor_type.h"
#include "ops/modes.h"

namespace chainrule::bindings {

namespace {

using Clock = std::chrono::steady_clock;

// Lets other threads of Python run now and then, and signals be seen: by a call of Python's, which
// gives its lock to a thread that has waited for it long enough. To let it go and take it again
// would start that thread's waiting anew, every time.
class Courtesy {
 public:
  void show(Clock::time_point now) {
    if (PyErr_CheckSignals() != 0) throw_python_error();
    if (now - last_ < kInterval) return;
    last_ = now;
    nothing_();
  }

 private:
  static constexpr auto kInterval = std::chrono::milliseconds(1);
  const py::object nothing_ = py::eval("lambda: None");
  Clock::time_point last_ = Clock::now();
};

bool fits(const RecordedCall& call, const std::vector<Tensor>& batch) {
  const auto& layouts = call.layouts();
  return std::equal(
      layouts.begin(), layouts.end(), batch.begin(), batch.end(),
      [](const RecordedCall::Layout& layout, const Tensor& t) { return layout.fits(*t.impl()); });
}

// Whether a replay returns so many numbers for batches that nothing else is known of.
bool gives_numbers(const Latest& latest, size_t count) {
  const graph::Program& program = latest.call->recorded();
  return latest.signature.takes_batches() && program.results.size() == count &&
         std::all_of(program.results.begin(), program.results.end(),
                     [&](graph::ValueId id) { return program.values[id].sizes.product() == 1; });
}

// Integers become what the call takes first.
std::optional<Scale> scale_for(const RecordedCall& call, double factor) {
  const auto& layouts = call.layouts();
  if (layouts.empty() || !is_floating(layouts[0].dtype)) return std::nullopt;
  return Scale{layouts[0].dtype, factor};
}

// One batch: false where Python has to look, and then nothing has happened. That is so, too, where
// a row number or a value is at fault: Python takes the same batch and meets the same error.
bool replay(Latest& latest, Rows& rows, int64_t begin, int64_t end, std::vector<Tensor>& arguments,
            std::vector<Tensor>& results) {
  if (!latest.stands()) return false;
  try {
    return rows.take(begin, end, arguments) && fits(*latest.call, arguments) &&
           latest.call->replay(arguments, results);
  } catch (const Error&) {
    return false;
  }
}

// (how many batches were taken, the sums with those of their results times the samples)
py::tuple replay_batches(const py::object& fast, std::vector<Tensor> tensors,
                         const std::optional<Tensor>& order, int64_t begin, int64_t end,
                         int64_t size, std::vector<double> sums, double seconds,
                         const std::optional<double>& scale) {
  const auto last = Clock::now() + std::chrono::duration<double>(seconds);
  const std::shared_ptr<Latest> latest = latest_call(fast.ptr());
  const bool knows = latest && !modes.recorder && gives_numbers(*latest, sums.size());
  Rows rows(std::move(tensors), order.value_or(Tensor()),
            knows && scale ? scale_for(*latest->call, *scale) : std::nullopt);
  int64_t done = 0;
  if (!knows || begin < 0 || size <= 0) return py::make_tuple(done, sums);
  end = std::min(end, rows.count());
  Courtesy courtesy;
  std::vector<Tensor> arguments, results;
  for (auto now = Clock::now(); now < last && end - begin >= size; now = Clock::now()) {
    if (!replay(*latest, rows, begin, begin + size, arguments, results)) break;
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i] += results[i].item_double() * static_cast<double>(size);
    }
    results.clear();
    begin += size;
    ++done;
    courtesy.show(now);
  }
  return py::make_tuple(done, sums);
}

}  // namespace

void bind_batches(py::module_& m) {
  m.def("_replay_batches", replay_batches, py::arg("fast"), py::arg("tensors"), py::arg("order"),
        py::arg("begin"), py::arg("end"), py::arg("size"), py::arg("sums"), py::arg("seconds"),
        py::arg("scale") = py::none(),
        "Replays the latest call of a _FastCall on the whole batches of rows [begin, end), for so "
        "many seconds or as long as it stands. With a scale integers in the first tensor become "
        "what the call takes, times that.");
}

}  // namespace chainrule::bindings
