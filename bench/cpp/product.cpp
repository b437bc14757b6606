// The matrix products against the multiply-add peak measured beside them, and two threads against
// one.
//
//   bench_product [--isa v4] [--threads 1] [--rounds 21] [--cpu-time] [--float64] [--json FILE]
//                 [MxNxK ...]
//
// MxNxK is a layer: batch M, N outputs, K inputs. forward is X W^T, dW is dY^T X, dX is dY W.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/allocator.h"
#include "core/threads.h"
#include "harness.h"
#include "kernels/dispatch.h"
#include "peak.h"

namespace {

using chainrule::DType;
using chainrule::kernels::KernelTable;
using chainrule::kernels::ProductArgs;
using chainrule::kernels::ProductPlan;

struct Options {
  std::string isa, json;
  int threads = 1, rounds = 21;
  bool cpu_time = false;
  DType dtype = DType::kFloat32;
  std::vector<std::string> sizes;
};

struct Case {
  std::string name;
  ProductArgs args{};
  double flops = 0;
  int64_t calls = 1;
  std::vector<double> rate;     // flops a second
  std::vector<double> share;    // of the peak measured beside it
  std::vector<double> speedup;  // over one thread beside it
};

constexpr double kTarget = 0.02;  // seconds of a measurement

class Operands {
 public:
  Operands(int64_t m, int64_t n, int64_t k, size_t item)
      : x_(make(m * k, item)), w_(make(n * k, item)), dy_(make(m * n, item)) {
    out_ = make(std::max({m * n, n * k, m * k}), item);
  }
  // forward, dW, dX.
  std::vector<ProductArgs> layouts(int64_t m, int64_t n, int64_t k) const {
    return {{m, n, k, x_, k, false, w_, k, true, out_, n, nullptr},
            {n, k, m, dy_, n, true, x_, k, false, out_, k, nullptr},
            {m, k, n, dy_, n, false, w_, k, false, out_, k, nullptr}};
  }

 private:
  // Never freed: the program ends with its last case.
  static void* make(int64_t count, size_t item) {
    void* data = chainrule::allocate(static_cast<size_t>(count) * item);
    for (int64_t i = 0; i < count; ++i) {
      const double value = static_cast<double>(i % 1009) / 1009 - 0.5;
      if (item == 4) {
        static_cast<float*>(data)[i] = static_cast<float>(value);
      } else {
        static_cast<double*>(data)[i] = value;
      }
    }
    return data;
  }
  void *x_, *w_, *dy_, *out_;
};

void run(const KernelTable& table, DType dtype, const ProductArgs& args) {
  const int t = static_cast<int>(dtype);
  const int64_t work = 2 * args.m * args.n * args.k;
  const ProductPlan plan = table.product_plan[t](args);
  chainrule::parallel_ranges(plan.tiles, work, [&](int64_t first, int64_t last) {
    table.product[t](args, plan, first, last);
  });
}

Options parse(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] {
      if (++i == argc) {
        std::fprintf(stderr, "%s needs a value\n", word.c_str());
        std::exit(2);
      }
      return argv[i];
    };
    if (word == "--isa") {
      o.isa = value();
    } else if (word == "--threads") {
      o.threads = std::atoi(value());
    } else if (word == "--rounds") {
      o.rounds = std::atoi(value());
    } else if (word == "--json") {
      o.json = value();
    } else if (word == "--cpu-time") {
      o.cpu_time = true;
    } else if (word == "--float64") {
      o.dtype = DType::kFloat64;
    } else {
      o.sizes.push_back(word);
    }
  }
  if (o.sizes.empty()) {
    o.sizes = {"64x128x784", "512x512x512", "2048x2048x2048", "256x1024x1024", "128x512x784",
               "64x10x128",  "150x10x4",    "32x64x64",       "1x1024x1024",   "256x1x64"};
  }
  return o;
}

std::vector<Case> cases_of(const Options& o) {
  std::vector<Case> cases;
  for (const std::string& size : o.sizes) {
    long m, n, k;
    if (std::sscanf(size.c_str(), "%ldx%ldx%ld", &m, &n, &k) != 3 || m < 1 || n < 1 || k < 1) {
      std::fprintf(stderr, "expected sizes as 64x128x784; got %s\n", size.c_str());
      std::exit(2);
    }
    const Operands operands(m, n, k, chainrule::itemsize(o.dtype));
    const char* names[] = {"forward", "dW", "dX"};
    int i = 0;
    for (const ProductArgs& args : operands.layouts(m, n, k)) {
      Case& added = cases.emplace_back();
      added.name = size + " " + names[i++];
      added.args = args;
      added.flops = 2.0 * static_cast<double>(m * n * k);
    }
  }
  return cases;
}

