#include "ops/view_rules.h"

namespace chainrule {

Dims resolve_sizes(const char* op, const Dims& requested, const Dims& have) {
  const int64_t numel = have.product();
  Dims sizes = requested;
  int unknown = -1;
  int64_t known = 1;
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] == -1 && unknown < 0) {
      unknown = d;
    } else if (sizes[d] < 0) {
      fail<ShapeError>(op, "expected sizes >= 0 and at most one -1; got ", requested, ".");
    } else if (__builtin_mul_overflow(known, sizes[d], &known)) {
      fail<ShapeError>(op, "expected sizes for ", numel, " elements; got ", requested, ".");
    }
  }
  if (unknown >= 0 && known != 0 && numel % known == 0) {
    sizes[unknown] = numel / known;
    return sizes;
  }
  if (unknown >= 0 && known == 0 && numel == 0) {
    fail<ShapeError>(op, "expected sizes without -1 for a tensor of no elements; got ", requested,
                     ", where the -1 could be anything.");
  }
  if (unknown >= 0 || known != numel) {
    fail<ShapeError>(op, "expected sizes for the ", numel, " elements of ", have, "; got ",
                     requested, ".");
  }
  return sizes;
}

// Walks both shapes from the right. A run of input dimensions that lie densely behind each other is
// one block, which the target may cut up freely; the cut must fall on block borders.
bool view_strides(const Dims& sizes, const Dims& strides, const Dims& target, Dims* out) {
  if (sizes.product() == 0) {
    *out = contiguous_strides(target);
    return true;
  }
  Dims result(target.size(), 1);
  int t = target.size() - 1;
  int64_t block_stride = 1;  // of the innermost element of the block
  int64_t block = 1, cut = 1;
  if (!sizes.empty()) block_stride = strides[sizes.size() - 1];
  for (int d = sizes.size() - 1; d >= 0; --d) {
    block *= sizes[d];
    const bool ends = d == 0 || (sizes[d - 1] != 1 && strides[d - 1] != block * block_stride);
    if (!ends) continue;
    while (t >= 0 && (cut < block || target[t] == 1)) {
      result[t] = cut * block_stride;
      cut *= target[t];
      --t;
    }
    if (cut != block) return false;
    if (d > 0) {
      block_stride = strides[d - 1];
      block = cut = 1;
    }
  }
  for (; t >= 0; --t) result[t] = cut * block_stride;  // ones in front, or all of them
  *out = result;
  return true;
}

int normalize_new_dim(const char* op, int64_t dim, int rank) {
  if (dim < -rank - 1 || dim > rank) {
    fail<IndexError>(op, "expected dim in [", -rank - 1, ", ", rank, "] for a new dimension of a ",
                     rank, "-dimensional tensor; got ", dim, ".");
  }
  return static_cast<int>(dim < 0 ? dim + rank + 1 : dim);
}

Dims normalize_dims(const char* op, const Dims& dims, int rank) {
  Dims result;
  for (int64_t dim : dims) {
    const int64_t d = normalize_dim(op, dim, rank);
    if (result.contains(d)) {
      fail<ShapeError>(op, "expected each dim once; got ", dims, " for a ", rank,
                       "-dimensional tensor.");
    }
    result.push_back(d);
  }
  return result;
}

void check_window(const char* op, const Window& w, int64_t first, int64_t end) {
  if (w.sizes.size() != w.strides.size()) {
    fail<ShapeError>(op, "expected as many strides as sizes; got ", w.sizes, " and ", w.strides,
                     ".");
  }
  const bool empty = checked_numel(op, w.sizes) == 0;
  int64_t last = w.offset;
  bool fits = empty || w.offset >= first;
  for (int d = 0; d < w.sizes.size(); ++d) {
    if (w.strides[d] < 0) fail<ShapeError>(op, "expected strides >= 0; got ", w.strides, ".");
    int64_t steps;
    fits = fits && (empty || (!__builtin_mul_overflow(w.sizes[d] - 1, w.strides[d], &steps) &&
                              !__builtin_add_overflow(last, steps, &last)));
  }
  if (fits && (empty || last < end)) return;
  fail<ShapeError>(op, "expected a window inside the storage of ", end, " elements; got sizes ",
                   w.sizes, ", strides ", w.strides, ", offset ", w.offset, ".");
}

}  // namespace chainrule
