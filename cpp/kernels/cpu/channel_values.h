// Where a row of a normalised matrix finds its weights.
#pragma once

#include <cstdint>

namespace chainrule::kernels {
namespace {

// The weights, or biases, of the channels of row r; null for none.
template <typename T>
struct ChannelValues {
  const T* first;
  int64_t span;

  template <typename Args>
  ChannelValues(const Args& args, const void* values, int64_t r) : first(nullptr), span(args.span) {
    if (values) first = static_cast<const T*>(values) + r % args.groups * (args.cols / args.span);
  }
  const T* of(int64_t column) const { return first ? first + column / span : nullptr; }
};

}  // namespace
}  // namespace chainrule::kernels
