// Matrix products through the kernel slots: how strided tensors are presented to them.
#pragma once

#include "kernels/kernel_table.h"
#include "ops/op.h"

namespace chainrule {

// One matrix or a batch of them as the kernels read it: dense rows, or dense columns (transposed),
// at a leading dimension. Any other layout is copied into scratch first.
struct ProductOperand {
  int64_t rows, cols;
  int64_t ld = 0;
  bool transposed = false;
  bool copied = false;
};
ProductOperand product_operand(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride);

ProductOperand product_operand(const Tensor& x);  // its last two dimensions

// Bytes of scratch for all matrices of x; 0 when nothing is copied.
int64_t product_scratch(const Tensor& x, const ProductOperand& operand);
// Where the first matrix starts; a copy is made in scratch, which moves on.
const char* product_data(const Tensor& x, const ProductOperand& operand, char*& scratch);

// out[m, n] (dense) = a @ b (+ bias) on the thread team. With k = 0 the result is the bias, or 0.
// `scratch`: product_split_scratch bytes, or null.
void run_product(DType t, const kernels::ProductArgs& args, char* scratch = nullptr);
// Whether the kernels in use add a product's blocks of k up as a sum over rows does. Not so the
// reference, which rounds once.
bool adds_by_blocks(DType t);
// What long sums of few elements need to be split among threads; 0 where they are not.
int64_t product_split_scratch(DType t, int64_t m, int64_t n, int64_t k);

// Which operand of a launch is what; -1: none. The first is C.
struct ProductPlaces {
  int8_t sums = -1, a = -1, b = -1, bias = -1, scratch = -1;
};
// The same as a launch; addresses in `args` do not count. `bias_cast` brings a dense bias into the
// scratch memory first.
bool prepare_product(DType t, const kernels::ProductArgs& args, ProductPlaces places,
                     Launch& launch, kernels::ElementwiseFn bias_cast = nullptr);

// Whether the kernels in use have products of bfloat16; else float32's serve
// (product_bfloat16.cpp).
bool has_bfloat16_products();
void run_product_in_float32(const kernels::ProductArgs& args);

// Both of one dtype that has product kernels; DtypeError otherwise.
void check_product_dtypes(const char* op, const Tensor& a, const Tensor& b);

}  // namespace chainrule
