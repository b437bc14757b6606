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

using kernels::Update;

kernels::UpdateFn kernel(const KernelTable& table, Update update, int type) {
  return table.update[static_cast<int>(update)][type];
}

// A rule's numbers: hyper with the weight decay off or on, and what an op derives in step t.
struct Rule {
  const char* name;
  Update update;
  int variants;
  std::vector<double> hyper;
  int decay;       // its place in hyper, -1 for none
  bool decouples;  // the weight decay
  void (*derive)(const double* hyper, double t, double* derived);
};

void corrections(const double* hyper, double t, double* derived) {
  derived[0] = 1 - std::pow(hyper[1], t);
  derived[1] = 1 - std::pow(hyper[2], t);
}
void nothing(const double*, double, double*) {}

const Rule kRules[] = {
    {"asgd",
     Update::asgd,
     1,
     {0.1, 0.3, 0.5, 3, 0.1},
     4,
     false,
     [](const double* h, double t, double* d) {
       d[0] = h[0] / std::pow(1 + h[1] * h[0] * t, h[2]), d[1] = 1 / std::max(1.0, t - h[3]);
     }},
    {"rmsprop", Update::rmsprop, 8, {0.01, 0.9, 1e-3, 0.1, 0.9}, 3, false, nothing},
    {"adagrad",
     Update::adagrad,
     2,
     {0.1, 0.1, 1e-3, 0.1},
     3,
     false,
     [](const double* h, double t, double* d) { d[0] = h[0] / (1 + (t - 1) * h[1]); }},
    {"adadelta", Update::adadelta, 1, {0.5, 0.9, 1e-3, 0.1}, 3, false, nothing},
    {"adam", Update::adam, 2, {0.01, 0.9, 0.99, 1e-3, 0.1}, 4, true, corrections},
    {"adam from the end", Update::adam, 2, {0.01, 0.3, 0.99, 1e-3, 0.1}, 4, true, corrections},
    {"adamax", Update::adamax, 1, {0.01, 0.9, 0.99, 1e-3, 0.1}, 4, false, corrections},
    {"nadam",
     Update::nadam,
     1,
     {0.01, 0.9, 0.99, 1e-3, 0.1},
     4,
     true,
     [](const double*, double t, double* d) {
       d[0] = 0.01 / t, d[1] = 0.02 / t, d[2] = 1 - std::pow(0.99, t);
     }},
    {"radam",
     Update::radam,
     1,
     {0.01, 0.9, 0.99, 1e-3, 0.1},
     4,
     true,
     [](const double*, double t, double* d) { d[0] = 0.01 / t, d[1] = t > 5; }},
    {"qhadam", Update::qhadam, 1, {0.01, 0.9, 0.99, 0.7, 0.9, 1e-3, 0.1}, 6, true, corrections},
    {"rprop",
     Update::rprop,
     1,
     {0.1, 0.5, 1.2, 0.01, 0.15},
     -1,
     false,
     [](const double*, double t, double* d) { d[0] = t == 1; }},
    {"lion", Update::lion, 1, {0.01, 0.9, 0.99, 0.1}, 3, false, nothing},
};

template <typename T>
void check_rule(const KernelTable& table, Rule rule, unsigned flags) {
  const bool maximize = flags & 1, decoupled = flags & 2 && rule.decouples;
  if (!(flags & 4) && rule.decay >= 0) rule.hyper[static_cast<size_t>(rule.decay)] = 0;
  for (int variant = 0; variant < rule.variants; ++variant) {
    const std::string what = std::string(table.isa) + " " + rule.name + " variant " +
                             std::to_string(variant) + " flags " + std::to_string(flags);
    check_steps<T>(table, what, [&](const KernelTable& t, Run<T>& r, int s, int64_t at, int64_t n) {
      void* states[] = {&r.first[static_cast<size_t>(at)], &r.second[static_cast<size_t>(at)],
                        &r.third[static_cast<size_t>(at)]};
      double derived[4] = {};
      rule.derive(rule.hyper.data(), s + 1.0, derived);
      kernel(t, rule.update, kType<T>)(
          {n, &r.w[static_cast<size_t>(at)], &r.g[static_cast<size_t>(s)][static_cast<size_t>(at)],
           states, rule.hyper.data(), derived, variant, maximize, decoupled});
    });
  }
}

