#pragma once

#include <string>

#include "graph/program.h"

namespace chainrule::graph {

// An immediate as Python writes it.
std::string number_text(const Number& n);

}  // namespace chainrule::graph
