// Random numbers and dropout.
#include "kernels/cpu/entry.h"
#include "kernels/random_loops.h"

namespace chainrule::kernels {

void CHAINRULE_ENTRY(random)(KernelTable& table) { set_random(table); }

}  // namespace chainrule::kernels
