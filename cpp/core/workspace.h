// Memory of the calling thread for kernels that reorder their operands (they may not allocate
// themselves): grows to the largest request and stays until the thread ends.
#pragma once

#include <cstdint>

namespace chainrule {

// At least `bytes`, 64-byte aligned, undefined contents; the next call of this thread may move it.
// Throws OutOfMemory.
void* thread_workspace(int64_t bytes);

}  // namespace chainrule
