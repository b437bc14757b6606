// What the machine and the control groups of this process have left.
#pragma once

#include <cstdint>

namespace chainrule {

// Bytes that may still be touched before the kernel ends somebody; INT64_MAX where it cannot be
// told. Reads a few files of /proc and /sys (about 50 us), so it is asked once for many requests.
int64_t available_memory() noexcept;
// Bytes that this process has in memory and swapped out; INT64_MAX where it cannot be told.
int64_t resident_memory() noexcept;

}  // namespace chainrule
