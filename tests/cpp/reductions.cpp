// Floating-point reductions against an exact model of their trees (kernels/blocking.h) on every
// vector table: contiguous data goes to lanes, folded in halves, in chunks whose results are
// reduced alike; columns go through n in blocks of kProductBlockK. Where the model holds, a chunk
// may go to any thread and the column sum is the product's. Extremes, indices and cumsum against
// plain loops.
#include "kernel_checks.h"

namespace {

using namespace chainrule;
using namespace chainrule::checks;
using kernels::kProductBlockK;
using kernels::kReduceChunk;
using kernels::kReduceLanes;
using kernels::Reduce;

// What an op does to an element, how it combines, and which op combines its chunk results.
template <typename T>
struct Op {
  Reduce slot;
  const char* name;
  T first;
  T (*map)(T);
  T (*combine)(T, T);
  Reduce partials;
};

template <typename T>
T keep(T x) {
  return x;
}
template <typename T>
T square(T x) {
  return x * x;
}
template <typename T>
T magnitude(T x) {
  return std::fabs(x);
}
template <typename T>
T plus(T a, T b) {
  return a + b;
}
template <typename T>
T times(T a, T b) {
  return a * b;
}
template <typename T>
T larger(T a, T b) {
  return a > b || std::isnan(a) ? a : b;
}
template <typename T>
T smaller(T a, T b) {
  return a < b || std::isnan(a) ? a : b;
}

template <typename T>
std::vector<Op<T>> all_ops() {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  return {{Reduce::sum, "sum", 0, keep, plus, Reduce::sum},
          {Reduce::prod, "prod", 1, keep, times, Reduce::prod},
          {Reduce::amax, "amax", -kInfinity, keep, larger, Reduce::amax},
          {Reduce::amin, "amin", kInfinity, keep, smaller, Reduce::amin},
          {Reduce::sum_squares, "sum_squares", 0, square, plus, Reduce::sum},
          {Reduce::sum_abs, "sum_abs", 0, magnitude, plus, Reduce::sum},
          {Reduce::max_abs, "max_abs", 0, magnitude, larger, Reduce::amax}};
}

// ---- The model.
template <typename T>
T contiguous(const Op<T>& op, const T* x, int64_t n) {
  if (n <= kReduceChunk) {
    constexpr int64_t kLanes = kReduceLanes<T>;
    std::vector<T> lanes(kLanes, op.first);
    for (int64_t i = 0; i < n; ++i) {
      T& lane = lanes[static_cast<size_t>(i % kLanes)];
      lane = op.combine(lane, op.map(x[i]));
    }
    for (size_t half = kLanes / 2; half > 0; half /= 2) {
      for (size_t j = 0; j < half; ++j) lanes[j] = op.combine(lanes[j], lanes[j + half]);
    }
    return lanes[0];
  }
  std::vector<T> partials;
  for (int64_t i = 0; i < n; i += kReduceChunk) {
    partials.push_back(contiguous(op, x + i, std::min(kReduceChunk, n - i)));
  }
  Op<T> join = op;
  join.map = keep;
  return contiguous(join, partials.data(), static_cast<int64_t>(partials.size()));
}

template <typename T>
T column(const Op<T>& op, const T* x, int64_t n, int64_t step) {
  T total = op.first;
  for (int64_t begin = 0; begin < n; begin += kProductBlockK) {
    T block = op.first;
    for (int64_t k = begin; k < std::min(n, begin + kProductBlockK); ++k) {
      block = op.combine(block, op.map(x[k * step]));
    }
    total = op.combine(total, block);
  }
  return total;
}

template <typename T>
kernels::ReduceFn slot(const KernelTable& table, Reduce op) {
  return table.reduce[static_cast<int>(op)][sizeof(T) == 4 ? 5 : 6];
}

template <typename T>
std::vector<T> data(std::mt19937_64& source, int64_t n, bool hard) {
  if (hard) return hard_values<T>(source, n);
  std::uniform_real_distribution<double> values(-2, 2);
  std::vector<T> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(static_cast<T>(values(source)));
  return x;
}

template <typename T>
void check_shape(const KernelTable& table, const Op<T>& op, int64_t outer, int64_t n, int64_t inner,
                 bool hard) {
  std::mt19937_64 source(static_cast<uint64_t>(n * 31 + inner));
  const std::vector<T> x = data<T>(source, outer * n * inner, hard);
  std::vector<T> y(static_cast<size_t>(outer * inner), T(-7));
  // In two calls, as two threads would share the work.
  slot<T>(table, op.slot)(0, outer / 2, n, inner, y.data(), x.data());
  slot<T>(table, op.slot)(outer / 2, outer, n, inner, y.data(), x.data());
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t j = 0; j < inner; ++j) {
      const T* first = x.data() + o * n * inner + j;
      const T expected = inner == 1 ? contiguous(op, first, n) : column(op, first, n, inner);
      const T got = y[static_cast<size_t>(o * inner + j)];
      expect(same(got, expected), table.isa, " ", op.name, " [", outer, ", ", n, ", ", inner,
             "] at ", o, ", ", j, ": ", got, ", the model ", expected);
    }
  }
}

