// The rungs: float32 products from the definition to what the library does. C is overwritten; its
// rows lie without gaps, and there is no bias.
#pragma once

#include <Eigen/Core>
#include <cstdlib>
#include <cstring>

#include "kernels/dispatch.h"

namespace ladder {

using chainrule::kernels::ProductArgs;
using chainrule::kernels::ProductPlan;

inline float a_at(const ProductArgs& g, int64_t i, int64_t p) {
  const float* a = static_cast<const float*>(g.a);
  return g.trans_a ? a[p * g.lda + i] : a[i * g.lda + p];
}
inline float b_at(const ProductArgs& g, int64_t p, int64_t j) {
  const float* b = static_cast<const float*>(g.b);
  return g.trans_b ? b[j * g.ldb + p] : b[p * g.ldb + j];
}

// 1. The definition: a dot product an element.
inline void naive(const ProductArgs& g) {
  float* c = static_cast<float*>(g.c);
  for (int64_t i = 0; i < g.m; ++i) {
    for (int64_t j = 0; j < g.n; ++j) {
      float sum = 0;
      for (int64_t p = 0; p < g.k; ++p) sum += a_at(g, i, p) * b_at(g, p, j);
      c[i * g.ldc + j] = sum;
    }
  }
}

// 2. Loops turned around, so that the compiler finds vectors along a row of C.
inline void row_by_row(const ProductArgs& g) {
  float* c = static_cast<float*>(g.c);
  for (int64_t i = 0; i < g.m; ++i) {
    float* row = c + i * g.ldc;
    std::memset(row, 0, sizeof(float) * static_cast<size_t>(g.n));
    for (int64_t p = 0; p < g.k; ++p) {
      const float factor = a_at(g, i, p);
      for (int64_t j = 0; j < g.n; ++j) row[j] += factor * b_at(g, p, j);
    }
  }
}

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Strided = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;

// 3. Eigen as its users write it.
inline void eigen_operator(const ProductArgs& g) {
  const Strided a(static_cast<const float*>(g.a), g.trans_a ? g.k : g.m, g.trans_a ? g.m : g.k,
                  Eigen::OuterStride<>(g.lda));
  const Strided b(static_cast<const float*>(g.b), g.trans_b ? g.n : g.k, g.trans_b ? g.k : g.n,
                  Eigen::OuterStride<>(g.ldb));
  Eigen::Map<RowMajor> c(static_cast<float*>(g.c), g.m, g.n);
  if (g.trans_a) {
    c.noalias() = a.transpose() * b;
  } else if (g.trans_b) {
    c.noalias() = a * b.transpose();
  } else {
    c.noalias() = a * b;
  }
}

// 4. Eigen's internal product with our own blocking and workspace: no allocation, no cache sizes
// read from the processor, k in blocks of 256.
struct FixedBlocking : Eigen::internal::level3_blocking<float, float> {
  FixedBlocking(Eigen::Index mc, Eigen::Index nc) {
    constexpr Eigen::Index kBlockK = 256, kMost = 512;
    static float* const room_a = make(kBlockK * (kMost + 64));
    static float* const room_b = make(kBlockK * (kMost + 64));
    m_kc = kBlockK;
    m_mc = mc < kMost ? mc : kMost;
    m_nc = nc < kMost ? nc : kMost;
    m_blockA = room_a;
    m_blockB = room_b;
  }
  // Never freed.
  static float* make(size_t count) {
    return static_cast<float*>(std::aligned_alloc(64, count * sizeof(float)));
  }
};
template <int OrderOfA, int OrderOfB>
inline void eigen_internal_as(const ProductArgs& g) {
  // A result by rows is computed as its transpose: rows and columns of the blocking change places.
  FixedBlocking blocking(g.n, g.m);
  Eigen::internal::general_matrix_matrix_product<
      Eigen::Index, float, OrderOfA, false, float, OrderOfB, false, Eigen::RowMajor,
      1>::run(g.m, g.n, g.k, static_cast<const float*>(g.a), g.lda, static_cast<const float*>(g.b),
              g.ldb, static_cast<float*>(g.c), 1, g.ldc, 1.0f, blocking);
}
inline void eigen_internal(const ProductArgs& g) {
  for (int64_t i = 0; i < g.m; ++i) {
    std::memset(static_cast<float*>(g.c) + i * g.ldc, 0, sizeof(float) * static_cast<size_t>(g.n));
  }
  if (g.trans_a) {
    eigen_internal_as<Eigen::ColMajor, Eigen::RowMajor>(g);
  } else if (g.trans_b) {
    eigen_internal_as<Eigen::RowMajor, Eigen::ColMajor>(g);
  } else {
    eigen_internal_as<Eigen::RowMajor, Eigen::RowMajor>(g);
  }
}

// 5. What the library does: cpp/kernels/cpu/product.cpp at v4.
inline void own(const ProductArgs& g) {
  constexpr int kFloat = static_cast<int>(chainrule::DType::kFloat32);
  const chainrule::kernels::KernelTable& table = chainrule::kernels::table();
  const ProductPlan plan = table.product_plan[kFloat](g);
  table.product[kFloat](g, plan, 0, plan.tiles);
}

// 6. Another library's: sgemm_ of the BLAS that --blas names, by columns: C^T = B^T A^T.
using Sgemm = void (*)(const char* trans_a, const char* trans_b, const int* m, const int* n,
                       const int* k, const float* alpha, const float* a, const int* lda,
                       const float* b, const int* ldb, const float* beta, float* c, const int* ldc);
inline Sgemm sgemm = nullptr;
inline void blas(const ProductArgs& g) {
  const int m = static_cast<int>(g.m), n = static_cast<int>(g.n), k = static_cast<int>(g.k);
  const int lda = static_cast<int>(g.lda), ldb = static_cast<int>(g.ldb);
  const int ldc = static_cast<int>(g.ldc);
  const float one = 1, zero = 0;
  sgemm(g.trans_b ? "T" : "N", g.trans_a ? "T" : "N", &n, &m, &k, &one,
        static_cast<const float*>(g.b), &ldb, static_cast<const float*>(g.a), &lda, &zero,
        static_cast<float*>(g.c), &ldc);
}

struct Rung {
  const char* name;
  void (*run)(const ProductArgs&);
  double most_flops;  // slow rungs are left out where they would take seconds
};
inline constexpr Rung kRungs[] = {{"naive", naive, 3e8},
                                  {"rows", row_by_row, 3e9},
                                  {"eigen a*b", eigen_operator, 1e300},
                                  {"eigen fixed", eigen_internal, 1e300},
                                  {"own", own, 1e300},
                                  {"blas", blas, 1e300}};

}  // namespace ladder
