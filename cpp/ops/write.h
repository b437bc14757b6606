// What every mutation owes the tensors that it changes.
#pragma once

#include "ops/op.h"

namespace chainrule {

// StateError for read-only memory, and outside of inference_mode for tensors made inside.
void require_writable(const Tensor& t, const char* op);

// The same, and for what no write in place may change: leaves while history is kept, and expanded
// tensors.
void check_writable(const Tensor& target, const char* op);

// What require_writable says, of each tensor that the calls' operations change in place, and where
// two of them share memory: they would be changed twice, by two threads at once.
void check_mutated(std::span<const Call> calls);

// Counts one more change of each tensor that the call's operation changes in place.
void bump_mutated(const Call& c);

}  // namespace chainrule
