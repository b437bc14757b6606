// What every mutation owes the tensors that it changes.
#pragma once

#include "ops/op.h"

namespace chainrule {

// Counts one more change of each tensor that the call's operation changes in place.
void bump_mutated(const Call& c);

}  // namespace chainrule
