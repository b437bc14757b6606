// The optimisers' flat updates on every vector table: 20 steps with every combination of flags stay
// with the long double reference, an element does not depend on its place, and on numbers that are
// exact in binary one step gives what PyTorch's documentation says. Averages are never subnormal.
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;

template <typename T>
constexpr int kType = kernels::float_index(sizeof(T) == 4 ? DType::kFloat32 : DType::kFloat64);
constexpr int64_t kCount = 75;
constexpr int kSteps = 20;

// Weights and all state of one parameter, and a gradient for each step.
template <typename T>
struct Run {
  std::vector<T> w, first, second, third;
  std::vector<std::vector<T>> g;

  explicit Run(uint64_t seed) {
    std::mt19937_64 source(seed);
    std::uniform_real_distribution<double> values(-1, 1);
    const auto draw = [&] {
      std::vector<T> x;
      for (int64_t i = 0; i < kCount; ++i) x.push_back(static_cast<T>(values(source)));
      return x;
    };
    w = draw();
    first = second = third = std::vector<T>(kCount, T(0));
    for (int step = 0; step < kSteps; ++step) g.push_back(draw());
  }
};

template <typename T>
void expect_close(const std::string& what, const std::vector<T>& got, const std::vector<T>& exact) {
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - static_cast<double>(exact[i]));
    expect(error <= 40 * std::numeric_limits<T>::epsilon(), what, " at ", i, ": ", got[i],
           ", exact ", exact[i]);
  }
}

// step(table, run, step number, first element, count) for whole blocks, single elements and the
// oracle.
template <typename T, typename Step>
void check_steps(const KernelTable& table, const std::string& what, Step step) {
  Run<T> whole(3), single(3), exact(3);
  for (int s = 0; s < kSteps; ++s) {
    step(table, whole, s, 0, kCount);
    for (int64_t i = 0; i < kCount; ++i) step(table, single, s, i, 1);
    step(reference(), exact, s, 0, kCount);
  }
  expect_close(what + " weights", whole.w, exact.w);
  expect_close(what + " first state", whole.first, exact.first);
  expect_close(what + " second state", whole.second, exact.second);
  expect_close(what + " third state", whole.third, exact.third);
  for (size_t i = 0; i < kCount; ++i) {
    expect(same(whole.w[i], single.w[i]), what, " depends on the place, at ", i);
  }
}

template <typename T>
void check_sgd(const KernelTable& table, unsigned flags) {
  const bool nesterov = flags & 1, maximize = flags & 2;
  const double hyper[] = {0.1, flags & 4 ? 0.9 : 0, flags & 8 && !nesterov ? 0.5 : 0,
                          flags & 16 ? 0.01 : 0};
  check_steps<T>(table, std::string(table.isa) + " sgd flags " + std::to_string(flags),
                 [&](const KernelTable& t, Run<T>& r, int step, int64_t begin, int64_t n) {
                   t.sgd[kType<T>](n, &r.w[static_cast<size_t>(begin)],
                                   &r.g[static_cast<size_t>(step)][static_cast<size_t>(begin)],
                                   &r.first[static_cast<size_t>(begin)], hyper, nesterov, maximize,
                                   step == 0);
                 });
}

template <typename T>
void check_adam(const KernelTable& table, unsigned flags) {
  const bool amsgrad = flags & 1, maximize = flags & 2, decoupled = flags & 4;
  const double hyper[] = {0.01, flags & 8 ? 0.3 : 0.9, 0.99, 1e-3, flags & 16 ? 0.1 : 0};
  check_steps<T>(table, std::string(table.isa) + " adam flags " + std::to_string(flags),
                 [&](const KernelTable& t, Run<T>& r, int step, int64_t begin, int64_t n) {
                   const size_t at = static_cast<size_t>(begin);
                   const kernels::AdamCorrections correct{1 - std::pow(hyper[1], step + 1.0),
                                                          1 - std::pow(hyper[2], step + 1.0)};
                   t.adam[kType<T>](n, &r.w[at], &r.g[static_cast<size_t>(step)][at], &r.first[at],
                                    &r.second[at], amsgrad ? &r.third[at] : nullptr, hyper, correct,
                                    maximize, decoupled);
                 });
}