template <typename T>
void check_sgd(const KernelTable& table, unsigned flags) {
  const bool nesterov = flags & 1, maximize = flags & 2, lr_inside = flags & 32;
  const double hyper[] = {0.1, flags & 4 ? 0.9 : 0, flags & 8 && !nesterov ? 0.5 : 0,
                          flags & 16 ? 0.01 : 0};
  check_steps<T>(table, std::string(table.isa) + " sgd flags " + std::to_string(flags),
                 [&](const KernelTable& t, Run<T>& r, int s, int64_t at, int64_t n) {
                   void* states[] = {&r.first[static_cast<size_t>(at)]};
                   const int variant = 1 + nesterov + 2 * (s == 0) + 4 * lr_inside;
                   kernel(t, Update::sgd,
                          kType<T>)({n, &r.w[static_cast<size_t>(at)],
                                     &r.g[static_cast<size_t>(s)][static_cast<size_t>(at)], states,
                                     hyper, nullptr, flags & 4 ? variant : 0, maximize, false});
                 });
}

// One step of one element.
template <typename T>
void step_one(const KernelTable& table, Update update, T& w, T g, std::vector<T*> own,
              const std::vector<double>& hyper, const std::vector<double>& derived, int variant,
              bool maximize = false, bool decoupled = false) {
  std::vector<void*> states(own.begin(), own.end());
  kernel(table, update, kType<T>)(
      {1, &w, &g, states.data(), hyper.data(), derived.data(), variant, maximize, decoupled});
}

void check_by_hand(const KernelTable& table) {
  // g' = 2 + 0.5 * 1 = 2.5; buffer = 0.5 * 4 + 0.75 * 2.5 = 3.875; w = 1 - 0.25 * 3.875.
  float w = 1, buffer = 4;
  const std::vector<double> sgd = {0.25, 0.5, 0.25, 0.5};
  step_one(table, Update::sgd, w, 2.0f, {&buffer}, sgd, {}, 1);
  expect(buffer == 3.875f && w == 0.03125f, table.isa, " sgd by hand: ", buffer, ", ", w);
  // Nesterov looks ahead: 2 + 0.5 * (0.5 * 4 + 2) = 4; w = 1 - 0.25 * 4.
  w = 1, buffer = 4;
  step_one(table, Update::sgd, w, 2.0f, {&buffer}, {0.25, 0.5, 0, 0}, {}, 2);
  expect(buffer == 4.0f && w == 0.0f, table.isa, " nesterov by hand: ", buffer, ", ", w);
  // The first step takes the gradient itself, whatever the buffer holds.
  w = 1, buffer = std::numeric_limits<float>::quiet_NaN();
  step_one(table, Update::sgd, w, 2.0f, {&buffer}, sgd, {}, 3, true);
  expect(buffer == -1.5f && w == 1.375f, table.isa, " first step by hand: ", buffer, ", ", w);
  // The rate inside: buffer = 0.5 * 4 + 0.25 * 2 = 2.5; w = 1 - 2.5.
  w = 1, buffer = 4;
  step_one(table, Update::sgd, w, 2.0f, {&buffer}, {0.25, 0.5, 0, 0}, {}, 5);
  expect(buffer == 2.5f && w == -1.5f, table.isa, " velocity by hand: ", buffer, ", ", w);
  // Decoupled decay halves w; m = 0.5 * 3, v = 0.25 * 9, both corrected to 3 and 9: w = 1 - 0.5 * 3
  // / 3.
  double x = 2, m = 0, v = 0;
  step_one(table, Update::adam, x, 3.0, {&m, &v}, {0.5, 0.5, 0.75, 0, 1.0}, {0.5, 0.25}, 0, false,
           true);
  expect(m == 1.5 && v == 2.25 && x == 0.5, table.isa, " adam by hand: ", m, ", ", v, ", ", x);
}

