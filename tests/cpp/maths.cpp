// The real-valued slots against long double, on every vector table, in float and in double: the
// largest error in ULP over dense samples of all magnitudes stays below what the headers in
// kernels/maths state, and the edges (zeros, infinities, NaN, denormals, overflow) come out
// exactly. The derivatives that change sign are judged in units of eps against 1 + |exact|, and in
// ULP in their left tail.
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using kernels::Map;
using Real = long double;

Real sigmoid(Real x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Real cdf(Real x) { return std::erfc(-x / std::sqrt(Real(2))) / 2; }
Real pdf(Real x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(Real(-1))); }
Real argument(Real x) {
  return 2 * std::sqrt(2 / std::acos(Real(-1))) * (x + 0.044715L * x * x * x);
}
Real argument_slope(Real x) {
  return 2 * std::sqrt(2 / std::acos(Real(-1))) * (1 + 0.134145L * x * x);
}
// The limit at -inf, where the formula is inf * 0.
Real with_limit(Real x, Real value) { return std::isinf(x) && x < 0 ? -0.0L : value; }

struct Function {
  const char* name;
  Map map;
  Real (*exact)(Real);
  double ulps;          // with FMA
  double ulps_without;  // v2 and generic
};
const Function kFunctions[] = {
    {"exp", Map::exp, [](Real x) { return std::exp(x); }, 1.0, 1.0},
    {"expm1", Map::expm1, [](Real x) { return std::expm1(x); }, 2.0, 2.0},
    {"log", Map::log, [](Real x) { return std::log(x); }, 0.9, 0.9},
    {"log1p", Map::log1p, [](Real x) { return std::log1p(x); }, 1.5, 1.5},
    {"log2", Map::log2, [](Real x) { return std::log2(x); }, 0.8, 0.8},
    {"log10", Map::log10, [](Real x) { return std::log10(x); }, 0.8, 0.8},
    {"sqrt", Map::sqrt, [](Real x) { return std::sqrt(x); }, 0.5, 0.5},
    {"rsqrt", Map::rsqrt, [](Real x) { return 1 / std::sqrt(x); }, 1.5, 1.5},
    {"reciprocal", Map::reciprocal, [](Real x) { return 1 / x; }, 0.5, 0.5},
    {"tanh", Map::tanh, [](Real x) { return std::tanh(x); }, 1.4, 1.4},
    {"sigmoid", Map::sigmoid, sigmoid, 2.4, 2.4},
    {"erf", Map::erf, [](Real x) { return std::erf(x); }, 1.3, 1.3},
    {"softplus", Map::softplus, [](Real x) { return x > 50 ? x : std::log1p(std::exp(x)); }, 1.8,
     1.8},
    {"gelu", Map::gelu, [](Real x) { return with_limit(x, x * cdf(x)); }, 6, 9},
    {"gelu_tanh", Map::gelu_tanh, [](Real x) { return with_limit(x, x * sigmoid(argument(x))); },
     3.2, 3.2},
    {"silu", Map::silu, [](Real x) { return with_limit(x, x * sigmoid(x)); }, 3.3, 3.3},
};

Real limit_or(Real x, Real value) { return std::isinf(x) ? Real(x > 0) : value; }
const Function kSlopes[] = {
    {"gelu_backward", Map::gelu_backward, [](Real x) { return limit_or(x, cdf(x) + x * pdf(x)); },
     4, 4},
    {"gelu_tanh_backward", Map::gelu_tanh_backward,
     [](Real x) {
       return limit_or(x,
                       sigmoid(argument(x)) * (1 + x * argument_slope(x) * sigmoid(-argument(x))));
     },
     7, 7},
    {"silu_backward", Map::silu_backward,
     [](Real x) { return limit_or(x, sigmoid(x) * (1 + x * sigmoid(-x))); }, 6, 6},
};

bool has_fma(const KernelTable& table) {
  const std::string isa = table.isa;
  return isa == "v3" || isa == "v4";
}