void check_by_hand(const KernelTable& table) {
  // g' = 2 + 0.5 * 1 = 2.5; buffer = 0.5 * 4 + 0.75 * 2.5 = 3.875; w = 1 - 0.25 * 3.875.
  float w = 1, g = 2, buffer = 4;
  const double sgd[] = {0.25, 0.5, 0.25, 0.5};
  table.sgd[kType<float>](1, &w, &g, &buffer, sgd, false, false, false);
  expect(buffer == 3.875f && w == 0.03125f, table.isa, " sgd by hand: ", buffer, ", ", w);
  // Nesterov looks ahead: 2 + 0.5 * (0.5 * 4 + 2) = 4; w = 1 - 0.25 * 4.
  w = 1, g = 2, buffer = 4;
  const double nesterov[] = {0.25, 0.5, 0, 0};
  table.sgd[kType<float>](1, &w, &g, &buffer, nesterov, true, false, false);
  expect(buffer == 4.0f && w == 0.0f, table.isa, " nesterov by hand: ", buffer, ", ", w);
  // The first step takes the gradient itself, whatever the buffer holds.
  w = 1, g = 2, buffer = std::numeric_limits<float>::quiet_NaN();
  table.sgd[kType<float>](1, &w, &g, &buffer, sgd, false, true, true);
  expect(buffer == -1.5f && w == 1.375f, table.isa, " first step by hand: ", buffer, ", ", w);
  // Decoupled decay halves w; m = 0.5 * 3, v = 0.25 * 9, both corrected to 3 and 9: w = 1 - 0.5 * 3
  // / 3.
  double x = 2, slope = 3, m = 0, v = 0;
  const double adam[] = {0.5, 0.5, 0.75, 0, 1.0};
  table.adam[kType<double>](1, &x, &slope, &m, &v, nullptr, adam, {0.5, 0.25}, false, true);
  expect(m == 1.5 && v == 2.25 && x == 0.5, table.isa, " adam by hand: ", m, ", ", v, ", ", x);
}

// An average that shrinks through the subnormal numbers is 0 there; nothing else is.
template <typename T>
void check_dead_units(const KernelTable& table) {
  const T smallest = std::numeric_limits<T>::min(), nan = std::numeric_limits<T>::quiet_NaN();
  const double sgd[] = {0.25, 0.5, 0, 0}, adam[] = {0.5, 0.5, 0.75, 1e-8, 0};
  const std::string what = std::string(table.isa) + " average ";
  for (const T before : {smallest, -smallest, smallest * 2, smallest * -4, smallest / 8, nan}) {
    const T half = before / 2, after = std::fabs(half) < smallest ? T(0) : half;
    const T w_before = 1, g = 0;
    T w = w_before, buffer = before;
    table.sgd[kType<T>](1, &w, &g, &buffer, sgd, false, false, false);
    expect(same(buffer, after) || std::isnan(before), what, before, " of sgd: ", buffer);
    expect(std::isnan(buffer) == std::isnan(before), what, before, " of sgd: ", buffer);
    expect(w == w_before || std::isnan(before), what, before, " of sgd moves ", w);
    T m = before, v = 1;
    table.adam[kType<T>](1, &w, &g, &m, &v, nullptr, adam, {0.5, 0.25}, false, false);
    expect(same(m, after) || std::isnan(before), what, before, " of adam: ", m);
    expect(std::isnan(m) == std::isnan(before), what, before, " of adam: ", m);
  }
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    for (unsigned flags = 0; flags < 32; ++flags) {
      check_sgd<float>(*table, flags);
      check_sgd<double>(*table, flags);
      check_adam<float>(*table, flags);
      check_adam<double>(*table, flags);
    }
    check_by_hand(*table);
    check_dead_units<float>(*table);
    check_dead_units<double>(*table);
  }
  check_by_hand(reference());
  check_dead_units<float>(reference());
  check_dead_units<double>(reference());
  return finish("optimizers");
}
