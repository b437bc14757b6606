// Which table is in use. table(), select_isa() and available_isas() are declared in kernel_table.h;
// this adds what tests need.
#pragma once

#include <string_view>

#include "kernels/kernel_table.h"

namespace chainrule::kernels {

// The table of that name, without selecting it; null if this build or this processor lacks it.
const KernelTable* find_table(std::string_view name);

}  // namespace chainrule::kernels
