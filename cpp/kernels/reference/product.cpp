// The naive matrix product: one element after the other, summed in long double over ascending k.
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

constexpr int64_t kTileRows = 16;

ProductPlan plan(const ProductArgs& args) { return {(args.m + kTileRows - 1) / kTileRows}; }

template <typename T>
void product(const ProductArgs& args, const ProductPlan&, int64_t first, int64_t last) {
  const T* a = static_cast<const T*>(args.a);
  const T* b = static_cast<const T*>(args.b);
  const T* bias = static_cast<const T*>(args.bias);
  T* c = static_cast<T*>(args.c);
  const int64_t begin = first * kTileRows;
  const int64_t end = last * kTileRows < args.m ? last * kTileRows : args.m;
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t j = 0; j < args.n; ++j) {
      long double sum = 0;
      for (int64_t p = 0; p < args.k; ++p) {
        const T x = args.trans_a ? a[p * args.lda + i] : a[i * args.lda + p];
        const T y = args.trans_b ? b[j * args.ldb + p] : b[p * args.ldb + j];
        sum += static_cast<long double>(x) * y;
      }
      if (bias) sum += bias[j];
      c[i * args.ldc + j] = static_cast<T>(sum);
    }
    if (!args.a_sums) continue;
    long double sum = 0;
    for (int64_t p = 0; p < args.k; ++p) sum += a[p * args.lda + i];
    static_cast<T*>(args.a_sums)[i] = static_cast<T>(sum);
  }
  if (args.finish) args.finish->part(args.finish->context, begin, end - begin, 0, args.n);
}

}  // namespace

void fill_product_reference(KernelTable& table) {
  constexpr int kFloat = static_cast<int>(DType::kFloat32);
  constexpr int kDouble = static_cast<int>(DType::kFloat64);
  table.product_plan[kFloat] = plan;
  table.product_plan[kDouble] = plan;
  table.product[kFloat] = product<float>;
  table.product[kDouble] = product<double>;
}

}  // namespace chainrule::kernels
