// sin, cos, tan, atan and atan2 against long double, on every vector table: the largest error in
// ULP over all magnitudes, next to multiples of pi / 2 and at far angles stays below what
// kernels/maths/trigonometry.h and arctangent.h state, special values come out exactly, and an
// element's bits do not depend on whether a far angle stands in its strip.
#include <numbers>

#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using kernels::Map;
using Real = long double;

struct Function {
  const char* name;
  Map map;
  Real (*exact)(Real);
  double ulps_float, ulps_double;
};
const Function kFunctions[] = {
    {"sin", Map::sin, [](Real x) { return std::sin(x); }, 0.51, 0.8},
    {"cos", Map::cos, [](Real x) { return std::cos(x); }, 0.51, 0.8},
    {"tan", Map::tan, [](Real x) { return std::tan(x); }, 0.51, 1.1},
    {"atan", Map::atan, [](Real x) { return std::atan(x); }, 0.51, 1.2},
};
// The C library's: beside 1 ULP its angle is wrong by 2^-92, which shows in double next to
// multiples of pi / 2 alone: 8 ULP of cos(5.3e255), 14 of tan(5.3e255), 143,000 of tan(1.6e74).
const double kFarUlps = 1.0, kFarAngleError = 0x1p-92;
const double kFarMultiples[] = {
    5.319372648326541e255,  1.5986289000543612e74, 1.2853022199154463e174, 1.9279533298731694e174,
    6.426511099577231e173,  2.331386745148063e283, 1.4918079000152377e239, 6.123038577885125e65,
    1.7352682257830175e211, 2.4189825415928567e23, 871790.3905748408,
};

template <typename T>
constexpr bool kFloat = sizeof(T) == 4;
template <typename T>
constexpr DType kDType = kFloat<T> ? DType::kFloat32 : DType::kFloat64;
template <typename T>
bool is_far(T x) {
  return std::fabs(x) > (kFloat<T> ? T(0x1p24) : T(0x1p16));
}

// All bit patterns alike, so all exponents; the usual range; multiples of pi / 4 and their
// neighbours; the two sides of the limit to far angles.
template <typename T>
std::vector<T> samples() {
  std::mt19937_64 source(5);
  std::vector<T> x = hard_values<T>(source, 100000);
  std::uniform_real_distribution<double> usual(-10, 10), wide(-70000, 70000);
  for (int i = 0; i < 100000; ++i) {
    const uint64_t bits = source();
    T any;
    std::memcpy(&any, &bits, sizeof(T));
    x.insert(x.end(), {any, static_cast<T>(usual(source)), static_cast<T>(wide(source))});
  }
  for (int k = 1; k < 90000; ++k) {
    const T angle = static_cast<T>(k * (std::numbers::pi_v<Real> / 4));
    x.insert(x.end(), {-angle, std::nextafter(angle, T(0)), std::nextafter(angle, T(1e6))});
  }
  const T far = kFloat<T> ? T(0x1p24) : T(0x1p16);
  x.insert(x.end(), {far, -far, std::nextafter(far, T(0)), std::nextafter(far, T(1e9))});
  if (!kFloat<T>) {
    for (const double angle : kFarMultiples) {
      x.insert(x.end(), {static_cast<T>(angle), static_cast<T>(-angle)});
    }
  }
  return x;
}

// What an angle that is wrong by kFarAngleError adds to a result, in ULP.
template <typename T>
Real far_ulps(Map map, Real exact) {
  const Real slope = map == Map::tan ? 1 + exact * exact : 1;
  const T size = std::fabs(static_cast<T>(exact));
  const Real spacing = Real(std::nextafter(size, std::numeric_limits<T>::infinity())) - size;
  return kFarUlps + kFarAngleError * slope / spacing;
}

template <typename T>
void run(const KernelTable& table, Map map, int64_t n, T* y, const T* a, const T* b = nullptr) {
  const void* in[2] = {a, b};
  const int64_t strides[2] = {1, 1};
  table.map[static_cast<int>(map)][static_cast<int>(kDType<T>)](n, y, in, strides, nullptr);
}

