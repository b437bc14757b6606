// Batches of rows of tensors in memory, in the order of an epoch.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace chainrule::bindings {

class Rows {
 public:
  // The rows at `order`, an int64 vector, or as they stand where it is undefined.
  Rows(std::vector<Tensor> tensors, Tensor order);

  int64_t count() const { return count_; }
  // The rows [begin, end) as dense tensors of their own; those in `batch` are used again where
  // nobody else has them. False: a row that is not there, or whose elements are not side by side.
  bool take(int64_t begin, int64_t end, std::vector<Tensor>& batch);

 private:
  struct Source {
    Tensor tensor;
    int64_t bytes;   // of a row
    int64_t stride;  // from row to row
    bool dense;      // within a row, and in the whole where there is no order
  };
  bool are_there(int64_t rows) const;
  void copy(const Source& from, int64_t begin, int64_t end, char* to) const;

  std::vector<Source> sources_;
  Tensor order_;
  std::vector<int64_t> places_;  // of the batch: another thread may write the order meanwhile
  int64_t count_;
};

}  // namespace chainrule::bindings
