// The allocator's block sizes: every 64 bytes up to 1 KiB, then eight to a doubling, so that at
// most 12.5 % of a block is wasted.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace chainrule {

constexpr int size_class(size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const size_t b = bytes - 1;
  const int e = std::bit_width(b) - 1;
  return 16 + (e - 10) * 8 + static_cast<int>((b >> (e - 3)) & 7);
}

constexpr size_t class_size(int c) {
  if (c < 16) return 64 * static_cast<size_t>(c + 1);
  const int e = 10 + (c - 16) / 8;
  return static_cast<size_t>(8 + (c - 16) % 8 + 1) << (e - 3);
}

inline constexpr size_t kLargestBlock = size_t{1} << 46;  // keeps every sum of sizes from wrapping
inline constexpr int kSlabClasses = size_class(4 << 10) + 1;    // cut from slabs
inline constexpr int kThreadClasses = size_class(1 << 20) + 1;  // kept in threads' lists too
inline constexpr int kClasses = size_class(kLargestBlock) + 1;

}  // namespace chainrule
