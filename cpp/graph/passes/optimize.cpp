#include "graph/passes/passes.h"

namespace chainrule::graph {

void optimize(Program& program) {
  using Pass = void (*)(Program&);
  for (const Pass pass : {drop_copies, drop_dead_code, fuse_bias_gradients, attach_tails}) {
    pass(program);
    program.verify();
  }
  program.memory = plan_memory(program);
  verify_memory(program);
}

}  // namespace chainrule::graph
