// Process-wide settings, promotion rules, memory and instruction sets.
#include <cxxabi.h>
#include <pthread.h>
#include <unistd.h>

#include <thread>

#include "bindings/module.h"
#include "bindings/numbers.h"
#include "bindings/other_types.h"
#include "bindings/program.h"
#include "bindings/types.h"
#include "core/allocator.h"
#include "core/threads.h"
#include "kernels/kernel_table.h"
#include "ops/index_rules.h"
#include "ops/op.h"

namespace chainrule::bindings {

namespace {

// ---- The GIL around long work: only if this thread holds it, so nested regions do nothing.
int computing = 0;  // threads inside long work on tensors; guarded by the GIL
// A forked child does not have the threads that were inside.
const int fork_handler [[maybe_unused]] = pthread_atfork(nullptr, nullptr, [] { computing = 0; });

void* release_gil(bool reads) {
  if (!PyGILState_Check()) return nullptr;
  computing += reads;
  return PyEval_SaveThread();
}
// An interpreter that shuts down ends a waiting thread by unwinding its stack, which the noexcept
// frames of C++ turn into an abort. Such a thread sleeps until the process ends instead.
void take_gil(void* state, bool reads) {
  try {
    PyEval_RestoreThread(static_cast<PyThreadState*>(state));
    computing -= reads;
  } catch (abi::__forced_unwind&) {
    while (true) pause();
  }
}

Tensor promotion_operand(const py::object& o) {
  if (is_tensor(o.ptr())) return tensor_of(o.ptr());
  const std::optional<Number> n = number_from(o.ptr());
  if (!n)
    fail<TypeError>("result_type", "expected tensors or numbers; got ", type_name(o.ptr()), ".");
  return weak_tensor(*n);
}

py::object result_type_object(const py::object& a, const py::object& b) {
  const Tensor operands[] = {promotion_operand(a), promotion_operand(b)};
  return borrow(dtype_object(result_type(operands)));
}

py::object promote(const py::object& a, const py::object& b) {
  return borrow(dtype_object(promote_types(require_dtype(a.ptr(), "promote_types"),
                                           require_dtype(b.ptr(), "promote_types"))));
}

py::dict memory_stats_dict() {
  const MemoryStats stats = memory_stats();
  py::dict result;
  result["allocated"] = stats.allocated;
  result["peak"] = stats.peak;
  result["cached"] = stats.cached;
  return result;
}

}  // namespace

void wait_for_long_work() {
  while (computing > 0) {
    const py::gil_scoped_release others;
    std::this_thread::yield();
  }
}

void bind_settings(py::module_& m) {
  using namespace py::literals;
  host_lock_hooks = {release_gil, take_gil};
  m.def("get_num_threads", num_threads, "How many threads one operation may use.");
  m.def(
      "set_num_threads",
      [](const py::object& n) {
        refuse_while_recording("set_num_threads");
        const std::optional<int64_t> count = int_from(n.ptr());
        if (!count)
          fail<TypeError>("set_num_threads", "expected an int; got ", type_name(n.ptr()), ".");
        set_num_threads(static_cast<int>(std::clamp<int64_t>(*count, INT32_MIN, INT32_MAX)));
      },
      "n"_a, "Sets how many threads one operation may use; results keep their bits.");
  m.def(
      "get_default_dtype", [] { return borrow(dtype_object(default_dtype())); },
      "The dtype of new floating tensors.");
  m.def(
      "set_default_dtype",
      [](const py::object& d) {
        refuse_while_recording("set_default_dtype");
        set_default_dtype(require_dtype(d.ptr(), "set_default_dtype"));
      },
      "d"_a, "Sets the dtype of new floating tensors: float32 or float64.");
  m.def("result_type", result_type_object, "tensor1"_a, "tensor2"_a,
        "The dtype of an operation on both.");
  m.def("promote_types", promote, "type1"_a, "type2"_a, "The smallest dtype both can be cast to.");
  m.def(
      "can_cast",
      [](const py::object& from, const py::object& to) {
        return can_cast(require_dtype(from.ptr(), "can_cast"), require_dtype(to.ptr(), "can_cast"));
      },
      "from_"_a, "to"_a, "Whether `from_` may be written into `to` in place.");
  // In whose terms functions written in Python have an index refused.
  m.attr("_INDEX_FORMS") = py::dict("embedding"_a = static_cast<int>(kEmbeddingForm),
                                    "embedding_bag"_a = static_cast<int>(kEmbeddingBagForm),
                                    "offsets"_a = static_cast<int>(kOffsetsForm),
                                    "bags"_a = static_cast<int>(kBagsForm));
  m.def("_memory_stats", memory_stats_dict,
        "Bytes allocated, their peak, and bytes kept for reuse.");
  m.def("_empty_cache", empty_cache, "Gives cached memory back to the system.");
  m.def("_isa", [] { return std::string(kernels::table().isa); }, "The instruction set in use.");
  m.def("_available_isas", [] { return std::string(kernels::available_isas()); });
  m.def(
      "_select_isa", [](const std::string& name) { kernels::select_isa(name.c_str()); }, "name"_a);
}

}  // namespace chainrule::bindings
