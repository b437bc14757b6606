// The matrix products of every kernel table against an exact model of their order of additions:
// each element, for each block of k (kProductBlockK, of bfloat16 kBFloat16BlockK), is a sum from
// zero in ascending k, added to the blocks before; the bias comes last. bfloat16 takes pairs of k,
// the odd one first, in float32, and is rounded at the end. Where the model holds, tiles, layouts,
// leading dimensions and threads cannot show; the tests of those are here too, as they say which
// promise broke.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "core/threads.h"
#include "kernels/bfloat16.h"
#include "kernels/blocking.h"
#include "kernels/dispatch.h"

namespace {

using namespace chainrule;
using kernels::BFloat16;
using kernels::KernelTable;
using kernels::ProductArgs;
using kernels::ProductPlan;

int failures = 0;

void fail_case(const std::string& what) {
  if (++failures <= 20) std::printf("FAILED %s\n", what.c_str());
}

// A matrix stored by rows or by columns, with a gap behind each of them. The gaps hold NaN: a
// kernel that lets one into a result is seen, and so is one that writes into C's gaps.
template <typename T>
struct Matrix {
  int64_t rows, cols, step;
  bool by_columns;
  std::vector<T> data;

  Matrix(int64_t rows, int64_t cols, bool by_columns, int64_t gap)
      : rows(rows), cols(cols), step((by_columns ? rows : cols) + gap), by_columns(by_columns) {
    const int64_t lines = by_columns ? cols : rows;
    // Not one element behind the last: the address sanitizer sees a read there.
    const int64_t size = lines == 0 || step == gap ? 0 : lines * step - gap;
    data.assign(static_cast<size_t>(size), T(std::numeric_limits<float>::quiet_NaN()));
  }
  T& at(int64_t i, int64_t j) {
    return data[static_cast<size_t>(by_columns ? j * step + i : i * step + j)];
  }
  const T& at(int64_t i, int64_t j) const { return const_cast<Matrix*>(this)->at(i, j); }
};

template <typename T>
Matrix<T> random_matrix(std::mt19937& source, int64_t rows, int64_t cols, bool by_columns,
                        int64_t gap) {
  Matrix<T> m(rows, cols, by_columns, gap);
  std::uniform_real_distribution<double> values(-1, 1);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) m.at(i, j) = static_cast<T>(values(source));
  }
  return m;
}

template <typename T>
Matrix<T> as_layout(const Matrix<T>& m, bool by_columns, int64_t gap) {
  Matrix<T> copy(m.rows, m.cols, by_columns, gap);
  for (int64_t i = 0; i < m.rows; ++i) {
    for (int64_t j = 0; j < m.cols; ++j) copy.at(i, j) = m.at(i, j);
  }
  return copy;
}

template <typename T>
ProductArgs arguments(const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& c, const T* bias) {
  return {a.rows,        b.cols, a.cols,       a.data.data(), a.step, a.by_columns,
          b.data.data(), b.step, b.by_columns, c.data.data(), c.step, bias};
}

template <typename T>
void run(const KernelTable& table, const ProductArgs& args) {
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  // The work is overstated: every product is to be split among the threads.
  const ProductPlan plan = table.product_plan[kType](args);
  parallel_ranges(plan.tiles, kSerialWork, [&](int64_t first, int64_t last) {
    table.product[kType](args, plan, first, last);
  });
}

template <typename T>
T multiply_add(T a, T b, T c, bool fused) {
  return fused ? std::fma(a, b, c) : a * b + c;
}

template <typename T>
T model(const Matrix<T>& a, const Matrix<T>& b, const T* bias, int64_t i, int64_t j, bool fused) {
  T sum = 0;
  for (int64_t block = 0; block < a.cols; block += kernels::kProductBlockK) {
    const int64_t end = std::min(a.cols, block + kernels::kProductBlockK);
    T part = 0;
    for (int64_t k = block; k < end; ++k) part = multiply_add(a.at(i, k), b.at(k, j), part, fused);
    sum = block == 0 ? part : sum + part;
  }
  return bias ? sum + bias[j] : sum;
}

