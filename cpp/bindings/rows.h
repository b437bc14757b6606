// Batches of rows of tensors in memory, in the order of an epoch.
#pragma once

#include <optional>
#include <vector>

#include "core/tensor.h"

namespace chainrule::bindings {

// What becomes of integers on the way: x.to(dtype) * factor, with the bits of these two operations.
struct Scale {
  DType dtype;  // floating
  double factor;
};

class Rows {
 public:
  // The rows at `order`, an int64 vector, or as they stand where it is undefined; `scale` is for
  // the first tensor, where that is of integers.
  Rows(std::vector<Tensor> tensors, Tensor order, std::optional<Scale> scale);

  int64_t count() const { return count_; }
  // The rows [begin, end) as dense tensors of their own; those in `batch` are used again where
  // nobody else has them. False: a row that is not there, or whose elements are not side by side.
  bool take(int64_t begin, int64_t end, std::vector<Tensor>& batch);

 private:
  struct Source {
    Tensor tensor;
    int64_t elements;  // of a row
    int64_t stride;    // from row to row, in bytes
    bool dense;        // within a row, and in the whole where there is no order
    DType dtype;       // of a batch
    Tensor factor;     // of its dtype's computations; undefined where rows stay as they are
  };
  bool are_there(int64_t rows) const;
  void copy(const Source& from, int64_t begin, int64_t end, char* to) const;

  std::vector<Source> sources_;
  Tensor order_;
  std::vector<int64_t> places_;  // of the batch: another thread may write the order meanwhile
  int64_t count_;
};

}  // namespace chainrule::bindings
