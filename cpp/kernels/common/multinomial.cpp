#include <cmath>

#include "kernels/create.h"

namespace chainrule::kernels {

namespace {

constexpr double kInfinity = __builtin_huge_val();

bool valid(double weight) { return weight >= 0 && weight < kInfinity; }

template <typename T>
int64_t times_typed(int64_t rows, int64_t n, int64_t needed, const T* weights, double* keys) {
  for (int64_t row = 0; row < rows; ++row) {
    int64_t positive = 0;
    for (int64_t i = row * n; i < (row + 1) * n; ++i) {
      const double w = static_cast<double>(weights[i]);
      if (!valid(w)) return row;
      positive += w > 0;
      keys[i] = w > 0 ? -std::log1p(-keys[i]) / w : kInfinity;
    }
    if (positive < needed) return row;
  }
  return -1;
}

// The first place whose running sum is above v: its weight is positive.
int64_t first_above(const double* sums, int64_t n, double v) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (sums[middle] > v) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

template <typename T>
int64_t choose_typed(int64_t rows, int64_t n, int64_t k, const T* weights, const double* uniform,
                     double* sums, int64_t* out) {
  for (int64_t row = 0; row < rows; ++row) {
    double total = 0;
    int64_t last = -1;  // the last place of positive weight
    for (int64_t i = 0; i < n; ++i) {
      const double w = static_cast<double>(weights[row * n + i]);
      if (!valid(w)) return row;
      total += w;
      sums[i] = total;
      if (w > 0) last = i;
    }
    if (last < 0 || !(total < kInfinity)) return row;
    for (int64_t s = row * k; s < (row + 1) * k; ++s) {
      const int64_t place = first_above(sums, n, uniform[s] * total);
      out[s] = place < last ? place : last;  // u * total may round up to total
    }
  }
  return -1;
}

}  // namespace

int64_t arrival_times(DType t, int64_t rows, int64_t n, int64_t needed, const void* weights,
                      double* keys) {
  return t == DType::kFloat32
             ? times_typed(rows, n, needed, static_cast<const float*>(weights), keys)
             : times_typed(rows, n, needed, static_cast<const double*>(weights), keys);
}

int64_t choose_places(DType t, int64_t rows, int64_t n, int64_t k, const void* weights,
                      const double* uniform, double* sums, int64_t* out) {
  return t == DType::kFloat32
             ? choose_typed(rows, n, k, static_cast<const float*>(weights), uniform, sums, out)
             : choose_typed(rows, n, k, static_cast<const double*>(weights), uniform, sums, out);
}

}  // namespace chainrule::kernels
