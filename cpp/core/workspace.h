// Memory of the calling thread for kernels that reorder their operands (they may not allocate
// themselves): grows to the largest request and stays until the thread ends.
#pragma once

#include <cstdint>

namespace chainrule {

// Whose it is: a driver of ops/ that calls kernels keeps its own meanwhile.
enum class Workspace { kKernel, kDriver };

// At least `bytes`, 64-byte aligned, undefined contents; the next call of this thread for the same
// one may move it. Throws OutOfMemory.
void* thread_workspace(int64_t bytes, Workspace which = Workspace::kKernel);

}  // namespace chainrule
