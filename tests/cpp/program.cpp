// Program::verify() on programs that were broken on purpose.
#include <cstdio>
#include <functional>

#include "generated/ops.h"
#include "graph/recorder.h"

namespace {

using namespace chainrule;

// w += x * 2, as a program: two values, a write-back to the state and nothing to commit in place.
graph::Program recorded() {
  static const Tensor w = Tensor::empty(DType::kFloat32, Dims{4});
  const Tensor x = Tensor::empty(DType::kFloat32, Dims{4});
  graph::ProgramRecorder recorder(std::span<const Tensor>(&x, 1));
  const Tensor y = mul(x, 2.0);
  modes.recorder->on_write(w, add(w, y));
  return recorder.finish({});
}

bool refused(const char* what, const std::function<void(graph::Program&)>& spoil) {
  graph::Program program = recorded();
  program.verify();
  spoil(program);
  try {
    program.verify();
  } catch (const InternalError&) {
    return true;
  }
  std::printf("verify() accepts %s\n", what);
  return false;
}

}  // namespace

int main() {
  bool good = true;
  good &= refused("a commit section that computes", [](auto& p) { p.commit_begin = 0; });
  good &= refused("sections past the end", [](auto& p) { p.forward_end = p.code.size() + 1; });
  good &= refused("sections out of order", [](auto& p) { p.forward_end = p.commit_begin - 1; });
  good &= refused("a row of another length", [](auto& p) {
    p.values[p.writes[0].value].sizes = Dims{3};
    p.code.clear();
    p.commit_begin = p.forward_end = 0;
  });
  good &= refused("a row of two dimensions", [](auto& p) {
    p.values[p.writes[0].value].sizes = Dims{2, 2};
    p.code.clear();
    p.commit_begin = p.forward_end = 0;
  });
  good &= refused("an immediate as a result",
                  [](auto& p) { p.results.push_back(p.code[0].inputs[1]); });
  return good ? 0 : 1;
}
