// Softmax, log-softmax and cross-entropy on every vector table: against the reference table in long
// double, with the same bits however the rows are cut into ranges, at the edges as PyTorch, and
// with targets out of range reported and never used as an index.
#include <array>

#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using kernels::CrossEntropyArgs;
using kernels::CrossEntropyBackwardArgs;

constexpr float kInf = std::numeric_limits<float>::infinity();

template <typename T>
constexpr int kType = kernels::float_index(sizeof(T) == 4 ? DType::kFloat32 : DType::kFloat64);

template <typename T>
std::vector<T> uniform(std::mt19937_64& source, int64_t n, double lo, double hi) {
  std::uniform_real_distribution<double> values(lo, hi);
  std::vector<T> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(static_cast<T>(values(source)));
  return x;
}

// Where in a range rows end up: all at once, one by one, and in uneven parts.
template <typename Call>
void in_parts(int64_t rows, int way, Call call) {
  const int64_t step = way == 0 ? rows : way == 1 ? 1 : 5;
  for (int64_t r = 0; r < rows; r += std::max<int64_t>(step, 1)) call(r, std::min(rows, r + step));
}

template <typename T>
void expect_close(const std::string& what, const std::vector<T>& got, const std::vector<T>& exact,
                  double scale) {
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(static_cast<double>(got[i]) - static_cast<double>(exact[i]));
    const double bound =
        scale * std::numeric_limits<T>::epsilon() * (1 + std::fabs(static_cast<double>(exact[i])));
    const bool nan = std::isnan(got[i]) && std::isnan(exact[i]);
    expect(nan || got[i] == exact[i] || error <= bound, what, " at ", i, ": ", got[i], ", exact ",
           exact[i]);
  }
}

template <typename T>
void check_softmax(const KernelTable& table, int64_t rows, int64_t cols) {
  std::mt19937_64 source(static_cast<uint64_t>(rows * 1000 + cols));
  std::vector<T> x = uniform<T>(source, rows * cols, -30, 30);
  if (!x.empty()) x[x.size() / 2] = -kInf;
  const std::vector<T> dy = uniform<T>(source, rows * cols, -1, 1);
  const std::string what = std::string(table.isa) + " " + std::to_string(rows) + "x" +
                           std::to_string(cols) + (sizeof(T) == 4 ? " float " : " double ");
  const struct {
    const char* name;
    kernels::RowFn fn, exact;
    kernels::RowBackwardFn back, back_exact;
  } slots[] = {{"softmax", table.softmax[kType<T>], reference().softmax[kType<T>],
                table.softmax_backward[kType<T>], reference().softmax_backward[kType<T>]},
               {"log_softmax", table.log_softmax[kType<T>], reference().log_softmax[kType<T>],
                table.log_softmax_backward[kType<T>], reference().log_softmax_backward[kType<T>]}};
  for (const auto& s : slots) {
    std::vector<T> exact(x.size()), dx_exact(x.size()), first, dx_first;
    s.exact(0, rows, cols, exact.data(), x.data());
    s.back_exact(0, rows, cols, dx_exact.data(), dy.data(), exact.data());
    for (int way = 0; way < 3; ++way) {
      std::vector<T> y(x.size()), dx(x.size());
      in_parts(rows, way, [&](int64_t a, int64_t b) { s.fn(a, b, cols, y.data(), x.data()); });
      in_parts(rows, way, [&](int64_t a, int64_t b) {
        s.back(a, b, cols, dx.data(), dy.data(), exact.data());
      });
      if (way == 0) first = y, dx_first = dx;
      expect_close(what + s.name, y, exact, 8);
      expect_close(what + s.name + " backward", dx, dx_exact, 8 + std::sqrt(double(cols)));
      for (size_t i = 0; i < y.size(); ++i) {
        expect(same(y[i], first[i]) && same(dx[i], dx_first[i]), what, s.name,
               " depends on where its rows begin, at ", i);
      }
    }
  }
}

void check_edges(const KernelTable& table) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const int64_t cols : {3, 40}) {  // side by side, and one by one
    std::vector<float> x(static_cast<size_t>(4 * cols), -1000.0f), y(x.size());
    for (int64_t j = 0; j < cols; ++j) x[static_cast<size_t>(j)] = -kInf;
    x[static_cast<size_t>(cols)] = nan;
    x[static_cast<size_t>(2 * cols)] = kInf;
    x[static_cast<size_t>(3 * cols)] = 1000.0f;
    table.softmax[kType<float>](0, 4, cols, y.data(), x.data());
    for (int64_t j = 0; j < 3 * cols; ++j) {
      const bool zero = j > 2 * cols && y[static_cast<size_t>(j)] == 0;  // exp(-1000 - inf) / nan
      expect(std::isnan(y[static_cast<size_t>(j)]) || zero, table.isa, " softmax edge at ", j);
    }
    for (int64_t j = 0; j < cols; ++j) {
      expect(y[static_cast<size_t>(3 * cols + j)] == (j == 0 ? 1.0f : 0.0f), table.isa,
             " softmax of one large logit, at ", j);
    }
  }
}

