// The one driver of elementwise kernels: broadcasts, collapses dimensions, splits over threads. The
// kernels themselves are one-dimensional.
#pragma once

#include "kernels/kernel_table.h"
#include "ops/op.h"

namespace chainrule {

// out (dense) <- fn(inputs), inputs broadcast to out's shape. `cost` is the work per element.
void run_elementwise(kernels::ElementwiseFn fn, const Tensor& out, std::span<const Tensor> inputs,
                     const double* params, int cost = 1);

// The same for equally shaped dense inputs and single values, as a launch; false for others.
bool prepare_elementwise(kernels::ElementwiseFn fn, const Run& run, const double* params,
                         Launch& launch);

// A functor and the scalars that it names.
struct MapChoice {
  static constexpr int kMostParams = 3;
  kernels::Map map;
  double params[kMostParams] = {};
};
// Its slot for the inputs' dtype; DtypeError when the op has no meaning there.
void run_map(Run& run, const MapChoice& choice);
bool prepare_map(const Run& run, const MapChoice& choice, Launch& launch);

// An operation that is one functor, chosen by its attributes: kChoose(const Call&) -> MapChoice.
template <auto kChoose>
inline constexpr Forward forward_choice{
    [](Run& run) { run_map(run, kChoose(run)); },
    [](const Run& run, Launch& launch) { return prepare_map(run, kChoose(run), launch); }};

template <kernels::Map kMap>
inline constexpr Forward forward_map = forward_choice<[](const Call&) { return MapChoice{kMap}; }>;

// Shape rules: the inputs' broadcast shape; dtype of the inputs, or bool.
void infer_map(Infer& c);
void infer_predicate(Infer& c);
Dims broadcast_inputs(const Call& c, int first = 0);

// target (any strides) <- source (same shape and dtype).
void copy_strided(const Tensor& target, const Tensor& source);

}  // namespace chainrule
