// Shape arithmetic that several families of views share.
#pragma once

#include "ops/op.h"
#include "ops/rules.h"

namespace chainrule {

// `requested` with its -1 (at most one) replaced so that the product is `numel`.
Dims resolve_sizes(const char* op, const Dims& requested, const Dims& have);

// Strides under which the same elements have the sizes `target`; false when only a copy can do it.
bool view_strides(const Dims& sizes, const Dims& strides, const Dims& target, Dims* out);

// Non-negative dimensions from possibly negative ones; a repeated one is an error.
Dims normalize_dims(const char* op, const Dims& dims, int rank);

// Where a new dimension goes: 0 <= dim <= rank from a possibly negative dim, else IndexError.
int normalize_new_dim(const char* op, int64_t dim, int rank);

// The product of all sizes but the last `without`.
inline int64_t leading_product(const Dims& sizes, int without) {
  int64_t product = 1;
  for (int d = 0; d < sizes.size() - without; ++d) product *= sizes[d];
  return product;
}

// A 0-dimensional tensor counts as one of one dimension.
inline Tensor with_dim(const Tensor& x) { return x.dim() == 0 ? view(x, Dims{1}) : x; }

// A rectangular part of a strided tensor.
struct Window {
  Dims sizes;
  Dims strides;
  int64_t offset = 0;  // from the tensor's first element
};
// ShapeError unless all its elements lie in [first, end).
void check_window(const char* op, const Window& window, int64_t first, int64_t end);

}  // namespace chainrule
