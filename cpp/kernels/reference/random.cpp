// Random numbers and dropout, one element at a time: its block is made anew for each.
#include <cmath>

#include "kernels/philox.h"
#include "kernels/random_values.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

PhiloxBlock block_of(const int64_t* state, int64_t block) {
  return philox(static_cast<uint64_t>(state[0]), static_cast<uint64_t>(state[1]),
                static_cast<uint64_t>(block));
}

void uniform_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  for (int64_t i = begin; i < end; ++i) {
    static_cast<float*>(out)[i] = uniform_float(block_of(state, i / 4).word[i % 4]);
  }
}

void uniform_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  for (int64_t i = begin; i < end; ++i) {
    const PhiloxBlock b = block_of(state, i / 2);
    const uint32_t* w = b.word + 2 * (i % 2);
    static_cast<double*>(out)[i] = uniform_double(w[0], w[1]);
  }
}

void random_bits(int64_t begin, int64_t end, const int64_t* state, void* out) {
  for (int64_t i = begin; i < end; ++i) {
    const PhiloxBlock b = block_of(state, i / 2);
    const int64_t k = 2 * (i % 2);
    static_cast<uint64_t*>(out)[i] = static_cast<uint64_t>(b.word[k + 1]) << 32 | b.word[k];
  }
}

Real normal(Real u, Real v, bool second) {
  const Real angle = 2 * std::acos(Real(-1)) * v;
  return std::sqrt(-2 * std::log(u)) * (second ? std::sin(angle) : std::cos(angle));
}

void normal_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  for (int64_t i = begin; i < end; ++i) {
    const PhiloxBlock b = block_of(state, i / 4);
    const int64_t pair = i % 4 / 2 * 2;
    static_cast<float*>(out)[i] = static_cast<float>(
        normal(positive_uniform_float(b.word[pair]), uniform_float(b.word[pair + 1]), i % 2 == 1));
  }
}

void normal_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  for (int64_t i = begin; i < end; ++i) {
    const PhiloxBlock b = block_of(state, i / 2);
    static_cast<double*>(out)[i] =
        static_cast<double>(normal(positive_uniform_double(b.word[0], b.word[1]),
                                   uniform_double(b.word[2], b.word[3]), i % 2 == 1));
  }
}

template <typename T>
void dropout(int64_t begin, int64_t end, const int64_t* state, void* out, const void* in,
             const double* params) {
  const int32_t threshold = dropout_threshold(params[0]);
  for (int64_t i = begin; i < end; ++i) {
    const bool keep = dropout_keeps(block_of(state, i / 4).word[i % 4], threshold);
    const T x = static_cast<const T*>(in)[i];
    static_cast<T*>(out)[i] = keep ? x * static_cast<T>(params[1]) : T(0);
  }
}

}  // namespace

void fill_reference_random(KernelTable& table) {
  constexpr int kFloat = float_index(DType::kFloat32), kDouble = float_index(DType::kFloat64);
  table.uniform[kFloat] = &uniform_float32;
  table.uniform[kDouble] = &uniform_float64;
  table.normal[kFloat] = &normal_float32;
  table.normal[kDouble] = &normal_float64;
  table.random_bits = &random_bits;
  table.dropout[kFloat] = &dropout<float>;
  table.dropout[kDouble] = &dropout<double>;
}

}  // namespace chainrule::kernels