// VDPBF16PS with numbers far from the subnormals.
template <>
BFloat16 model(const Matrix<BFloat16>& a, const Matrix<BFloat16>& b, const BFloat16* bias,
               int64_t i, int64_t j, bool) {
  float sum = 0;
  for (int64_t block = 0; block < a.cols; block += kernels::kBFloat16BlockK) {
    const int64_t end = std::min(a.cols, block + kernels::kBFloat16BlockK);
    float part = 0;
    for (int64_t k = block; k < end; k += 2) {
      if (k + 1 < end) part = std::fma(float(a.at(i, k + 1)), float(b.at(k + 1, j)), part);
      part = std::fma(float(a.at(i, k)), float(b.at(k, j)), part);
    }
    sum = block == 0 ? part : sum + part;
  }
  return BFloat16(bias ? sum + bias[j] : sum);
}

template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

// Within the rounding errors that the order of additions allows of the sum in long double; the
// last one, of bfloat16, is at most 2^-8 of it.
template <typename T>
bool near_exact(const Matrix<T>& a, const Matrix<T>& b, const T* bias, int64_t i, int64_t j,
                T got) {
  long double sum = bias ? static_cast<long double>(bias[j]) : 0, size = std::abs(sum);
  for (int64_t k = 0; k < a.cols; ++k) {
    const long double product =
        static_cast<long double>(a.at(i, k)) * static_cast<long double>(b.at(k, j));
    sum += product;
    size += std::abs(product);
  }
  constexpr bool kHalf = std::is_same_v<T, BFloat16>;
  constexpr int64_t kBlock = kHalf ? kernels::kBFloat16BlockK : kernels::kProductBlockK;
  const int64_t additions = std::min(a.cols, kBlock) + a.cols / kBlock + 3;
  const long double unit = std::numeric_limits<std::conditional_t<kHalf, float, T>>::epsilon();
  return std::abs(sum - got) <=
         size * static_cast<long double>(additions) * unit + (kHalf ? std::abs(sum) / 256 : 0);
}

struct Size {
  int64_t m, n, k;
};

std::string name_of(const KernelTable& table, const char* type, Size s, bool a_cols, bool b_cols) {
  return std::string(table.isa) + " " + type + " " + std::to_string(s.m) + "x" +
         std::to_string(s.n) + "x" + std::to_string(s.k) + (a_cols ? " T" : " N") +
         (b_cols ? "T" : "N");
}

// One product in all four layouts against the model. Large ones are looked at here and there.
template <typename T>
void check_values(const KernelTable& table, Size s, int64_t gap, bool with_bias, const char* type) {
  std::mt19937 source(static_cast<unsigned>(s.m * 7919 + s.n * 104729 + s.k));
  const Matrix<T> a = random_matrix<T>(source, s.m, s.k, false, gap);
  const Matrix<T> b = random_matrix<T>(source, s.k, s.n, false, gap);
  const Matrix<T> biases = random_matrix<T>(source, 1, s.n, false, 0);
  const T* bias = with_bias ? biases.data.data() : nullptr;
  const bool exact = std::strcmp(table.isa, "reference") != 0;
  const bool fused = std::strcmp(table.isa, "v2") != 0 && std::strcmp(table.isa, "generic") != 0;
  const int64_t row_step = s.m * s.n * s.k > 1000000 ? 1 + s.m / 61 : 1;
  const int64_t col_step = s.m * s.n * s.k > 1000000 ? 1 + s.n / 67 : 1;
  for (const bool a_cols : {false, true}) {
    for (const bool b_cols : {false, true}) {
      const std::string name = name_of(table, type, s, a_cols, b_cols);
      const Matrix<T> x = as_layout(a, a_cols, gap), y = as_layout(b, b_cols, gap);
      Matrix<T> c(s.m, s.n, false, gap);
      run<T>(table, arguments(x, y, c, bias));
      for (int64_t i = 0; i < s.m; ++i) {
        for (int64_t j = 0; j < s.n; ++j) {
          if (std::isnan(c.at(i, j))) return fail_case(name + ": NaN or not written");
        }
        for (int64_t j = 0; j < gap && i + 1 < s.m; ++j) {
          if (!std::isnan(c.data[static_cast<size_t>(i * c.step + s.n + j)])) {
            return fail_case(name + ": wrote behind a row");
          }
        }
      }
      for (int64_t i = 0; i < s.m; i += row_step) {
        for (int64_t j = 0; j < s.n; j += col_step) {
          const T got = c.at(i, j);
          if (exact && !same_bits(got, model(a, b, bias, i, j, fused))) {
            return fail_case(name + ": other bits than the model");
          }
          if (!near_exact(a, b, bias, i, j, got)) return fail_case(name + ": wrong value");
        }
      }
    }
  }
}

