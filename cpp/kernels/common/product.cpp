// Matrix products of integers, modulo 2^bits as PyTorch's are. The order of additions cannot show,
// so Eigen's own product serves: C in tiles of rows, each computed from blocks of A and B.
//
// The blocks' sizes are bounds in their types: Eigen then packs into arrays on the stack, allocates
// nothing and does not ask the processor for its caches. Against plain loops it makes 1.3 times the
// products a second at 512^3 in int64 and int32, 2 to 4 times where B lies by columns and up to 8
// times for a matrix by a vector. Where it loses, the loops have stayed: `by_loops` says
// where, and bytes are always theirs (19 thousand million a second against 3.7).
#include <cstdint>

// Every temporary of a block's product lies on the stack, whatever its size: without a limit the
// object holds no call of malloc, which tests/structure checks.
#define EIGEN_STACK_ALLOCATION_LIMIT SIZE_MAX
#include <Eigen/Core>

#include "kernels/common/common.h"

namespace chainrule::kernels {
namespace {

constexpr int kTileRows = 64;
constexpr int kBlockK = 128;
constexpr int kBlockN = 64;  // with 64-bit numbers the packed blocks are 64 KB each

ProductPlan plan(const ProductArgs& args) { return {(args.m + kTileRows - 1) / kTileRows}; }

int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

// Steps between neighbours along the rows of A, along k and along the columns of B.
struct Steps {
  int64_t a_row, a_k, b_k, b_col;
};

Steps steps_of(const ProductArgs& args) {
  return {args.trans_a ? 1 : args.lda, args.trans_a ? args.lda : 1, args.trans_b ? 1 : args.ldb,
          args.trans_b ? args.ldb : 1};
}

// T is unsigned: wrapping around is defined.
template <typename T>
void fill(const ProductArgs& args, int64_t begin, int64_t end) {
  const T* bias = static_cast<const T*>(args.bias);
  for (int64_t i = begin; i < end; ++i) {
    T* row = static_cast<T*>(args.c) + i * args.ldc;
    for (int64_t j = 0; j < args.n; ++j) row[j] = bias ? bias[j] : T(0);
  }
}

// A block of k for rows of C: multiples of B's rows added up, or dot products where B lies by
// columns. Sizes are copied first because a byte written may be part of any object.
template <typename T>
void loops(const ProductArgs& args, int64_t begin, int64_t end) {
  const Steps s = steps_of(args);
  const int64_t n = args.n;
  const bool trans_b = args.trans_b;
  for (int64_t p0 = 0; p0 < args.k; p0 += kBlockK) {
    const int64_t depth = min(kBlockK, args.k - p0);
    const T* b = static_cast<const T*>(args.b) + p0 * s.b_k;
    for (int64_t i = begin; i < end; ++i) {
      const T* x = static_cast<const T*>(args.a) + i * s.a_row + p0 * s.a_k;
      T* y = static_cast<T*>(args.c) + i * args.ldc;
      if (trans_b) {
        for (int64_t j = 0; j < n; ++j) {
          const T* z = b + j * s.b_col;
          T sum = 0;
          for (int64_t p = 0; p < depth; ++p) sum = static_cast<T>(sum + x[p * s.a_k] * z[p]);
          y[j] = static_cast<T>(y[j] + sum);
        }
      } else {
        for (int64_t p = 0; p < depth; ++p) {
          const T factor = x[p * s.a_k];
          const T* z = b + p * s.b_k;
          for (int64_t j = 0; j < n; ++j) y[j] = static_cast<T>(y[j] + factor * z[j]);
        }
      }
    }
  }
}

using Eigen::Dynamic;
using Stride = Eigen::OuterStride<>;
template <typename T, int kOrder, int kRows, int kCols>
using Matrix = Eigen::Matrix<T, Dynamic, Dynamic, kOrder, kRows, kCols>;
template <typename T, bool kTransposed, int kRows, int kCols>
using Operand =
    Eigen::Map<const Matrix<T, kTransposed ? Eigen::ColMajor : Eigen::RowMajor, kRows, kCols>, 0,
               Stride>;
template <typename T>
using Result = Eigen::Map<Matrix<T, Eigen::RowMajor, kTileRows, kBlockN>, 0, Stride>;

template <typename T, bool kTransA, bool kTransB>
void blocks(const ProductArgs& args, int64_t begin, int64_t end) {
  const Steps s = steps_of(args);
  const T* a = static_cast<const T*>(args.a) + begin * s.a_row;
  T* c = static_cast<T*>(args.c) + begin * args.ldc;
  for (int64_t j = 0; j < args.n; j += kBlockN) {
    const int64_t cols = min(kBlockN, args.n - j);
    const T* b = static_cast<const T*>(args.b) + j * s.b_col;
    Result<T> y(c + j, end - begin, cols, Stride(args.ldc));
    for (int64_t p = 0; p < args.k; p += kBlockK) {
      const int64_t depth = min(kBlockK, args.k - p);
      const Operand<T, kTransA, kTileRows, kBlockK> x(a + p * s.a_k, end - begin, depth,
                                                      Stride(args.lda));
      const Operand<T, kTransB, kBlockK, kBlockN> z(b + p * s.b_k, depth, cols, Stride(args.ldb));
      y.noalias() += x * z;
    }
  }
}

// A rule of sizes and layout, though nothing would show if it were not: tiny products, few
// additions an element, and one row times B by rows.
bool by_loops(const ProductArgs& args) {
  return args.m * args.n * args.k < 500 || args.k < 4 || (args.m == 1 && !args.trans_b);
}

template <typename T>
void product_tile(const ProductArgs& args, int64_t tile) {
  const int64_t begin = tile * kTileRows, end = min(begin + kTileRows, args.m);
  fill<T>(args, begin, end);
  // Bytes fill whole vectors in the loops; Eigen has no vectors of bytes.
  if constexpr (sizeof(T) > 1) {
    if (!by_loops(args)) {
      const auto serve = args.trans_a
                             ? (args.trans_b ? blocks<T, true, true> : blocks<T, true, false>)
                             : (args.trans_b ? blocks<T, false, true> : blocks<T, false, false>);
      return serve(args, begin, end);
    }
  }
  loops<T>(args, begin, end);
}

// One tile after the other: kTileRows is the size of Eigen's buffers on the stack.
template <typename T>
void product(const ProductArgs& args, const ProductPlan&, int64_t first, int64_t last) {
  for (; first < last; ++first) {
    product_tile<T>(args, first);
    const int64_t row = first * kTileRows;
    if (!args.finish) continue;
    args.finish->part(args.finish->context, row, min(kTileRows, args.m - row), 0, args.n);
  }
}

template <typename T>
void set(KernelTable& table, DType t) {
  table.product_plan[static_cast<int>(t)] = plan;
  table.product[static_cast<int>(t)] = product<T>;
}

}  // namespace

void fill_common_products(KernelTable& table) {
  set<uint8_t>(table, DType::kUInt8);
  set<uint32_t>(table, DType::kInt32);
  set<uint64_t>(table, DType::kInt64);
}

}  // namespace chainrule::kernels
