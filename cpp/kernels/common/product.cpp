// Matrix products of integers, modulo 2^bits as PyTorch's are; the order of additions cannot show.
// Rows of C in tiles; blocks of B small enough for the second-level cache serve a tile's rows.
#include "kernels/common/common.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kTileRows = 32;
constexpr int64_t kBlockK = 64;
constexpr int64_t kBlockN = 512;

int64_t tiles(const ProductArgs& args) { return (args.m + kTileRows - 1) / kTileRows; }

int64_t min(int64_t a, int64_t b) { return a < b ? a : b; }

// T is unsigned: wrapping around is defined.
template <typename T>
void product(const ProductArgs& args, int64_t tile) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  const T* bias = static_cast<const T*>(args.bias);
  T* c = static_cast<T*>(args.c);
  const int64_t row_step = args.trans_a ? 1 : args.lda, k_step = args.trans_a ? args.lda : 1;
  const int64_t begin = tile * kTileRows, end = min(begin + kTileRows, args.m);
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = 0; j < args.n; ++j) c[i * args.ldc + j] = bias ? bias[j] : T(0);
  }
  for (int64_t j0 = 0; j0 < args.n; j0 += kBlockN) {
    const int64_t cols = min(kBlockN, args.n - j0);
    for (int64_t p0 = 0; p0 < args.k; p0 += kBlockK) {
      const int64_t depth = min(kBlockK, args.k - p0);
      for (int64_t i = begin; i < end; ++i) {
        const T* x = a + i * row_step + p0 * k_step;
        T* y = c + i * args.ldc + j0;
        if (args.trans_b) {
          for (int64_t j = 0; j < cols; ++j) {
            const T* z = b + (j0 + j) * args.ldb + p0;
            T sum = 0;
            for (int64_t p = 0; p < depth; ++p) sum = static_cast<T>(sum + x[p * k_step] * z[p]);
            y[j] = static_cast<T>(y[j] + sum);
          }
        } else {
          for (int64_t p = 0; p < depth; ++p) {
            const T factor = x[p * k_step];
            const T* z = b + (p0 + p) * args.ldb + j0;
            for (int64_t j = 0; j < cols; ++j) y[j] = static_cast<T>(y[j] + factor * z[j]);
          }
        }
      }
    }
  }
}

template <typename T>
void set(KernelTable& table, DType t) {
  table.product_tiles[static_cast<int>(t)] = tiles;
  table.product[static_cast<int>(t)] = product<T>;
}

}  // namespace

void fill_common_products(KernelTable& table) {
  set<uint8_t>(table, DType::kUInt8);
  set<uint32_t>(table, DType::kInt32);
  set<uint64_t>(table, DType::kInt64);
}

}  // namespace chainrule::kernels