std::string record(const Case& c) {
  const bench::Summary rate = bench::summary(c.rate), share = bench::summary(c.share);
  char text[512];
  std::snprintf(
      text, sizeof text,
      "    {\"name\": \"%s\", \"gflops\": %.2f, \"gflops_low\": %.2f, \"gflops_high\": %.2f, "
      "\"share\": %.4f, \"share_low\": %.4f, \"share_high\": %.4f, \"speedup\": %.3f}",
      c.name.c_str(), rate.median / 1e9, rate.low / 1e9, rate.high / 1e9, share.median, share.low,
      share.high, c.speedup.empty() ? 1 : bench::summary(c.speedup).median);
  return text;
}

void report(const Options& o, const KernelTable& table, const std::vector<Case>& cases,
            double peak) {
  const char* type = chainrule::dtype_name(o.dtype);
  const double trip = o.threads > 1 ? bench::round_trip_us() : 0;
  std::printf("%s %s, %d thread(s), peak %.1f GF/s", table.isa, type, o.threads, peak / 1e9);
  if (o.threads > 1) std::printf(", round trip between cores %.2f us", trip);
  std::printf("\n%-24s %10s %9s %16s%s\n", "", "GF/s", "of peak", "quartiles",
              o.threads > 1 ? "  over one" : "");
  std::string records;
  for (const Case& c : cases) {
    const bench::Summary rate = bench::summary(c.rate), share = bench::summary(c.share);
    std::printf("%-24s %10.1f %8.1f%% %7.1f%% %6.1f%%", c.name.c_str(), rate.median / 1e9,
                100 * share.median, 100 * share.low, 100 * share.high);
    if (o.threads > 1) std::printf(" %9.2f", bench::summary(c.speedup).median);
    std::printf("\n");
    records += (records.empty() ? "" : ",\n") + record(c);
  }
  if (o.json.empty()) return;
  FILE* file = std::fopen(o.json.c_str(), "w");
  if (!file) {
    std::perror(o.json.c_str());
    std::exit(1);
  }
  std::fprintf(file,
               "{\n  %s, \"isa\": \"%s\", \"dtype\": \"%s\", \"threads\": %d, \"rounds\": %d,\n"
               "  \"cpu_time\": %s, \"round_trip_us\": %.3f, \"peak_gflops\": %.2f,\n"
               "  \"products\": [\n%s\n  ]\n}\n",
               bench::environment(__FILE__).c_str(), table.isa, type, o.threads, o.rounds,
               o.cpu_time ? "true" : "false", trip, peak / 1e9, records.c_str());
  std::fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
  if (!o.isa.empty()) chainrule::kernels::select_isa(o.isa.c_str());
  const KernelTable& table = chainrule::kernels::table();
  bench::pin(o.threads);
  chainrule::set_num_threads(o.threads);

  // Flops a second of all threads at the peak; float64 vectors hold half as many numbers.
  constexpr int64_t kTurns = 100000;
  const int64_t operations = bench::operations(table.isa) / (o.dtype == DType::kFloat64 ? 2 : 1);
  const auto burst = [&] {
    chainrule::parallel_for(o.threads, int64_t{1} << 40,
                            [&](int64_t) { bench::run_chains(table.isa, kTurns); });
  };
  const int64_t bursts = operations ? bench::calls_for(burst, kTarget, o.cpu_time) : 0;
  const auto peak = [&] {
    return operations ? static_cast<double>(operations * kTurns * o.threads) /
                            bench::time_of(burst, bursts, o.cpu_time)
                      : 0;
  };

  std::vector<Case> cases = cases_of(o);
  for (Case& c : cases) {
    c.calls = bench::calls_for([&] { run(table, o.dtype, c.args); }, kTarget, o.cpu_time);
  }
  std::vector<double> peaks;
  double before = peak();
  for (int round = 0; round < o.rounds; ++round) {
    for (Case& c : cases) {
      const auto once = [&] { run(table, o.dtype, c.args); };
      const double time = bench::time_of(once, c.calls, o.cpu_time);
      const double after = peak();
      c.rate.push_back(c.flops / time);
      c.share.push_back(operations ? 2 * c.flops / time / (before + after) : 0);
      if (o.threads > 1) {
        chainrule::set_num_threads(1);
        c.speedup.push_back(bench::time_of(once, c.calls, o.cpu_time) / time);
        chainrule::set_num_threads(o.threads);
      }
      peaks.push_back(before = after);
    }
  }
  report(o, table, cases, bench::summary(peaks).median);
}
