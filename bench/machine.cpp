// The machine's own limits for the Python benchmarks, which load this with ctypes: the multiply-add
// peak and the round trip of a cache line, as the C++ benchmarks measure them.
#include <thread>
#include <vector>

#include "cpp/harness.h"
#include "cpp/peak.h"

extern "C" {

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
