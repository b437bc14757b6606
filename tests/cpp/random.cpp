// Philox against its authors' known answers, and the random slots of every table: an element is the
// same however the range is cut, uniform numbers and bits agree between all tables, normals agree
// with long double, dropout drops the right share, and the distributions pass coarse tests.
#include "kernel_checks.h"
#include "kernels/philox.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;

constexpr int64_t kState[2] = {0x123456789ABCDEF, 77};
constexpr int kFloat = kernels::float_index(DType::kFloat32);
constexpr int kDouble = kernels::float_index(DType::kFloat64);

// From kat_vectors of Random123, for counters (block, offset) and keys as this library lays them
// out.
void check_known_answers() {
  const struct {
    uint64_t seed, offset, block;
    uint32_t words[4];
  } answers[] = {{0, 0, 0, {0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8}},
                 {~0ull, ~0ull, ~0ull, {0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD}},
                 {0x299F31D0A4093822ull,
                  0x0370734413198A2Eull,
                  0x85A308D3243F6A88ull,
                  {0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1}}};
  for (const auto& a : answers) {
    const kernels::PhiloxBlock block = kernels::philox(a.seed, a.offset, a.block);
    expect(std::memcmp(block.word, a.words, sizeof(a.words)) == 0, "philox of seed ", a.seed);
  }
}

template <typename T, typename Fn>
void check_cuts(const std::string& what, Fn fn) {
  std::vector<T> whole(700);
  fn(0, 700, whole.data());
  for (int64_t begin = 0; begin < 140; ++begin) {
    for (const int64_t length : {0, 1, 2, 3, 5, 31, 32, 63, 64, 65, 200}) {
      std::vector<T> part(700, T(9));
      fn(begin, begin + length, part.data());
      for (int64_t i = 0; i < 700; ++i) {
        const bool inside = i >= begin && i < begin + length;
        const size_t place = static_cast<size_t>(i);
        expect(same(part[place], inside ? whole[place] : T(9)), what, " of [", begin, ", ",
               begin + length, ") at ", i);
      }
    }
  }
}

template <typename T>
void check_slots(const KernelTable& table, int type) {
  const std::string what = std::string(table.isa) + (type == kFloat ? " float " : " double ");
  check_cuts<T>(what + "uniform",
                [&](int64_t a, int64_t b, T* y) { table.uniform[type](a, b, kState, y); });
  check_cuts<T>(what + "normal",
                [&](int64_t a, int64_t b, T* y) { table.normal[type](a, b, kState, y); });
  std::vector<T> ones(700, T(1));
  const double params[2] = {0.3, 2.0};
  check_cuts<T>(what + "dropout", [&](int64_t a, int64_t b, T* y) {
    table.dropout[type](a, b, kState, y, ones.data(), params);
  });

  constexpr int64_t kCount = 5000;
  std::vector<T> u(kCount), u_exact(kCount), z(kCount), z_exact(kCount);
  table.uniform[type](0, kCount, kState, u.data());
  reference().uniform[type](0, kCount, kState, u_exact.data());
  table.normal[type](0, kCount, kState, z.data());
  reference().normal[type](0, kCount, kState, z_exact.data());
  for (size_t i = 0; i < kCount; ++i) {
    expect(same(u[i], u_exact[i]), what, "uniform differs from the reference at ", i);
    const double error = std::fabs(static_cast<double>(z[i]) - static_cast<double>(z_exact[i]));
    expect(error <= 4 * std::numeric_limits<T>::epsilon(), what, "normal at ", i, " is off by ",
           error);
  }
}

void check_bits(const KernelTable& table) {
  check_cuts<uint64_t>(std::string(table.isa) + " bits", [&](int64_t a, int64_t b, uint64_t* y) {
    table.random_bits(a, b, kState, y);
  });
  std::vector<uint64_t> bits(1000), exact(1000);
  table.random_bits(0, 1000, kState, bits.data());
  reference().random_bits(0, 1000, kState, exact.data());
  expect(bits == exact, table.isa, " bits differ from the reference");
}

// The largest distance between the empirical and the true distribution function, times sqrt(n);
// above 1.95 once in a thousand streams.
double kolmogorov(std::vector<double> x, double (*distribution)(double)) {
  std::sort(x.begin(), x.end());
  double worst = 0;
  const double n = static_cast<double>(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    worst = std::max(worst, std::fabs(distribution(x[i]) - (static_cast<double>(i) + 0.5) / n));
  }
  return worst * std::sqrt(n);
}

template <typename T>
void check_distributions(const KernelTable& table, int type) {
  constexpr int64_t kCount = 1 << 18;
  std::vector<T> raw(kCount);
  table.normal[type](0, kCount, kState, raw.data());
  const std::vector<double> z(raw.begin(), raw.end());
  table.uniform[type](0, kCount, kState, raw.data());
  const std::vector<double> u(raw.begin(), raw.end());
  double mean = 0, variance = 0, neighbours = 0;
  for (size_t i = 0; i < kCount; ++i) {
    mean += z[i] / kCount;
    variance += z[i] * z[i] / kCount;
    neighbours += i > 0 ? z[i] * z[i - 1] / kCount : 0;
  }
  const double spread = 4 / std::sqrt(double(kCount));
  expect(std::fabs(mean) < spread, table.isa, " normal mean ", mean);
  expect(std::fabs(variance - 1) < spread * std::sqrt(2), table.isa, " normal variance ", variance);
  expect(std::fabs(neighbours) < spread, table.isa, " neighbours correlate by ", neighbours);
  const double normal = kolmogorov(z, [](double x) { return std::erfc(-x / std::sqrt(2)) / 2; });
  const double uniform = kolmogorov(u, [](double x) { return x; });
  expect(normal < 1.95, table.isa, " normal distribution is off by ", normal);
  expect(uniform < 1.95, table.isa, " uniform distribution is off by ", uniform);
  expect(*std::min_element(u.begin(), u.end()) >= 0 && *std::max_element(u.begin(), u.end()) < 1,
         table.isa, " uniform leaves [0, 1)");
}

void check_dropout(const KernelTable& table) {
  constexpr int64_t kCount = 1 << 18;
  std::vector<float> x(kCount, 1.0f), y(kCount);
  std::vector<double> wide_x(kCount, 1.0), wide_y(kCount);
  x[1] = std::numeric_limits<float>::infinity();
  for (const double p : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    const double params[2] = {p, p < 1 ? 1 / (1 - p) : 0};
    table.dropout[kFloat](0, kCount, kState, y.data(), x.data(), params);
    table.dropout[kDouble](0, kCount, kState, wide_y.data(), wide_x.data(), params);
    double kept = 0;
    for (size_t i = 0; i < kCount; ++i) {
      kept += y[i] != 0;
      expect((y[i] != 0) == (wide_y[i] != 0), table.isa, " float and double drop differently at ",
             i);
      expect(i == 1 || y[i] == 0 || same(y[i], static_cast<float>(params[1])), table.isa,
             " scale at ", i);
    }
    const double spread = 4 * std::sqrt(p * (1 - p) / kCount);
    expect(std::fabs(kept / kCount - (1 - p)) <= spread, table.isa, " dropout p=", p, " kept ",
           kept / kCount);
  }
}

}  // namespace

int main() {
  check_known_answers();
  for (const KernelTable* table : tables(true)) {
    check_slots<float>(*table, kFloat);
    check_slots<double>(*table, kDouble);
    check_bits(*table);
    check_distributions<float>(*table, kFloat);
    check_distributions<double>(*table, kDouble);
    check_dropout(*table);
  }
  return finish("random");
}
