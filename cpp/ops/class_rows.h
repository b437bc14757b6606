// What the losses of rows against classes make of their rows: the sum, or the mean weighted with
// the rows' scales, whose divisor backward needs.
#pragma once

#include "ops/loss.h"
#include "ops/reduce.h"

namespace chainrule::ops {

// A reduction without its memory.
class RowReduction {
 public:
  RowReduction(const Tensor& target, DType dtype, Reduction reduction)
      : rows_(target.size(0)), reduction_(reduction), dtype_(dtype), sum_(target, Dims{0}) {}

  int64_t scratch_bytes() const;
  // out <- the reduced losses, after compute(loss, scale) has written those of all rows; divisor,
  // if it is not null, <- what the mean divides by, else 1.
  template <typename F>
  void run(void* out, void* divisor, void* scratch, F&& compute) const {
    const Memory m = place(out, divisor, scratch);
    compute(m.loss, m.scale);
    finish(out, m);
  }

 private:
  struct Memory {
    void *loss, *scale, *divisor, *partials;
  };
  Memory place(void* out, void* divisor, void* scratch) const;
  void finish(void* out, const Memory& m) const;

  int64_t rows_;
  Reduction reduction_;
  DType dtype_;
  ReducePlan sum_;  // of a row-sized vector
};

}  // namespace chainrule::ops
