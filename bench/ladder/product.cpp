// The matrix product rung by rung (rungs.h), in one run: every rung is checked against a float64
// result, then takes turns with the others, each next to a run of the multiply-add peak. One
// thread, float32, x86-64-v4. README.md has the figures.
//
//   ladder_product [--cpu-time] [--rounds 21] [--blas LIBRARY]
#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "../cpp/harness.h"
#include "../cpp/peak.h"
#include "core/allocator.h"
#include "rungs.h"

namespace {

using ladder::kRungs;
using ladder::ProductArgs;
using ladder::Rung;

constexpr int kRungCount = static_cast<int>(std::size(kRungs));
constexpr int64_t kTurns = 100000;
constexpr double kTarget = 0.01;  // seconds of a measurement

struct Options {
  bool cpu_time = false;
  int rounds = 21;
};

class Peak {
 public:
  explicit Peak(bool cpu) : cpu_(cpu), bursts_(bench::calls_for(burst, kTarget, cpu)) {}
  double measure() const {
    return static_cast<double>(bench::operations("v4") * kTurns) /
           bench::time_of(burst, bursts_, cpu_);
  }

 private:
  static void burst() { bench::run_chains("v4", kTurns); }
  bool cpu_;
  int64_t bursts_;
};

// The matrices of a layer's three products, with batch m, n outputs and k inputs, where tensors
// have theirs: in the library's memory.
class Layer {
 public:
  Layer(int64_t m, int64_t n, int64_t k)
      : x_(random(m * k)),
        w_(random(n * k)),
        dy_(random(m * n)),
        out_(random(std::max({m * n, n * k, m * k}))) {}

  std::vector<ProductArgs> products(int64_t m, int64_t n, int64_t k) {
    return {{m, n, k, x_, k, false, w_, k, true, out_, n, nullptr},
            {n, k, m, dy_, n, true, x_, k, false, out_, k, nullptr},
            {m, k, n, dy_, n, false, w_, k, false, out_, k, nullptr}};
  }

 private:
  // Never freed: under 100 MB in all layers.
  float* random(int64_t count) {
    float* const data =
        static_cast<float*>(chainrule::allocate(static_cast<size_t>(count) * sizeof(float)));
    for (int64_t i = 0; i < count; ++i) {
      state_ = state_ * 1664525 + 1013904223;
      data[i] = static_cast<float>(state_ >> 8) / (1 << 24) - 0.5f;
    }
    return data;
  }
  uint32_t state_ = 1;
  float *x_, *w_, *dy_, *out_;
};

// Whether C is the product up to the bound of k rounded additions; of large products some 64 rows
// spread over all of them, the last among them.
bool is_right(const ProductArgs& g) {
  const int64_t step = g.m * g.n * g.k > 100'000'000 ? g.m / 64 + 1 : 1;
  std::vector<double> sum(static_cast<size_t>(g.n)), size(sum.size());
  for (int64_t i = g.m - 1; i >= 0; i -= step) {
    std::fill(sum.begin(), sum.end(), 0.0);
    std::fill(size.begin(), size.end(), 0.0);
    for (int64_t p = 0; p < g.k; ++p) {
      const double factor = ladder::a_at(g, i, p);
      for (size_t j = 0; j < sum.size(); ++j) {
        const double term = factor * ladder::b_at(g, p, static_cast<int64_t>(j));
        sum[j] += term;
        size[j] += std::abs(term);
      }
    }
    const float* row = static_cast<const float*>(g.c) + i * g.ldc;
    const double rounding = static_cast<double>(g.k + 1) * 0x1p-24;
    for (size_t j = 0; j < sum.size(); ++j) {
      if (!(std::abs(row[j] - sum[j]) <= rounding * size[j])) return false;
    }
  }
  return true;
}

// Calls a measurement of each rung, 0 where it is left out.
std::vector<int64_t> checked_calls(const ProductArgs& g, double flops, bool cpu) {
  std::vector<int64_t> calls;
  for (const Rung& rung : kRungs) {
    if (flops > rung.most_flops || (rung.run == ladder::blas && !ladder::sgemm)) {
      calls.push_back(0);
      continue;
    }
    std::fill_n(static_cast<float*>(g.c), g.m * g.n, NAN);
    rung.run(g);
    if (!is_right(g)) {
      std::fprintf(stderr, "%s gives a wrong product\n", rung.name);
      std::exit(1);
    }
    calls.push_back(bench::calls_for([&] { rung.run(g); }, kTarget, cpu));
  }
  return calls;
}

void measure(const std::string& name, const ProductArgs& g, const Peak& peak, const Options& o) {
  const double flops = 2.0 * static_cast<double>(g.m * g.n * g.k);
  const std::vector<int64_t> calls = checked_calls(g, flops, o.cpu_time);
  std::vector<double> share[kRungCount];
  double before = peak.measure();
  for (int round = 0; round < (flops > 1e9 ? (o.rounds + 2) / 3 : o.rounds); ++round) {
    for (int r = 0; r < kRungCount; ++r) {
      if (calls[static_cast<size_t>(r)] == 0) continue;
      const double time =
          bench::time_of([&] { kRungs[r].run(g); }, calls[static_cast<size_t>(r)], o.cpu_time);
      const double after = peak.measure();
      share[r].push_back(2 * flops / time / (before + after));
      before = after;
    }
  }
  std::printf("| %s |", name.c_str());
  for (const std::vector<double>& values : share) {
    if (values.empty()) {
      std::printf(" - |");
    } else {
      std::printf(" %.1f |", 100 * bench::summary(values).median);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

ladder::Sgemm find_sgemm(const char* file) {
  void* const library = dlopen(file, RTLD_NOW);
  void* const symbol = library ? dlsym(library, "sgemm_") : nullptr;
  if (!symbol) {
    std::fprintf(stderr, "%s: no library that exports sgemm_\n", file);
    std::exit(2);
  }
  return reinterpret_cast<ladder::Sgemm>(symbol);
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--cpu-time") {
      o.cpu_time = true;
    } else if (word == "--rounds" && i + 1 < argc && std::atoi(argv[i + 1]) > 0) {
      o.rounds = std::atoi(argv[++i]);
    } else if (word == "--blas" && i + 1 < argc) {
      ladder::sgemm = find_sgemm(argv[++i]);
    } else {
      std::fprintf(stderr, "ladder_product [--cpu-time] [--rounds 21] [--blas LIBRARY]\n");
      std::exit(2);
    }
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
  try {
    chainrule::kernels::select_isa("v4");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  bench::pin(1);
  const Peak peak(o.cpu_time);
  std::printf("| share of the peak, %% |");
  for (const Rung& rung : kRungs) std::printf(" %s |", rung.name);
  std::printf("\n|---|");
  for (int r = 0; r < kRungCount; ++r) std::printf("---:|");
  std::printf("\n");
  const int64_t sizes[][3] = {{64, 128, 784},    {512, 512, 512}, {2048, 2048, 2048},
                              {256, 1024, 1024}, {64, 10, 128},   {150, 10, 4},
                              {32, 64, 64},      {37, 53, 41},    {1, 1024, 1024}};
  for (const auto& [m, n, k] : sizes) {
    Layer layer(m, n, k);
    const std::string size = std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    const char* const names[] = {" forward", " dW", " dX"};
    int i = 0;
    for (const ProductArgs& g : layer.products(m, n, k)) measure(size + names[i++], g, peak, o);
  }
}
