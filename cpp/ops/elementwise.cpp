#include "ops/elementwise.h"

#include <algorithm>

#include "core/threads.h"

namespace chainrule {

namespace {

constexpr int kMaxInputs = 4;
constexpr int64_t kTile = 1 << 14;  // elements of one task; output bits do not depend on it

// The loop nest: `sizes` outermost first, strides of every input in the same order, output dense.
struct Nest {
  Dims sizes;
  Dims strides[kMaxInputs];
  int inputs;
};

// Merges neighbouring dimensions that every input walks as one.
Nest collapse(const Tensor& out, std::span<const Tensor> inputs) {
  Nest nest;
  nest.inputs = static_cast<int>(inputs.size());
  Dims full[kMaxInputs];
  for (int i = 0; i < nest.inputs; ++i) {
    full[i] = broadcast_strides(inputs[i].sizes(), inputs[i].strides(), out.sizes());
  }
  for (int d = 0; d < out.dim(); ++d) {
    const int64_t size = out.sizes()[d];
    if (size == 1) continue;
    const int last = nest.sizes.size() - 1;
    bool merge = last >= 0;
    for (int i = 0; merge && i < nest.inputs; ++i) {
      merge = nest.strides[i][last] == full[i][d] * size;
    }
    if (merge) {
      nest.sizes[last] *= size;
      for (int i = 0; i < nest.inputs; ++i) nest.strides[i][last] = full[i][d];
    } else {
      nest.sizes.push_back(size);
      for (int i = 0; i < nest.inputs; ++i) nest.strides[i].push_back(full[i][d]);
    }
  }
  if (nest.sizes.empty()) {
    nest.sizes.push_back(1);
    for (int i = 0; i < nest.inputs; ++i) nest.strides[i].push_back(0);
  }
  return nest;
}

struct Job {
  kernels::ElementwiseFn fn;
  char* out;
  size_t out_item;
  const char* in[kMaxInputs];
  size_t in_item[kMaxInputs];
  const double* params;
};

// Rows [begin, end) of the nest, a row being its last dimension.
void run_rows(const Job& job, const Nest& nest, int64_t begin, int64_t end) {
  const int last = nest.sizes.size() - 1;
  const int64_t n = nest.sizes[last];
  int64_t strides[kMaxInputs] = {};
  for (int i = 0; i < nest.inputs; ++i) strides[i] = nest.strides[i][last];
  for (int64_t row = begin; row < end; ++row) {
    const void* in[kMaxInputs] = {};
    int64_t rest = row;
    int64_t offset[kMaxInputs] = {};
    for (int d = last - 1; d >= 0; --d) {
      const int64_t index = rest % nest.sizes[d];
      rest /= nest.sizes[d];
      for (int i = 0; i < nest.inputs; ++i) offset[i] += index * nest.strides[i][d];
    }
    for (int i = 0; i < nest.inputs; ++i) in[i] = job.in[i] + offset[i] * job.in_item[i];
    job.fn(n, job.out + row * n * job.out_item, in, strides, job.params);
  }
}

// Elements [begin, end) of a nest of one dimension.
void run_span(const Job& job, const Nest& nest, int64_t begin, int64_t end) {
  const void* in[kMaxInputs] = {};
  int64_t strides[kMaxInputs] = {};
  for (int i = 0; i < nest.inputs; ++i) {
    strides[i] = nest.strides[i][0];
    in[i] = job.in[i] + begin * strides[i] * job.in_item[i];
  }
  job.fn(end - begin, job.out + begin * job.out_item, in, strides, job.params);
}

// Small, and everything dense and of one shape or a single value: no nest needed.
bool run_dense(kernels::ElementwiseFn fn, const Tensor& out, std::span<const Tensor> inputs,
               const double* params) {
  const int64_t n = out.numel();
  if (n > kTile) return false;
  int64_t strides[kMaxInputs];
  const void* in[kMaxInputs];
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& t = inputs[i];
    const bool single = t.numel() == 1;
    if (!single && (!t.is_contiguous() || t.numel() != n)) return false;
    in[i] = t.raw();
    strides[i] = single ? 0 : 1;
  }
  fn(n, out.raw(), in, strides, params);
  return true;
}

// Any shapes and strides; apart from run_elementwise, whose small calls would set up its frame too.
[[gnu::noinline]] void run_nest(kernels::ElementwiseFn fn, const Tensor& out,
                                std::span<const Tensor> inputs, const double* params, int cost) {
  const int64_t n = out.numel();
  Job job{fn, static_cast<char*>(out.raw()), itemsize(out.dtype()), {}, {}, params};
  for (size_t i = 0; i < inputs.size(); ++i) {
    job.in[i] = static_cast<const char*>(inputs[i].raw());
    job.in_item[i] = itemsize(inputs[i].dtype());
  }
  const Nest nest = collapse(out, inputs);
  const int64_t work = n * cost;
  LongWork release(work);
  if (nest.sizes.size() == 1) {
    parallel_for((n + kTile - 1) / kTile, work,
                 [&](int64_t t) { run_span(job, nest, t * kTile, std::min(n, (t + 1) * kTile)); });
    return;
  }
  const int64_t cols = nest.sizes.back(), rows = n / cols;
  const int64_t rows_per_tile = std::max<int64_t>(1, kTile / cols);
  parallel_for((rows + rows_per_tile - 1) / rows_per_tile, work, [&](int64_t t) {
    run_rows(job, nest, t * rows_per_tile, std::min(rows, (t + 1) * rows_per_tile));
  });
}

}  // namespace