template <typename T>
struct Losses {
  std::vector<T> loss, slope, scale, dlogits;
  int64_t bad = -1;
};

template <typename T>
struct Problem {
  int64_t rows, cols;
  std::vector<T> logits, weight, dy;
  std::vector<int64_t> target;
  double smoothing;
  bool weighted;
  int64_t dy_stride = 1;  // 0: one for all rows
  T divisor = 3;

  // The losses without their slopes.
  Losses<T> values(const KernelTable& table) const {
    Losses<T> r{std::vector<T>(static_cast<size_t>(rows)), {}, std::vector<T>(size_t(rows)), {}};
    const CrossEntropyArgs args{
        cols,          logits.data(), target.data(), weighted ? weight.data() : nullptr,
        -100,          smoothing,     r.loss.data(), nullptr,
        r.scale.data()};
    r.bad = table.cross_entropy[kType<T>](args, 0, rows);
    return r;
  }

  Losses<T> run(const KernelTable& table, int way) const {
    const size_t n = static_cast<size_t>(rows), all = static_cast<size_t>(rows * cols);
    Losses<T> r{std::vector<T>(n), std::vector<T>(all), std::vector<T>(n), std::vector<T>(all)};
    const void* weights = weighted ? weight.data() : nullptr;
    const CrossEntropyArgs forward{cols,      logits.data(), target.data(),  weights,       -100,
                                   smoothing, r.loss.data(), r.slope.data(), r.scale.data()};
    const CrossEntropyBackwardArgs backward{cols,     r.slope.data(),  target.data(),
                                            -100,     dy.data(),       dy_stride,
                                            &divisor, r.dlogits.data()};
    in_parts(rows, way, [&](int64_t a, int64_t b) {
      const int64_t bad = table.cross_entropy[kType<T>](forward, a, b);
      if (r.bad < 0) r.bad = bad;
    });
    in_parts(rows, way,
             [&](int64_t a, int64_t b) { table.cross_entropy_backward[kType<T>](backward, a, b); });
    return r;
  }
};

template <typename T>
void check_cross_entropy(const KernelTable& table, int64_t rows, int64_t cols, double smoothing,
                         bool weighted, int64_t dy_stride = 1) {
  std::mt19937_64 source(static_cast<uint64_t>(rows * 77 + cols));
  Problem<T> problem{rows,
                     cols,
                     uniform<T>(source, rows * cols, -5, 5),
                     uniform<T>(source, cols, 0.5, 2),
                     uniform<T>(source, rows, -1, 1),
                     {},
                     smoothing,
                     weighted,
                     dy_stride};
  for (int64_t r = 0; r < rows; ++r) {
    problem.target.push_back(r % 7 == 3 ? -100 : static_cast<int64_t>(source() % cols));
  }
  if (rows > 2) problem.dy[2] = 0;
  const Losses<T> exact = problem.run(reference(), 0), first = problem.run(table, 0);
  const std::string what = std::string(table.isa) + " cross_entropy " + std::to_string(rows) + "x" +
                           std::to_string(cols) + " smoothing " + std::to_string(smoothing);
  expect(first.bad == -1, what, ": no target is bad, got ", first.bad);
  expect_close(what + " loss", first.loss, exact.loss, 8 + std::sqrt(double(cols)));
  expect_close(what + " slope", first.slope, exact.slope, 8);
  expect_close(what + " scale", first.scale, exact.scale, 0);
  expect_close(what + " gradient", first.dlogits, exact.dlogits, 8);
  const Losses<T> alone = problem.values(table);
  expect(alone.bad == -1 &&
             std::memcmp(alone.loss.data(), first.loss.data(), first.loss.size() * sizeof(T)) == 0,
         what, " is another without its slope");
  expect(alone.scale == first.scale, what, " has another scale without its slope");
  for (int way = 1; way < 3; ++way) {
    const Losses<T> other = problem.run(table, way);
    const bool equal =
        std::memcmp(other.loss.data(), first.loss.data(), other.loss.size() * sizeof(T)) == 0 &&
        std::memcmp(other.slope.data(), first.slope.data(), other.slope.size() * sizeof(T)) == 0 &&
        std::memcmp(other.dlogits.data(), first.dlogits.data(), other.dlogits.size() * sizeof(T)) ==
            0;
    expect(equal, what, " depends on how rows are cut, way ", way);
  }
}

