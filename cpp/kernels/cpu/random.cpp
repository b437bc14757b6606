// Random numbers and dropout for the elements [begin, end) of a call's logical index. Philox blocks
// are made 16 at a time, side by side; a batch that the range cuts is made whole and copied in
// part, so that the cut leaves no trace.
#include "kernels/cpu/entry.h"
#include "kernels/philox.h"
#include "kernels/random_values.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kBatchBlocks = 16, kBatchWords = 4 * kBatchBlocks;

// The words of the batch's blocks in the order of the elements.
[[gnu::noinline]] void make_words(uint64_t seed, uint64_t offset, int64_t batch, uint32_t* words) {
  uint32_t word[4][kBatchBlocks];
  for (int64_t lane = 0; lane < kBatchBlocks; ++lane) {
    const PhiloxBlock block =
        philox(seed, offset, static_cast<uint64_t>(batch * kBatchBlocks + lane));
    for (int k = 0; k < 4; ++k) word[k][lane] = block.word[k];
  }
  for (int64_t lane = 0; lane < kBatchBlocks; ++lane) {
    for (int k = 0; k < 4; ++k) words[4 * lane + k] = word[k][lane];
  }
}

// step(words, first element of the batch, first and last + 1 element wanted of it)
template <int64_t kPerBatch, typename Step>
void for_batches(int64_t begin, int64_t end, const int64_t* state, Step step) {
  const uint64_t seed = static_cast<uint64_t>(state[0]), offset = static_cast<uint64_t>(state[1]);
  alignas(64) uint32_t words[kBatchWords];
  for (int64_t i = begin; i < end;) {
    const int64_t batch = i / kPerBatch, first = batch * kPerBatch;
    const int64_t stop = end < first + kPerBatch ? end : first + kPerBatch;
    make_words(seed, offset, batch, words);
    step(words, first, i, stop);
    i = stop;
  }
}

// fill(words, values) makes all values of a batch.
template <int64_t kPerBatch, typename T, typename Fill>
void fill_batches(int64_t begin, int64_t end, const int64_t* state, void* out, Fill fill) {
  T* y = static_cast<T*>(out);
  for_batches<kPerBatch>(begin, end, state,
                         [&](const uint32_t* words, int64_t first, int64_t i, int64_t stop) {
                           if (stop - i == kPerBatch) return fill(words, y + i);
                           alignas(64) T values[kPerBatch];
                           fill(words, values);
                           for (; i < stop; ++i) y[i] = values[i - first];
                         });
}

void uniform_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_batches<kBatchWords, float>(begin, end, state, out, [](const uint32_t* words, float* y) {
    for (int64_t j = 0; j < kBatchWords; ++j) y[j] = uniform_float(words[j]);
  });
}
void uniform_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_batches<kBatchWords / 2, double>(begin, end, state, out,
                                        [](const uint32_t* words, double* y) {
                                          for (int64_t j = 0; j < kBatchWords / 2; ++j) {
                                            y[j] = uniform_double(words[2 * j], words[2 * j + 1]);
                                          }
                                        });
}
void random_bits(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_batches<kBatchWords / 2, uint64_t>(
      begin, end, state, out, [](const uint32_t* words, uint64_t* y) {
        for (int64_t j = 0; j < kBatchWords / 2; ++j) {
          y[j] = static_cast<uint64_t>(words[2 * j + 1]) << 32 | words[2 * j];
        }
      });
}
void normal_float32(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_batches<kBatchWords, float>(begin, end, state, out, [](const uint32_t* words, float* y) {
    for (int64_t j = 0; j < kBatchWords / 2; ++j) {
      const NormalPair<float> z =
          box_muller(positive_uniform_float(words[2 * j]), uniform_float(words[2 * j + 1]));
      y[2 * j] = z.first;
      y[2 * j + 1] = z.second;
    }
  });
}
void normal_float64(int64_t begin, int64_t end, const int64_t* state, void* out) {
  fill_batches<kBatchWords / 2, double>(
      begin, end, state, out, [](const uint32_t* words, double* y) {
        for (int64_t j = 0; j < kBatchWords / 4; ++j) {
          const uint32_t* w = words + 4 * j;
          const NormalPair<double> z =
              box_muller(positive_uniform_double(w[0], w[1]), uniform_double(w[2], w[3]));
          y[2 * j] = z.first;
          y[2 * j + 1] = z.second;
        }
      });
}

template <typename T>
void dropout(int64_t begin, int64_t end, const int64_t* state, void* out, const void* in,
             const double* params) {
  const int32_t threshold = dropout_threshold(params[0]);
  const T scale = static_cast<T>(params[1]);
  const T* x = static_cast<const T*>(in);
  T* y = static_cast<T*>(out);
  for_batches<kBatchWords>(
      begin, end, state, [&](const uint32_t* words, int64_t first, int64_t i, int64_t stop) {
#pragma GCC ivdep
        for (int64_t j = i; j < stop; ++j) {
          y[j] = dropout_keeps(words[j - first], threshold) ? x[j] * scale : T(0);
        }
      });
}

}  // namespace

void CHAINRULE_ENTRY(random)(KernelTable& table) {
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