// The sums of A's rows beside the product are those of the reduction, to the bit, and C is what it
// is without them.
template <typename T>
void check_sums(const KernelTable& table, Size s, int64_t gap, const char* type) {
  std::mt19937 source(static_cast<unsigned>(s.m * 31 + s.n * 17 + s.k));
  const std::string name = name_of(table, type, s, true, false) + " with sums";
  const Matrix<T> a = random_matrix<T>(source, s.m, s.k, true, gap);
  const Matrix<T> b = random_matrix<T>(source, s.k, s.n, false, gap);
  constexpr int kType = static_cast<int>(DTypeOf<T>::value);
  const Matrix<T> dense = as_layout(a, true, 0);
  std::vector<T> sums(static_cast<size_t>(s.m));
  table.reduce[static_cast<int>(kernels::Reduce::sum)][kType](0, 1, s.k, s.m, sums.data(),
                                                              dense.data.data());
  Matrix<T> plain(s.m, s.n, false, gap);
  run<T>(table, arguments(a, b, plain, static_cast<const T*>(nullptr)));
  for (const int threads : {1, 2, 4}) {
    set_num_threads(threads);
    Matrix<T> c(s.m, s.n, false, gap);
    std::vector<T> got(sums.size(), T(std::numeric_limits<float>::quiet_NaN()));
    ProductArgs args = arguments(a, b, c, static_cast<const T*>(nullptr));
    args.a_sums = got.data();
    run<T>(table, args);
    if (std::memcmp(got.data(), sums.data(), sums.size() * sizeof(T)) != 0) {
      return fail_case(name + ": other sums than the reduction's");
    }
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        if (!same_bits(c.at(i, j), plain.at(i, j))) return fail_case(name + ": another product");
      }
    }
  }
  set_num_threads(2);
}

// Sums over a single row are added up in another order.
template <typename T>
void check_all_sums(const KernelTable& table, const char* type) {
  for (const int64_t m : {2, 3, 8, 10, 16, 17, 33, 64, 100}) {
    for (const int64_t n : {1, 2, 4, 15, 16, 17, 48, 49, 64, 130}) {
      check_sums<T>(table, {m, n, (m * 7 + n) % 29 + 1}, n % 3, type);
    }
  }
  for (const int64_t k : {1, 2, 511, 512, 513, 1024, 2051}) {
    check_sums<T>(table, {3, 10, k}, 0, type);
    check_sums<T>(table, {32, 4, k}, 1, type);
  }
  if (std::strcmp(table.isa, "reference") == 0) return;
  for (const Size s : {Size{128, 784, 64}, Size{700, 1100, 300}, Size{2100, 600, 40}}) {
    check_sums<T>(table, s, 0, type);
  }
}