template <typename T>
std::vector<T> samples() {
  std::mt19937_64 source(99);
  constexpr int64_t kCount = 100000;
  std::vector<T> x = hard_values<T>(source, kCount);
  const double wide = sizeof(T) == 4 ? 110 : 760;
  std::uniform_real_distribution<double> all(-wide, wide), near(-3, 3);
  for (int64_t i = 0; i < kCount; ++i) {
    x.push_back(static_cast<T>(all(source)));
    x.push_back(static_cast<T>(near(source)));
  }
  return x;
}

template <typename T>
std::vector<T> apply(const KernelTable& table, Map map, const std::vector<T>& x, bool slope) {
  const std::vector<T> ones(x.size(), T(1));
  std::vector<T> y(x.size());
  const void* in[2] = {slope ? ones.data() : x.data(), x.data()};
  const int64_t strides[2] = {1, 1};
  const double params[2] = {1, 1e30};
  table.map[static_cast<int>(map)][sizeof(T) == 4 ? 5 : 6](static_cast<int64_t>(x.size()), y.data(),
                                                           in, strides, params);
  return y;
}

template <typename T>
void check_function(const KernelTable& table, const Function& f, const std::vector<T>& x) {
  const std::vector<T> y = apply(table, f.map, x, false);
  const double bound = has_fma(table) ? f.ulps : f.ulps_without;
  Real worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const Real error = ulps(y[i], f.exact(x[i]));
    worst = std::max(worst, error);
    expect(error <= bound, table.isa, " ", f.name, sizeof(T) == 4 ? " float" : " double", "(", x[i],
           ") = ", y[i], ": ", error, " ULP of at most ", bound);
  }
  std::printf("%-10s %-10s %-6s %.2Lf ULP\n", table.isa, f.name,
              sizeof(T) == 4 ? "float" : "double", worst);
}

template <typename T>
void check_slope(const KernelTable& table, const Function& f, const std::vector<T>& x) {
  const std::vector<T> y = apply(table, f.map, x, true);
  for (size_t i = 0; i < x.size(); ++i) {
    const Real exact = f.exact(x[i]);
    const Real eps =
        std::fabs(y[i] - exact) / std::numeric_limits<T>::epsilon() / (1 + std::fabs(exact));
    const bool nan = std::isnan(exact) && std::isnan(y[i]);
    expect(nan || eps <= 2, table.isa, " ", f.name, "(", x[i], ") = ", y[i], ": ", eps, " eps");
    if (x[i] < -2) {
      const Real error = ulps(y[i], exact);
      expect(error <= f.ulps || (exact == 0 && y[i] == 0), table.isa, " ", f.name, "(", x[i],
             ") = ", y[i], ": ", error, " ULP");
    }
  }
}

// log2 and log10 of exact powers, which a reader expects to be whole numbers.
template <typename T>
void check_powers(const KernelTable& table) {
  std::vector<T> twos, tens;
  for (int e = -60; e <= 60; ++e) twos.push_back(static_cast<T>(std::ldexp(1.0, e)));
  for (int e = 0; e <= 10; ++e) tens.push_back(static_cast<T>(std::pow(10.0, e)));
  const std::vector<T> log2 = apply(table, Map::log2, twos, false);
  const std::vector<T> log10 = apply(table, Map::log10, tens, false);
  for (int i = 0; i < 121; ++i) {
    expect(log2[static_cast<size_t>(i)] == T(i - 60), table.isa, " log2 of 2^", i - 60);
  }
  for (int i = 0; i <= 10; ++i) {
    expect(log10[static_cast<size_t>(i)] == T(i), table.isa, " log10 of 10^", i);
  }
}

template <typename T>
void check_table(const KernelTable& table) {
  const std::vector<T> x = samples<T>();
  for (const Function& f : kFunctions) check_function(table, f, x);
  for (const Function& f : kSlopes) check_slope(table, f, x);
  check_powers<T>(table);
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    check_table<float>(*table);
    check_table<double>(*table);
  }
  return finish("maths");
}
