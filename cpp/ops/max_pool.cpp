// Max pooling, at strides or adaptive: the largest value of each window with its place in the
// plane, to which alone the gradient goes.
#include "ops/pool.h"

namespace chainrule::ops {

namespace {

Strides strides_of(const Call& c) {
  const auto& a = c.as<MaxPoolAttrs>();
  return checked_strides(c, plane_of(c, c[0]), a.kernel, a.stride, a.padding, a.dilation,
                         a.ceil_mode != 0);
}

void outputs(Infer& c, int64_t rows, int64_t cols) {
  const Dims sizes = {c[0].size(0), c[0].size(1), rows, cols};
  c.out(c[0].dtype(), sizes);
  c.out(DType::kInt64, sizes);
  c.scratch_bytes = pool_scratch(rows, cols);
}

void run_max(Run& r, const kernels::Pool& pool) {
  const auto fn = kernels::table().max_pool[kernels::float_index(r[0].dtype())];
  for_planes(pool, r[0].size(0) * r[0].size(1), [&](int64_t begin, int64_t end) {
    fn(pool, begin, end, r[0].raw(), r.out(0).raw(), r.out(1).data<int64_t>());
  });
}

Tensor max_backward(Backward& b) {
  const Dims& sizes = b.shape(0).sizes;
  return max_pool_backward(contiguous(b.dy()), b.output(1), {sizes[2], sizes[3]});
}

// dy as (N, C, positions).
Tensor flat(const Tensor& t) { return view(t, {t.size(0), t.size(1), t.size(2) * t.size(3)}); }

}  // namespace

const OpDef kMaxPool = {
    .name = "max_pool",
    .doc =
        "The largest value of each window on dense planes (N, C, H, W), with its place in the "
        "plane: the first of equals, the last NaN.",
    .signatures = {"max_pool(Tensor input, int[] kernel, int[] stride, int[] padding, "
                   "int[] dilation, bool ceil_mode) -> (output, indices)"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Strides s = strides_of(c);
          outputs(c, s.rows.windows(), s.cols.windows());
        },
    .forward =
        [](Run& r) {
          const Strides s = strides_of(r);
          int64_t* scratch = static_cast<int64_t*>(r.scratch);
          kernels::Pool pool;
          pool.rows = strided_side(s.rows, false, scratch);
          pool.cols = strided_side(s.cols, false, scratch);
          run_max(r, pool);
        },
    .grad = {{0, reads_shape(0) | reads_output(1), max_backward}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return r[0].numel() + r.out().numel() * 4; },
};

const OpDef kAdaptiveMaxPool = {
    .name = "adaptive_max_pool",
    .doc =
        "max_pool of windows from floor(o H / size) to ceil((o + 1) H / size) along each side of "
        "dense planes (N, C, H, W).",
    .signatures = {"adaptive_max_pool(Tensor input, int[] size) -> (output, indices)"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          plane_of(c, c[0]);
          const Dims& size = c.as<AdaptiveMaxPoolAttrs>().size;
          check_sides(c, "output_size", size, 2, 0);
          outputs(c, size[0], size[1]);
        },
    .forward =
        [](Run& r) {
          const Dims& size = r.as<AdaptiveMaxPoolAttrs>().size;
          int64_t* scratch = static_cast<int64_t*>(r.scratch);
          kernels::Pool pool;
          pool.rows = adaptive_side(r[0].size(2), size[0], scratch);
          pool.cols = adaptive_side(r[0].size(3), size[1], scratch);
          run_max(r, pool);
        },
    .grad = {{0, reads_shape(0) | reads_output(1), max_backward}},
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return r[0].numel() + r.out().numel() * 4; },
};

const OpDef kMaxPoolBackward = {
    .name = "max_pool_backward",
    .doc = "dy (N, C, ...) added up at its places in planes (N, C, *size).",
    .signatures = {"max_pool_backward(Tensor dy, Tensor indices, int[] size) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Tensor &dy = c[0], &places = c[1];
          const Dims& size = c.as<MaxPoolBackwardAttrs>().size;
          check_sides(c, "size", size, 2, 1);
          const bool fits = dy.dim() == 4 && dy.is_contiguous() && places.is_contiguous() &&
                            places.dtype() == DType::kInt64 && places.sizes() == dy.sizes();
          if (!fits) {
            fail<ShapeError>(
                c.name(), "expected dense tensors of the same 4 sizes, indices of int64; got ",
                dy.sizes(), " and ", places.sizes(), " of ", dtype_name(places.dtype()), ".");
          }
          c.out(dy.dtype(), {dy.size(0), dy.size(1), size[0], size[1]});
        },
    .forward =
        [](Run& r) {
          const Tensor& dy = r[0];
          const auto fn = kernels::table().max_pool_backward[kernels::float_index(dy.dtype())];
          kernels::Pool pool{};
          pool.rows.size = r.out().size(2);
          pool.cols.size = r.out().size(3);
          pool.rows.windows = dy.size(2);
          pool.cols.windows = dy.size(3);
          for_planes(pool, dy.size(0) * dy.size(1), [&](int64_t begin, int64_t end) {
            fn(pool, begin, end, dy.raw(), r[1].data<int64_t>(), r.out().raw());
          });
        },
    .grad = {{0, reads_value(1) | reads_shape(0),
              [](Backward& b) {
                const Tensor u = flat(contiguous(b.dy()));
                return view(gather(u, 2, flat(b.value(1))), b.shape(0).sizes);
              }}},
    .dtypes = kRealDTypes,
};

}  // namespace chainrule::ops