// An average that shrinks through the subnormal numbers is 0 there; nothing else is.
template <typename T>
void check_dead_units(const KernelTable& table) {
  const T smallest = std::numeric_limits<T>::min(), nan = std::numeric_limits<T>::quiet_NaN();
  const std::string what = std::string(table.isa) + " average ";
  for (const T before : {smallest, -smallest, smallest * 2, smallest * -4, smallest / 8, nan}) {
    const T half = before / 2, after = std::fabs(half) < smallest ? T(0) : half;
    const T w_before = 1;
    const auto check = [&](const char* rule, T average, T w) {
      expect(same(average, after) || std::isnan(before), what, before, " of ", rule, ": ", average);
      expect(std::isnan(average) == std::isnan(before), what, before, " of ", rule, ": ", average);
      expect(w == w_before || std::isnan(before), what, before, " of ", rule, " moves ", w);
    };
    T w = w_before, average = before, v = 1;
    step_one(table, Update::sgd, w, T(0), {&average}, {0.25, 0.5, 0, 0}, {}, 1);
    check("sgd", average, w);
    for (const Update update : {Update::adam, Update::adamax, Update::radam}) {
      w = w_before, average = before, v = 1;
      step_one(table, update, w, T(0), {&average, &v}, {0.5, 0.5, 0.75, 1e-8, 0}, {0.5, 0.25}, 0);
      check("adam's family", average, w);
    }
    w = w_before, average = before, v = 1;
    step_one(table, Update::rmsprop, w, T(0), {&v, &average}, {0.5, 0.5, 1e-8, 0, 0}, {}, 1);
    check("rmsprop", average, w);
  }
}

// So is one of squares where eps hides it; without eps it stays, or 0 / 0 would come.
template <typename T>
void check_dead_squares(const KernelTable& table) {
  const T smallest = std::numeric_limits<T>::min();
  for (const double eps : {1e-8, 0.0}) {
    for (const bool in_root : {false, true}) {
      T w = 1, v = smallest;
      step_one(table, Update::rmsprop, w, T(0), {&v}, {0.5, 0.5, eps, 0, 0}, {}, 4 * in_root);
      expect(same(v, eps == 0 ? smallest / 2 : T(0)), table.isa, " square with eps ", eps, ": ", v);
      expect(w == 1, table.isa, " square with eps ", eps, " moves ", w);
    }
    T w = 1, m = 0, v = smallest;
    step_one(table, Update::radam, w, T(0), {&m, &v}, {0.5, 0.5, 0.5, eps, 0}, {0.5, 1}, 0);
    expect(same(v, eps == 0 ? smallest / 2 : T(0)), table.isa, " radam's with eps ", eps, ": ", v);
    expect(w == 1, table.isa, " radam's square with eps ", eps, " moves ", w);
  }
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    for (unsigned flags = 0; flags < 64; ++flags) {
      check_sgd<float>(*table, flags);
      check_sgd<double>(*table, flags);
    }
    for (const Rule& rule : kRules) {
      for (unsigned flags = 0; flags < 8; ++flags) {
        check_rule<float>(*table, rule, flags);
        check_rule<double>(*table, rule, flags);
      }
    }
  }
  for (const KernelTable* table : tables(true)) {
    check_by_hand(*table);
    check_dead_units<float>(*table);
    check_dead_units<double>(*table);
    check_dead_squares<float>(*table);
    check_dead_squares<double>(*table);
  }
  return finish("optimizers");
}
