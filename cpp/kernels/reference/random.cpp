// Random numbers and dropout, one Philox block at a time.
#include "kernels/random_loops.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {

void fill_reference_random(KernelTable& table) { set_random(table); }

}  // namespace chainrule::kernels
