// Loops over whole Philox blocks for the elements [begin, end) of a call's logical index. A block
// that is cut by the range is made whole and copied in part, so the cut leaves no trace.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/random_values.h"

namespace chainrule::kernels {
namespace {

// Make(block, values): the kPerBlock values of a block.
template <int kPerBlock, typename T, typename Make>
void fill_random(int64_t begin, int64_t end, const int64_t* state, T* out, Make make) {
  const uint64_t seed = static_cast<uint64_t>(state[0]), offset = static_cast<uint64_t>(state[1]);
  for (int64_t i = begin; i < end;) {
    const int64_t block = i / kPerBlock;
    T values[kPerBlock];
    make(philox(seed, offset, static_cast<uint64_t>(block)), values);
    for (; i < end && i < (block + 1) * kPerBlock; ++i) out[i] = values[i - block * kPerBlock];
  }
}

inline void uniform_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_random<4>(begin, end, state, static_cast<float*>(out), [](PhiloxBlock b, float* y) {
    for (int j = 0; j < 4; ++j) y[j] = uniform_float(b.word[j]);
  });
}
inline void uniform_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_random<2>(begin, end, state, static_cast<double*>(out), [](PhiloxBlock b, double* y) {
    y[0] = uniform_double(b.word[0], b.word[1]);
    y[1] = uniform_double(b.word[2], b.word[3]);
  });
}
inline void random_bits(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_random<2>(begin, end, state, static_cast<uint64_t*>(out), [](PhiloxBlock b, uint64_t* y) {
    y[0] = static_cast<uint64_t>(b.word[1]) << 32 | b.word[0];
    y[1] = static_cast<uint64_t>(b.word[3]) << 32 | b.word[2];
  });
}
inline void normal_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_random<4>(begin, end, state, static_cast<float*>(out),
                 [](PhiloxBlock b, float* y) { fill_block(b, y); });
}
inline void normal_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_random<2>(begin, end, state, static_cast<double*>(out),
                 [](PhiloxBlock b, double* y) { fill_block(b, y); });
}

template <typename T>
void dropout(int64_t begin, int64_t end, const int64_t* state, void* out, const void* in,
             const double* params) {
  const uint64_t seed = static_cast<uint64_t>(state[0]), offset = static_cast<uint64_t>(state[1]);
  const int32_t threshold = dropout_threshold(params[0]);
  const T scale = static_cast<T>(params[1]);
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  for (int64_t i = begin; i < end;) {
    const int64_t block = i / 4;
    const PhiloxBlock b = philox(seed, offset, static_cast<uint64_t>(block));
    for (; i < end && i < (block + 1) * 4; ++i) {
      const bool keep = static_cast<int32_t>(b.word[i % 4] >> 8) >= threshold;
      y[i] = keep ? x[i] * scale : T(0);
    }
  }
}

inline void set_random(KernelTable& table) {
  constexpr int kFloat = float_index(DType::kFloat32), kDouble = float_index(DType::kFloat64);
  table.uniform[kFloat] = &uniform_float32;
  table.uniform[kDouble] = &uniform_float64;
  table.normal[kFloat] = &normal_float32;
  table.normal[kDouble] = &normal_float64;
  table.random_bits = &random_bits;
  table.dropout[kFloat] = &dropout<float>;
  table.dropout[kDouble] = &dropout<double>;
}

}  // namespace
}  // namespace chainrule::kernels