void run_elementwise(kernels::ElementwiseFn fn, const Tensor& out, std::span<const Tensor> inputs,
                     const double* params, int cost) {
  if (out.numel() == 0 || run_dense(fn, out, inputs, params)) return;
  run_nest(fn, out, inputs, params, cost);
}

namespace {

struct ElementwiseLaunch {
  kernels::ElementwiseFn fn;
  int64_t n;
  int64_t strides[kMaxInputs];
  double params[MapChoice::kMostParams];
  int64_t work;
  uint8_t out_item, in_item[kMaxInputs];
};

void launch_small(const Launch& launch, char* const* table) {
  const auto& e = launch.as<ElementwiseLaunch>();
  const void* in[kMaxInputs];
  for (int i = 0; i < kMaxInputs; ++i) in[i] = launch.address(i + 1, table);
  e.fn(e.n, launch.address(0, table), in, e.strides, e.params);
}

void launch_part(const Launch& launch, char* const* table, int64_t begin, int64_t n) {
  const auto& e = launch.as<ElementwiseLaunch>();
  const void* in[kMaxInputs];
  for (int i = 0; i < kMaxInputs; ++i) {
    in[i] = launch.address(i + 1, table) + begin * e.strides[i] * e.in_item[i];
  }
  e.fn(n, launch.address(0, table) + begin * e.out_item, in, e.strides, e.params);
}

void launch_tiles(const Launch& launch, char* const* table) {
  const auto& e = launch.as<ElementwiseLaunch>();
  parallel_for((e.n + kTile - 1) / kTile, e.work, [&](int64_t t) {
    const int64_t begin = t * kTile, end = std::min(e.n, begin + kTile);
    if (!launch.tail) return launch_part(launch, table, begin, end - begin);
    for (int64_t i = begin; i < end; i += Launch::kStrip) {
      const int64_t n = std::min(Launch::kStrip, end - i);
      launch_part(launch, table, i, n);
      launch.run_tail(table, i, n);
    }
  });
}

}  // namespace

