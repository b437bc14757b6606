// Average pooling: sums of windows, divided. It is linear, so each gradient is the other operation.
#include "ops/pool.h"

namespace chainrule::ops {

namespace {

template <typename Attrs>
Strides strides_of(const Call& c, const Dims& size) {
  const auto& a = c.as<Attrs>();
  return checked_strides(c, size, a.kernel, a.stride, a.padding, Dims{1, 1}, a.ceil_mode != 0);
}

template <typename Attrs>
kernels::Pool pool_of(const Call& c, const Strides& s, void* memory) {
  const auto& a = c.as<Attrs>();
  int64_t* scratch = static_cast<int64_t*>(memory);
  kernels::Pool pool;
  pool.rows = strided_side(s.rows, a.count_include_pad != 0, scratch);
  pool.cols = strided_side(s.cols, a.count_include_pad != 0, scratch);
  if (!a.divisor_override.has) return pool;
  const auto all = [](const kernels::PoolSide& side, int64_t value) {
    std::fill_n(const_cast<int64_t*>(side.count), side.windows, value);
  };
  all(pool.rows, a.divisor_override.value);
  all(pool.cols, 1);
  return pool;
}

kernels::Pool adaptive_pool(const Dims& plane, const Dims& windows, void* memory) {
  int64_t* scratch = static_cast<int64_t*>(memory);
  kernels::Pool pool;
  pool.rows = adaptive_side(plane[0], windows[0], scratch);
  pool.cols = adaptive_side(plane[1], windows[1], scratch);
  return pool;
}

void run(Run& r, const kernels::Pool& pool, kernels::AvgPoolFn fn) {
  for_planes(pool, r[0].size(0) * r[0].size(1),
             [&](int64_t begin, int64_t end) { fn(pool, begin, end, r[0].raw(), r.out().raw()); });
}

kernels::AvgPoolFn forward_kernel(const Call& c) {
  return kernels::table().avg_pool[kernels::float_index(c[0].dtype())];
}
kernels::AvgPoolFn backward_kernel(const Call& c) {
  return kernels::table().avg_pool_backward[kernels::float_index(c[0].dtype())];
}

template <typename Attrs>
void check_divisor(const Call& c) {
  const OptInt& divisor = c.as<Attrs>().divisor_override;
  if (!divisor.has || divisor.value != 0) return;
  fail<ValueError>(c.name(), "expected divisor_override != 0; got 0.");
}

// Of the backward operations: dy (N, C, *windows), the gradient (N, C, *size).
void infer_backward(Infer& c, const Dims& size, int64_t rows, int64_t cols) {
  const Tensor& dy = c[0];
  if (dy.dim() != 4 || !dy.is_contiguous() || dy.size(2) != rows || dy.size(3) != cols) {
    fail<ShapeError>(c.name(), "expected a dense dy (N, C, ", rows, ", ", cols, "); got ",
                     dy.sizes(), ".");
  }
  c.out(dy.dtype(), {dy.size(0), dy.size(1), size[0], size[1]});
  c.scratch_bytes = pool_scratch(rows, cols);
}

Dims last_two(const Dims& sizes) { return {sizes[2], sizes[3]}; }

}  // namespace

const OpDef kAvgPool = {
    .name = "avg_pool",
    .doc =
        "The mean of each window on dense planes (N, C, H, W); places of the padding count as "
        "zeros or not at all, divisor_override stands for the count.",
    .signatures = {"avg_pool(Tensor input, int[] kernel, int[] stride, int[] padding, "
                   "bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_divisor<AvgPoolAttrs>(c);
          const Strides s = strides_of<AvgPoolAttrs>(c, plane_of(c, c[0]));
          const int64_t rows = s.rows.windows(), cols = s.cols.windows();
          c.out(c[0].dtype(), {c[0].size(0), c[0].size(1), rows, cols});
          c.scratch_bytes = pool_scratch(rows, cols);
        },
    .forward =
        [](Run& r) {
          const Strides s = strides_of<AvgPoolAttrs>(r, plane_of(r, r[0]));
          run(r, pool_of<AvgPoolAttrs>(r, s, r.scratch), forward_kernel(r));
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                const auto& a = b.as<AvgPoolAttrs>();
                return avg_pool_backward(contiguous(b.dy()), last_two(b.shape(0).sizes), a.kernel,
                                         a.stride, a.padding, a.ceil_mode, a.count_include_pad,
                                         a.divisor_override);
              }}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * r[0].numel(); },
};

