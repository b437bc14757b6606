// The plan of a program's memory: plans that were spoiled on purpose are refused, and a replay
// takes at its peak what the plan says.
#include <functional>

#include "core/allocator.h"
#include "core/threads.h"
#include "generated/ops.h"
#include "graph/executor.h"
#include "graph/passes/passes.h"
#include "graph/recorder.h"
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using checks::expect;
using graph::Home;

constexpr int64_t kSize = 128;
constexpr int64_t kMatrix = kSize * kSize * sizeof(float);

// Values that live long, that are taken over in place, that need scratch memory, that are views,
// and that are made once for all runs: the sum needs scratch memory there, too.
Tensor work(const Tensor& x) {
  const Tensor a = matmul(x, x);
  const Tensor b = mul(tanh(a), sum(ones({kSize, kSize})));
  const Tensor c = add(sort(b, 0)[0], permute(a, {1, 0}));
  return sum(matmul(c, b), Dims{0});
}

graph::Program recorded() {
  const Tensor x = ones({kSize, kSize});
  graph::ProgramRecorder recorder({&x, 1});
  const Tensor y = work(x);
  return recorder.finish({&y, 1});
}

void check_refused(const char* what, const std::function<void(graph::Program&)>& spoil) {
  graph::Program program = recorded();
  graph::optimize(program);
  graph::verify_memory(program);
  spoil(program);
  try {
    graph::verify_memory(program);
  } catch (const InternalError&) {
    return;
  }
  expect(false, "verify_memory() accepts ", what);
}

// Calls fn(instruction, value) for what instructions make in the arena.
void each_made(graph::Program& p, const std::function<void(size_t, graph::ValueId)>& fn) {
  for (size_t i = 0; i < p.commit_begin; ++i) {
    for (graph::ValueId id : p.code[i].outputs) {
      if (p.memory.places[id].home == Home::kArena && !p.values[id].view) fn(i, id);
    }
  }
}

void check_spoiled_plans() {
  check_refused("a smaller arena", [](auto& p) { p.memory.arena_bytes -= kAlignment; });
  check_refused("values that all lie at the beginning", [](auto& p) {
    each_made(p, [&](size_t, graph::ValueId id) { p.memory.places[id].offset = 0; });
  });
  check_refused("a value at no multiple of the alignment", [](auto& p) {
    p.memory.arena_bytes += kMatrix;
    each_made(p, [&](size_t, graph::ValueId id) { p.memory.places[id].offset += 4; });
  });
  check_refused("scratch memory on what the instruction makes", [](auto& p) {
    each_made(p, [&](size_t i, graph::ValueId id) {
      if (p.code[i].scratch_bytes > 0) p.memory.scratch[i] = p.memory.places[id].offset;
    });
  });
  check_refused("an output on the operands of a product", [](auto& p) {
    int64_t before = 0;
    each_made(p, [&](size_t i, graph::ValueId id) {
      if (p.code[i].op == &ops::kProduct) p.memory.places[id].offset = before;
      before = p.memory.places[id].offset;
    });
  });
}

// Bytes of all that instructions make.
int64_t made_by(const graph::Program& p) {
  int64_t bytes = 0;
  for (const graph::Value& v : p.values) {
    const bool made = v.source == graph::Source::kInstruction && !v.view;
    if (made) bytes += v.sizes.product() * static_cast<int64_t>(itemsize(v.dtype));
  }
  return bytes;
}

// By how much the memory of tensors grows meanwhile, at most.
int64_t peak_of(const std::function<void()>& run) {
  const int64_t before = memory_stats().allocated;
  // Never touched; with it every further block is a new peak.
  const Tensor ballast =
      Tensor::empty(DType::kUInt8, Dims{std::max<int64_t>(memory_stats().peak - before, 1)});
  const int64_t full = memory_stats().allocated;
  run();
  return memory_stats().peak - full;
}

void check_peak() {
  constexpr int64_t kHeaders = 1 << 13;  // of tensors
  set_num_threads(1);  // a worker's workspace, made when it first comes, is no part of a plan
  graph::Executor executor(recorded());
  const auto& memory = executor.program().memory;
  const Tensor x = ones({kSize, kSize});
  std::vector<Tensor> results, others;
  const auto expect_peak = [](int64_t peak, int64_t planned) {
    expect(peak >= planned && peak < planned + kHeaders, "a replay takes ", peak,
           " bytes where the plan says ", planned);
  };
  const int64_t result = kSize * static_cast<int64_t>(sizeof(float));
  const int64_t constant = kMatrix;  // of which the sum is made
  expect(memory.arena_bytes >= 4 * kMatrix && memory.arena_bytes < made_by(executor.program()),
         "the plan has ", memory.arena_bytes, " bytes for matrices of ", kMatrix);
  expect_peak(peak_of([&] { executor.run({&x, 1}, results); }),
              memory.arena_bytes + result + constant);
  expect_peak(peak_of([&] { executor.run({&x, 1}, others); }), result);
}

}  // namespace

int main() {
  check_spoiled_plans();
  check_peak();
  return checks::finish("memory_plan");
}
