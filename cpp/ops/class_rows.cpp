#include "ops/class_rows.h"

namespace chainrule::ops {

namespace {

using kernels::Map;
using kernels::Reduce;

size_t padded(int64_t elements, DType t) { return (elements * itemsize(t) + 63) / 64 * 64; }

void divide(DType t, void* value, const void* by) {
  const void* in[] = {value, by};
  const int64_t strides[] = {1, 1};
  kernels::table().map[static_cast<int>(Map::div)][static_cast<int>(t)](1, value, in, strides,
                                                                        nullptr);
}

void set_one(DType t, void* value) {
  if (t == DType::kFloat64) {
    *static_cast<double*>(value) = 1;
  } else {
    *static_cast<float*>(value) = 1;
  }
}

}  // namespace

int64_t RowReduction::scratch_bytes() const {
  return 2 * padded(rows_, dtype_) + padded(1, dtype_) + sum_.partial_bytes();
}

RowReduction::Memory RowReduction::place(void* out, void* divisor, void* scratch) const {
  char* next = static_cast<char*>(scratch);
  const auto take = [&](size_t bytes) { return std::exchange(next, next + bytes); };
  void* const of_rows = take(padded(rows_, dtype_));
  void* const scale = take(padded(rows_, dtype_));
  void* const one = take(padded(1, dtype_));
  return {reduction_ == Reduction::none ? out : of_rows, scale, divisor ? divisor : one, next};
}

void RowReduction::finish(void* out, const Memory& m) const {
  set_one(dtype_, m.divisor);
  if (reduction_ == Reduction::none) return;
  reduce_block(Reduce::sum, dtype_, sum_, out, dtype_, m.loss, m.partials);
  if (reduction_ == Reduction::sum) return;
  reduce_block(Reduce::sum, dtype_, sum_, m.divisor, dtype_, m.scale, m.partials);
  divide(dtype_, out, m.divisor);
}

}  // namespace chainrule::ops