template <typename T>
void check_function(const KernelTable& table, const Function& f, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  run(table, f.map, static_cast<int64_t>(x.size()), y.data(), x.data());
  const double near = kFloat<T> ? f.ulps_float : f.ulps_double;
  Real worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool far = is_far(x[i]) && std::isfinite(x[i]) && f.map != Map::atan;
    const Real exact = f.exact(x[i]);
    const Real bound = far ? far_ulps<T>(f.map, exact) : near;
    const Real error = ulps(y[i], exact);
    if (!far) worst = std::max(worst, error);
    expect(error <= bound, table.isa, " ", f.name, kFloat<T> ? " float" : " double", "(", x[i],
           ") = ", y[i], ": ", error, " ULP of at most ", bound);
  }
  std::printf("%-10s %-6s %-6s %.2Lf ULP\n", table.isa, f.name, kFloat<T> ? "float" : "double",
              worst);
}

// Every pair of special values, all quadrants, and points of all ratios.
template <typename T>
void check_atan2(const KernelTable& table, const std::vector<T>& values) {
  using Limits = std::numeric_limits<T>;
  const T special[] = {T(0),          T(1), Limits::infinity(), Limits::denorm_min(), Limits::min(),
                       Limits::max(), T(3), Limits::quiet_NaN()};
  std::vector<T> y, x;
  for (const T a : special) {
    for (const T b : special) {
      y.insert(y.end(), {a, -a, a, -a});
      x.insert(x.end(), {b, b, -b, -b});
    }
  }
  std::mt19937_64 source(11);
  std::uniform_real_distribution<double> usual(-3, 3);
  for (const T value : values) {
    y.insert(y.end(), {value, static_cast<T>(usual(source))});
    x.insert(x.end(), {values[source() % values.size()], static_cast<T>(usual(source))});
  }
  std::vector<T> angle(x.size());
  run(table, Map::atan2, static_cast<int64_t>(x.size()), angle.data(), y.data(), x.data());
  const double bound = kFloat<T> ? 0.51 : 1.2;
  Real worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const Real error = ulps(angle[i], std::atan2(Real(y[i]), Real(x[i])));
    worst = std::max(worst, error);
    expect(error <= bound, table.isa, " atan2", kFloat<T> ? " float" : " double", "(", y[i], ", ",
           x[i], ") = ", angle[i], ": ", error, " ULP of at most ", bound);
  }
  std::printf("%-10s atan2  %-6s %.2Lf ULP\n", table.isa, kFloat<T> ? "float" : "double", worst);
}

// Near angles of several strips: alone, side by side and in place, with a far one here and there.
template <typename T>
void check_company(const KernelTable& table, Map map) {
  std::mt19937_64 source(3);
  std::uniform_real_distribution<double> usual(-60000, 60000);
  std::vector<T> x(700);
  for (T& value : x) value = static_cast<T>(usual(source));
  std::vector<T> alone(x.size());
  for (size_t i = 0; i < x.size(); ++i) run(table, map, 1, &alone[i], &x[i]);
  for (const size_t place : {size_t(0), size_t(255), size_t(300), size_t(699), x.size()}) {
    std::vector<T> changed = x, expected = alone;
    if (place < x.size()) {
      changed[place] = T(1e30);
      expected[place] = std::numeric_limits<T>::quiet_NaN();
      run(table, map, 1, &expected[place], &changed[place]);
    }
    run(table, map, static_cast<int64_t>(x.size()), changed.data(), changed.data());
    for (size_t i = 0; i < x.size(); ++i) {
      expect(same(changed[i], expected[i]), table.isa, " map ", static_cast<int>(map), " of ", x[i],
             " with a far angle at ", place, ": ", changed[i], " alone ", expected[i]);
    }
  }
}

template <typename T>
void check_table(const KernelTable& table) {
  const std::vector<T> x = samples<T>();
  for (const Function& f : kFunctions) check_function(table, f, x);
  for (const Map map : {Map::sin, Map::cos, Map::tan}) check_company<T>(table, map);
  check_atan2(table, x);
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    check_table<float>(*table);
    check_table<double>(*table);
  }
  return finish("trigonometry");
}