const OpDef kAvgPoolBackward = {
    .name = "avg_pool_backward",
    .doc = "The gradient of avg_pool by its input, of planes of `size`.",
    .signatures = {"avg_pool_backward(Tensor dy, int[] size, int[] kernel, int[] stride, "
                   "int[] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) "
                   "-> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          check_divisor<AvgPoolBackwardAttrs>(c);
          const Dims& size = c.as<AvgPoolBackwardAttrs>().size;
          const Strides s = strides_of<AvgPoolBackwardAttrs>(c, size);
          infer_backward(c, size, s.rows.windows(), s.cols.windows());
        },
    .forward =
        [](Run& r) {
          const Strides s = strides_of<AvgPoolBackwardAttrs>(r, r.as<AvgPoolBackwardAttrs>().size);
          run(r, pool_of<AvgPoolBackwardAttrs>(r, s, r.scratch), backward_kernel(r));
        },
    .grad = {{0, kReadsNothing,
              [](Backward& b) {
                const auto& a = b.as<AvgPoolBackwardAttrs>();
                return avg_pool(contiguous(b.dy()), a.kernel, a.stride, a.padding, a.ceil_mode,
                                a.count_include_pad, a.divisor_override);
              }}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * r.out().numel(); },
};

const OpDef kAdaptiveAvgPool = {
    .name = "adaptive_avg_pool",
    .doc =
        "The mean of windows from floor(o H / size) to ceil((o + 1) H / size) along each side of "
        "dense planes (N, C, H, W).",
    .signatures = {"adaptive_avg_pool(Tensor input, int[] size) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          plane_of(c, c[0]);
          const Dims& size = c.as<AdaptiveAvgPoolAttrs>().size;
          check_sides(c, "output_size", size, 2, 0);
          c.out(c[0].dtype(), {c[0].size(0), c[0].size(1), size[0], size[1]});
          c.scratch_bytes = pool_scratch(size[0], size[1]);
        },
    .forward =
        [](Run& r) {
          const Dims& size = r.as<AdaptiveAvgPoolAttrs>().size;
          run(r, adaptive_pool(last_two(r[0].sizes()), size, r.scratch), forward_kernel(r));
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                return adaptive_avg_pool_backward(contiguous(b.dy()), last_two(b.shape(0).sizes));
              }}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * r[0].numel(); },
};

const OpDef kAdaptiveAvgPoolBackward = {
    .name = "adaptive_avg_pool_backward",
    .doc = "The gradient of adaptive_avg_pool by its input, of planes of `size`.",
    .signatures = {"adaptive_avg_pool_backward(Tensor dy, int[] size) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Dims& size = c.as<AdaptiveAvgPoolBackwardAttrs>().size;
          check_sides(c, "size", size, 2, 1);
          const bool four = c[0].dim() == 4;
          const int64_t rows = four ? c[0].size(2) : 0, cols = four ? c[0].size(3) : 0;
          if (rows > kMostOfSide || cols > kMostOfSide)
            check_sides(c, "output_size", {rows, cols}, 2, 0);
          infer_backward(c, size, rows, cols);
        },
    .forward =
        [](Run& r) {
          const Dims& size = r.as<AdaptiveAvgPoolBackwardAttrs>().size;
          run(r, adaptive_pool(size, last_two(r[0].sizes()), r.scratch), backward_kernel(r));
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                return adaptive_avg_pool(contiguous(b.dy()), last_two(b.shape(0).sizes));
              }}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * r.out().numel(); },
};

}  // namespace chainrule::ops
