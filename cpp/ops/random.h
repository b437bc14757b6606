// What random ops share: see ops/generator.h for where numbers come from.
#pragma once

#include "ops/generator.h"

namespace chainrule {

// The state for one random call; advances the generator.
Tensor take_random_state(const Tensor& generator, const char* op);

// What the primitives read: a snapshot as generators give it, and dense values. Raises
// InternalError.
void check_random_inputs(const char* op, const Tensor& state, const Tensor& values = Tensor());

}  // namespace chainrule
