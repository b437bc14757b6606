// The constants that fix the order of floating-point additions. They are part of the numbers a user
// sees: results change in their last bits when one of them does, so kernels, drivers and tests read
// them here.
#pragma once

#include <cstdint>

namespace chainrule::kernels {

// Products and sums over rows (inner > 1) go through k in blocks of this size, ascending. Each
// block is accumulated from zero with one accumulator an element; the block sums are added in
// ascending order. So the bias gradient (a sum over rows) is the number a product with a row of
// ones gives. 512 reached up to 5 % more than 256 at 512^3, 8 at 2048^3: C is read and written half
// as often.
inline constexpr int64_t kProductBlockK = 512;

// The same of products of bfloat16, whose sums are kept in float32 between blocks.
inline constexpr int64_t kBFloat16BlockK = 1024;

// A reduction of n > kReduceChunk contiguous elements is defined as: reduce each chunk of
// kReduceChunk elements (the last one may be shorter), then reduce the partial results by the same
// rule. A driver may therefore give the chunks to different threads and gets the bits of the serial
// call.
inline constexpr int64_t kReduceChunk = 4096;

// Within a chunk element i belongs to lane i % lanes; the lanes are then folded in halves. 256
// bytes of lanes are four AVX-512 registers, enough independent chains to hide the latency of an
// addition.
inline constexpr int64_t kReduceLaneBytes = 256;
template <typename T>
inline constexpr int64_t kReduceLanes = kReduceLaneBytes / static_cast<int64_t>(sizeof(T));

}  // namespace chainrule::kernels