bool prepare_elementwise(kernels::ElementwiseFn fn, const Run& run, const double* params,
                         Launch& launch) {
  const Tensor& out = run.out();
  ElementwiseLaunch e{fn, out.numel(), {}, {}, out.numel() * run.op.cost, 0, {}};
  if (params) std::copy_n(params, MapChoice::kMostParams, e.params);
  e.out_item = static_cast<uint8_t>(itemsize(out.dtype()));
  for (size_t i = 0; i < run.inputs.size(); ++i) {
    const Tensor& t = run.inputs[i];
    const bool single = t.numel() == 1;
    if (!single && (!t.is_contiguous() || t.numel() != e.n)) return false;
    e.strides[i] = single ? 0 : 1;
    e.in_item[i] = static_cast<uint8_t>(itemsize(t.dtype()));
  }
  // Small work is in the cache anyhow.
  launch.takes_tail = e.n > kTile;
  if (e.n > 0) launch.set(launch.takes_tail ? launch_tiles : launch_small, e);
  launch.part = launch_part;
  return true;
}

namespace {

kernels::ElementwiseFn slot_of(const Run& run, kernels::Map map) {
  const DType dtype = run.inputs[0].dtype();
  const auto& slots = kernels::table().map[static_cast<int>(map)];
  if (!slots[static_cast<int>(dtype)]) fail_dtype(run.name(), dtype, slots);
  return slots[static_cast<int>(dtype)];
}

}  // namespace

void run_map(Run& run, const MapChoice& choice) {
  run_elementwise(slot_of(run, choice.map), run.out(), run.inputs, choice.params, run.op.cost);
}

bool prepare_map(const Run& run, const MapChoice& choice, Launch& launch) {
  return prepare_elementwise(slot_of(run, choice.map), run, choice.params, launch);
}

Dims broadcast_inputs(const Call& c, int first) {
  Dims sizes = c.inputs[first].sizes();
  for (size_t i = first + 1; i < c.inputs.size(); ++i) {
    if (!c.inputs[i].defined() || c.inputs[i].sizes() == sizes) continue;
    if (!broadcast_shapes(sizes, c.inputs[i].sizes(), &sizes)) {
      fail<ShapeError>(c.name(), "expected shapes that broadcast (equal or 1 from the right); got ",
                       c.inputs[first].sizes(), " and ", c.inputs[i].sizes(), ".");
    }
  }
  return sizes;
}

namespace {

// A kernel reads every input as the first one's dtype. Promotion has seen to that except in the
// operations without it, the private ones that gradient rules call.
void infer_elementwise(Infer& c, DType dtype) {
  const Dims& sizes = c.inputs[0].sizes();
  bool equal = true;
  for (const Tensor& t : c.inputs.subspan(1)) {
    if (t.defined() && t.dtype() != c.inputs[0].dtype()) {
      fail<DtypeError>(c.name(), "expected tensors of one dtype; got ",
                       dtype_name(c.inputs[0].dtype()), " and ", dtype_name(t.dtype()), ".");
    }
    equal = equal && t.defined() && t.sizes() == sizes;
  }
  c.out(dtype, equal ? sizes : broadcast_inputs(c));
}

}  // namespace

void infer_map(Infer& c) { infer_elementwise(c, c.inputs[0].dtype()); }
void infer_predicate(Infer& c) { infer_elementwise(c, DType::kBool); }

void copy_strided(const Tensor& target, const Tensor& source) {
  const int64_t n = target.numel();
  if (n == 0) return;
  const int type = static_cast<int>(target.dtype());
  if (target.is_contiguous()) {
    run_elementwise(kernels::table().cast[type][type], target, {&source, 1}, nullptr);
    return;
  }
  kernels::StridedCopy copy;
  copy.dims = target.dim();
  copy.item = itemsize(target.dtype());
  copy.out = target.raw();
  copy.in = source.raw();
  for (int d = 0; d < copy.dims; ++d) {
    copy.sizes[d] = target.sizes()[d];
    copy.out_strides[d] = target.strides()[d];
    copy.in_strides[d] = source.strides()[d];
  }
  LongWork release(n);
  kernels::copy_strided(copy);
}

}  // namespace chainrule
