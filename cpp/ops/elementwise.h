// The one driver of elementwise kernels: broadcasts, collapses dimensions, splits over threads. The
// kernels themselves are one-dimensional.
#pragma once

#include <initializer_list>

#include "kernels/kernel_table.h"
#include "ops/op.h"

namespace chainrule {

// out (dense) <- fn(inputs), inputs broadcast to out's shape. `cost` is the work per element.
void run_elementwise(kernels::ElementwiseFn fn, const Tensor& out, std::span<const Tensor> inputs,
                     const double* params, int cost = 1);

// Slot `map` for the inputs' dtype; DtypeError when the op has no meaning there.
void run_map(Run& run, kernels::Map map, std::initializer_list<double> params = {});

template <kernels::Map kMap>
void forward_map(Run& run) {
  run_map(run, kMap);
}

// Shape rules: the inputs' broadcast shape; dtype of the inputs, or bool.
void infer_map(Infer& c);
void infer_predicate(Infer& c);
Dims broadcast_inputs(const Call& c, int first = 0);

// target (any strides) <- source (same shape and dtype).
void copy_strided(const Tensor& target, const Tensor& source);

}  // namespace chainrule
