// Kernels that make values from nothing or from random bits (common/create.cpp).
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace chainrule::kernels {

// out[i] = start + i * step for i in [begin, end); in int64 arithmetic for an integer `to`, else in
// double with one rounding at the end.
struct Ramp {
  DType to;
  double start, step;
  int64_t int_start, int_step;
};
void ramp(const Ramp& ramp, int64_t begin, int64_t end, void* out);

// steps values from start to end, both included; counted from the nearer end, so that both are
// exact.
struct Linspace {
  DType to;
  double start, end;
  int64_t steps;
};
void linspace(const Linspace& line, int64_t begin, int64_t end, void* out);

// out[i] = low + bits[i] * range / 2^64 for i in [begin, end): uniform in [low, low + range),
// biased by at most range / 2^64. range 0 stands for 2^64.
void random_integers(DType to, int64_t begin, int64_t end, const uint64_t* bits, int64_t low,
                     uint64_t range, void* out);

// A random permutation of 0 ... n-1 (Fisher and Yates), from n random words.
void permutation(int64_t n, const uint64_t* bits, int64_t* out);

// out[i] = uniform[i] < probability[i * stride]. Returns the first i whose probability is outside
// [0, 1] (NaN included), or -1; that element is 0.
int64_t bernoulli(DType t, int64_t n, const void* uniform, const void* probability, int64_t stride,
                  void* out);

// ---- Drawing places by weight (common/multinomial.cpp). Weights are float32 or float64, dense
// [rows, n]; each must be finite and >= 0. A row with another weight, or with too few positive
// ones, is bad: the first such row is returned, -1 for none.

// Turns uniform numbers in `keys` into arrival times: -log(1 - u) / weight, infinite for weight 0.
// The places in the order of their times are a draw without replacement (Efraimidis and Spirakis
// 2006).
int64_t arrival_times(DType t, int64_t rows, int64_t n, int64_t needed, const void* weights,
                      double* keys);

// k places a row with replacement: where the running sum passes u * total. `sums` has room for n.
int64_t choose_places(DType t, int64_t rows, int64_t n, int64_t k, const void* weights,
                      const double* uniform, double* sums, int64_t* out);

}  // namespace chainrule::kernels
