// Gives results of a replay the history of eager ones: those that can be run backward hang on one
// node, whose backward is the program's second section.
#pragma once

#include <memory>

#include "graph/frame.h"

namespace chainrule::graph {

void hang_results(const std::shared_ptr<const Program>& program, Frame& frame,
                  std::vector<Tensor>& results);

}  // namespace chainrule::graph