// Ignored rows have +0 whatever the others are multiplied with, also where there are no others.
void check_ignored_rows(const KernelTable& table) {
  for (const int64_t cols : {3, 40}) {
    for (const float dy : {1.0f, -1.0f, 0.0f, kInf}) {
      Problem<float> problem{3,  cols,  std::vector<float>(static_cast<size_t>(3 * cols), 1.0f),
                             {}, {dy},  {-100, -100, -100},
                             0,  false, 0,
                             0};
      const Losses<float> r = problem.run(table, 0);
      for (const float dx : r.dlogits) {
        expect(dx == 0 && !std::signbit(dx), table.isa, " all ignored, dy ", dy, ": ", dx);
      }
      problem.target[1] = 2;
      problem.divisor = 1;
      const Losses<float> one = problem.run(table, 0);
      expect(one.dlogits[0] == 0 && !std::signbit(one.dlogits[0]), table.isa, " ignored, dy ", dy);
      const float at_target = one.dlogits[static_cast<size_t>(cols + 2)];
      expect(dy == 0 ? at_target == 0 : std::signbit(at_target) != std::signbit(dy), table.isa,
             " not ignored, dy ", dy, ": ", at_target);
    }
  }
}

// NaN and infinite logits stay in their rows.
void check_bad_logits(const KernelTable& table) {
  for (const int64_t cols : {3, 40}) {
    Problem<float> problem{4,  cols,   std::vector<float>(static_cast<size_t>(4 * cols), 1.0f),
                           {}, {1.0f}, {0, 1, 2, 0},
                           0,  false,  0,
                           4};
    problem.logits[0] = std::numeric_limits<float>::quiet_NaN();
    problem.logits[static_cast<size_t>(cols)] = -kInf;
    problem.logits[static_cast<size_t>(2 * cols)] = kInf;
    const Losses<float> r = problem.run(table, 0);
    expect(std::isnan(r.loss[0]) && std::isnan(r.dlogits[0]), table.isa, " loss of nan");
    expect(std::isfinite(r.loss[1]) && r.dlogits[static_cast<size_t>(cols)] == 0, table.isa,
           " loss beside -inf: ", r.loss[1]);
    expect(!std::isfinite(r.loss[2]), table.isa, " loss beside inf: ", r.loss[2]);
    expect(std::isfinite(r.loss[3]) && std::isfinite(r.dlogits[static_cast<size_t>(3 * cols)]),
           table.isa, " loss below them: ", r.loss[3]);
  }
}

// The sanitizers watch these: a bad target must not become an address.
void check_bad_targets(const KernelTable& table) {
  for (const int64_t cols : {3, 40}) {
    for (int i = 0; i < 8; ++i) {
      const int64_t bad_target =
          std::array{int64_t{-1}, cols, int64_t{1} << 62, -(int64_t{1} << 62)}[i % 4];
      const bool weighted = i < 4;
      Problem<float> problem{4,
                             cols,
                             std::vector<float>(static_cast<size_t>(4 * cols), 1.0f),
                             std::vector<float>(static_cast<size_t>(cols), 1.0f),
                             std::vector<float>(4, 1.0f),
                             {0, bad_target, 1, bad_target},
                             weighted ? 0.1 : 0,
                             weighted};
      const Losses<float> r = problem.run(table, 0);
      expect(r.bad == 1, table.isa, " bad target ", bad_target, " reported at row ", r.bad);
      expect(r.loss[1] == 0 && r.scale[1] == 0 && r.dlogits[static_cast<size_t>(cols)] == 0,
             table.isa, " bad target ", bad_target, " left a trace");
    }
  }
}

template <typename T>
void check_table(const KernelTable& table) {
  for (const int64_t rows : {0, 1, 2, 15, 16, 17, 40}) {
    for (const int64_t cols : {1, 2, 3, 5, 10, 16, 31, 32, 33, 64, 65, 100, 1000}) {
      check_softmax<T>(table, rows, cols);
      check_cross_entropy<T>(table, rows, cols, 0, false);
      if (rows > 0) check_cross_entropy<T>(table, rows, cols, 0, false, 0);
      check_cross_entropy<T>(table, rows, cols, 0.1, true);
      check_cross_entropy<T>(table, rows, cols, 0.3, false);
    }
  }
  for (const int64_t cols : {500, 700, 4095, 4096, 4097, 9000}) {  // about what a tile holds
    check_softmax<T>(table, 3, cols);
    check_cross_entropy<T>(table, 3, cols, 0, false);
    check_cross_entropy<T>(table, 3, cols, 0.1, true);
  }
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    check_table<float>(*table);
    check_table<double>(*table);
    check_edges(*table);
    check_bad_targets(*table);
    check_ignored_rows(*table);
    check_bad_logits(*table);
  }
  check_edges(reference());
  check_bad_targets(reference());
  check_ignored_rows(reference());
  check_bad_logits(reference());
  return finish("rows");
}
