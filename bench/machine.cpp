// The machine's own limits for the Python benchmarks, which load this with ctypes: the multiply-add
// peak and the round trip of a cache line, as the C++ benchmarks measure them, and a loop that only
// moves memory.
#include <thread>
#include <vector>

#include "cpp/harness.h"
#include "cpp/peak.h"

namespace {

// Element by element the mean of all arrays goes into all but the last, which is an optimizer's
// gradient.
template <int kArrays>
[[gnu::optimize("O3"), gnu::always_inline]] inline void mean_of(float* const* arrays, long long n) {
  float* a[kArrays];
  for (int k = 0; k < kArrays; ++k) a[k] = arrays[k];
#pragma GCC ivdep
  for (long long i = 0; i < n; ++i) {
    float sum = 0;
    for (int k = 0; k < kArrays; ++k) sum += a[k][i];
    for (int k = 0; k + 1 < kArrays; ++k) a[k][i] = sum * (1.0f / kArrays);
  }
}

}  // namespace

extern "C" {

// Reads 2 to 5 arrays of n float32 once and writes all but the last.
#if defined(__x86_64__)
[[gnu::target_clones("default", "avx2", "arch=x86-64-v4")]]
#endif
[[gnu::optimize("O3")]] void machine_stream(float* const* arrays, int count, long long n) {
  if (count == 2) mean_of<2>(arrays, n);
  if (count == 3) mean_of<3>(arrays, n);
  if (count == 4) mean_of<4>(arrays, n);
  if (count == 5) mean_of<5>(arrays, n);
}

// float32 operations of one turn; 0 where there is no loop for the instruction set.
double machine_operations(const char* isa) { return static_cast<double>(bench::operations(isa)); }

// `turns` turns on each of the first `threads` processors.
void machine_run(const char* isa, long long turns, int threads) {
  const std::vector<int> cpus = bench::processors();
  const bench::OnProcessor pinned(cpus[0]);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) {
    others.emplace_back([=, &cpus] {
      const bench::OnProcessor other(cpus[static_cast<size_t>(i) % cpus.size()]);
      bench::run_chains(isa, turns);
    });
  }
  bench::run_chains(isa, turns);
  for (std::thread& other : others) other.join();
}

double machine_round_trip(int trips) { return bench::round_trip_us(trips) * 1e-6; }

}  // extern "C"