// A part of the rows and columns computed by itself, the grid of tiles cut anywhere, and any number
// of threads: the same bits.
template <typename T>
void check_splits(const KernelTable& table, Size s, const char* type) {
  std::mt19937 source(5);
  for (const bool a_cols : {false, true}) {
    for (const bool b_cols : {false, true}) {
      const std::string name = name_of(table, type, s, a_cols, b_cols);
      const Matrix<T> a = random_matrix<T>(source, s.m, s.k, a_cols, 0);
      const Matrix<T> b = random_matrix<T>(source, s.k, s.n, b_cols, 0);
      Matrix<T> whole(s.m, s.n, false, 0);
      set_num_threads(1);
      run<T>(table, arguments(a, b, whole, static_cast<const T*>(nullptr)));
      for (const int threads : {2, 4}) {
        Matrix<T> again(s.m, s.n, false, 0);
        set_num_threads(threads);
        run<T>(table, arguments(a, b, again, static_cast<const T*>(nullptr)));
        if (std::memcmp(again.data.data(), whole.data.data(), whole.data.size() * sizeof(T)) != 0) {
          fail_case(name + ": other bits on " + std::to_string(threads) + " threads");
        }
      }
      Matrix<T> cut_up(s.m, s.n, false, 0);
      const ProductArgs args = arguments(a, b, cut_up, static_cast<const T*>(nullptr));
      constexpr int kType = static_cast<int>(DTypeOf<T>::value);
      const ProductPlan plan = table.product_plan[kType](args);
      for (int64_t cut = 1; cut < plan.tiles; ++cut) {
        std::fill(cut_up.data.begin(), cut_up.data.end(),
                  T(std::numeric_limits<float>::quiet_NaN()));
        table.product[kType](args, plan, cut, plan.tiles);
        table.product[kType](args, plan, 0, cut);
        if (std::memcmp(cut_up.data.data(), whole.data.data(), whole.data.size() * sizeof(T))) {
          fail_case(name + ": other bits when cut at tile " + std::to_string(cut));
        }
      }
      for (const int64_t row : {int64_t{1}, s.m / 2 - 1}) {
        for (const int64_t col : {int64_t{0}, s.n / 3}) {
          const int64_t rows = s.m - row - 1, cols = s.n - col - (col > 0);
          ProductArgs args = arguments(a, b, whole, static_cast<const T*>(nullptr));
          Matrix<T> part(rows, cols, false, 0);
          args.m = rows;
          args.n = cols;
          args.a = &a.at(row, 0);
          args.b = &b.at(0, col);
          args.c = part.data.data();
          args.ldc = part.step;
          run<T>(table, args);
          for (int64_t i = 0; i < rows; ++i) {
            for (int64_t j = 0; j < cols; ++j) {
              if (!same_bits(part.at(i, j), whole.at(row + i, col + j))) {
                return fail_case(name + ": a part has other bits than the whole");
              }
            }
          }
        }
      }
    }
  }
}

template <typename T>
void check_table(const KernelTable& table, const char* type) {
  set_num_threads(2);
  const int64_t edges[] = {1, 2, 3, 5, 8, 15, 16, 17, 33, 48, 49, 63, 97};
  for (const int64_t m : edges) {
    for (const int64_t n : edges)
      check_values<T>(table, {m, n, (m * 5 + n) % 23 + 1}, 3, true, type);
  }
  for (const int64_t k :
       {1, 2, 3, 4, 5, 7, 8, 255, 256, 257, 259, 511, 512, 513, 1000, 1023, 1025, 2051}) {
    check_values<T>(table, {9, 19, k}, 1, false, type);
    check_values<T>(table, {35, 5, k}, 0, true, type);
    check_values<T>(table, {1, 50, k}, 0, true, type);
    check_values<T>(table, {70, 1, k}, 0, true, type);
    check_values<T>(table, {70, 1, k}, 2, true, type);
  }
  // Empty ones write nothing; without a k the bias or zero is left.
  check_values<T>(table, {0, 7, 3}, 0, true, type);
  check_values<T>(table, {7, 0, 3}, 0, true, type);
  check_values<T>(table, {7, 20, 0}, 2, true, type);
  check_values<T>(table, {7, 20, 0}, 2, false, type);
  // Sizes of networks, several tiles and strides of whole pages. Too slow for the naive table.
  if (std::strcmp(table.isa, "reference") == 0) return;
  const Size sizes[] = {{64, 128, 784}, {128, 784, 64},    {784, 128, 64},
                        {150, 10, 4},   {600, 70, 300},    {64, 10, 1024},
                        {64, 1024, 10}, {200, 1024, 1024}, {513, 2049, 30}};
  for (const Size s : sizes) check_values<T>(table, s, 0, true, type);
  check_values<T>(table, {150, 1030, 520}, 5, true, type);
  for (const Size s :
       {Size{64, 128, 784}, Size{150, 230, 300}, Size{40, 9, 600}, Size{300, 530, 512},
        Size{700, 1100, 520}, Size{2100, 600, 40}, Size{90, 530, 1030}}) {
    check_splits<T>(table, s, type);
  }
}

}  // namespace

int main() {
  for (const char* isa : {"reference", "generic", "native", "v2", "v3", "v4"}) {
    const KernelTable* table = kernels::find_table(isa);
    if (!table) continue;
    if (table->product[static_cast<int>(DType::kBFloat16)])
      check_table<BFloat16>(*table, "bfloat16");
    check_table<float>(*table, "float32");
    check_table<double>(*table, "float64");
    check_all_sums<float>(*table, "float32");
    check_all_sums<double>(*table, "float64");
    std::printf("%s: looked at\n", isa);
  }
  if (failures) std::printf("%d failures\n", failures);
  return failures != 0;
}