// Chunks given out and their results reduced, as a driver with threads does.
template <typename T>
void check_chunks(const KernelTable& table, const Op<T>& op, int64_t n) {
  std::mt19937_64 source(5);
  const std::vector<T> x = data<T>(source, n, false);
  T whole, joined;
  slot<T>(table, op.slot)(0, 1, n, 1, &whole, x.data());
  const int64_t chunks = n / kReduceChunk, rest = n - chunks * kReduceChunk;
  std::vector<T> partials(static_cast<size_t>(chunks + (rest > 0)));
  slot<T>(table, op.slot)(0, chunks, kReduceChunk, 1, partials.data(), x.data());
  if (rest > 0) {
    slot<T>(table, op.slot)(0, 1, rest, 1, &partials[static_cast<size_t>(chunks)],
                            x.data() + chunks * kReduceChunk);
  }
  slot<T>(table, op.partials)(0, 1, static_cast<int64_t>(partials.size()), 1, &joined,
                              partials.data());
  expect(same(whole, joined), table.isa, " ", op.name, " of ", n, " whole ", whole, ", in chunks ",
         joined);
}

template <typename T>
void check_reductions(const KernelTable& table) {
  for (const Op<T>& op : all_ops<T>()) {
    for (int64_t n = 0; n <= 150; ++n) {
      check_shape(table, op, 3, n, 1, false);
      check_shape(table, op, 3, n, 1, true);
    }
    for (int64_t n : {255, 256, 257, 4095, 4096, 4097, 4160, 8192, 12289, 100003}) {
      check_shape(table, op, 2, n, 1, false);
      check_chunks(table, op, n);
    }
    for (int64_t inner = 2; inner <= 150; ++inner) check_shape(table, op, 3, 5, inner, inner % 2);
    for (int64_t n : {0, 1, 255, 256, 257, 512, 1030}) {
      for (int64_t inner : {2, 3, 10, 16, 17, 40, 100}) check_shape(table, op, 2, n, inner, false);
    }
  }
  // Three levels of chunks.
  const int64_t deep = kReduceChunk * kReduceChunk + 5;
  const std::vector<T> ones(static_cast<size_t>(deep), T(1));
  T sum = 0;
  slot<T>(table, Reduce::sum)(0, 1, deep, 1, &sum, ones.data());
  expect(sum == static_cast<T>(deep), table.isa, " sum of ", deep, " ones: ", sum);
}

// ---- Extremes with their index, any, all and cumsum: shared by all tables, against plain loops.
template <typename T>
void check_indices(const KernelTable& table, int type, int64_t n, int64_t inner) {
  std::mt19937_64 source(static_cast<uint64_t>(n + inner));
  std::vector<T> x = hard_values<T>(source, n * inner);
  for (size_t i = 0; i + 1 < x.size(); i += 3) x[i + 1] = x[i];  // ties
  for (const bool largest : {true, false}) {
    std::vector<T> values(static_cast<size_t>(inner));
    std::vector<int64_t> indices(static_cast<size_t>(inner));
    (largest ? table.max : table.min)[type](0, 1, n, inner, values.data(), indices.data(),
                                            x.data());
    for (int64_t j = 0; j < inner; ++j) {
      const auto at = [&](int64_t k) { return x[static_cast<size_t>(k * inner + j)]; };
      int64_t best = 0;
      for (int64_t k = 1; k < n && !(at(best) != at(best)); ++k) {
        const bool better = largest ? at(k) > at(best) : at(k) < at(best);
        if (better || at(k) != at(k)) best = k;
      }
      const size_t place = static_cast<size_t>(j);
      expect(indices[place] == best && same(values[place], at(best)), table.isa,
             largest ? " max" : " min", " of ", n, " rows, column ", j, ": index ", indices[place],
             ", expected ", best);
    }
  }
}

void check_cumsum(const KernelTable& table, int64_t n, int64_t inner) {
  std::mt19937_64 source(3);
  const std::vector<float> x = data<float>(source, n * inner, false);
  std::vector<float> y(x.size());
  table.cumsum[static_cast<int>(DType::kFloat32)](0, 1, n, inner, y.data(), x.data());
  for (int64_t j = 0; j < inner; ++j) {
    double sum = 0;
    for (int64_t k = 0; k < n; ++k) {
      const size_t i = static_cast<size_t>(k * inner + j);
      sum += static_cast<double>(x[i]);
      expect(same(y[i], static_cast<float>(sum)), table.isa, " cumsum [", n, ", ", inner, "] at ",
             k, ", ", j);
    }
  }
}

void check_any_all(const KernelTable& table) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float x[] = {0, 0, 0, -0.0f, 0, nan, 1, 2, nan};
  const auto reduce = [&](Reduce op, int64_t rows) {
    bool out[3];
    slot<float>(table, op)(0, rows, 3, 1, out, x);
    return std::string{out[0] ? '1' : '0', out[1] ? '1' : '0', out[2] ? '1' : '0'};
  };
  expect(reduce(Reduce::any, 3) == "011", table.isa, " any");
  expect(reduce(Reduce::all, 3) == "001", table.isa, " all");
}

}  // namespace

int main() {
  for (const KernelTable* table : tables(false)) {
    check_reductions<float>(*table);
    check_reductions<double>(*table);
    for (const int64_t n : {1, 2, 10, 100}) {
      for (const int64_t inner : {1, 3, 70}) {
        check_indices<float>(*table, static_cast<int>(DType::kFloat32), n, inner);
        check_indices<double>(*table, static_cast<int>(DType::kFloat64), n, inner);
        check_indices<uint8_t>(*table, static_cast<int>(DType::kUInt8), n, inner);
        check_indices<int64_t>(*table, static_cast<int>(DType::kInt64), n, inner);
        check_cumsum(*table, n, inner);
      }
    }
    check_any_all(*table);
  }
  return finish("reductions");
}
