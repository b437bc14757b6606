// Copies and the two operations behind every view that was written to.
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

namespace {

// The window (sizes, strides, offset from the first element) on a dense tensor.
Tensor window(const Tensor& dense, const Dims& sizes, const Dims& strides, int64_t offset) {
  return dense.alias(sizes, strides, dense->offset + offset);
}

void check_in_storage(const Infer& c, const Dims& sizes, const Dims& strides, int64_t offset) {
  const Tensor& base = c[0];
  const int64_t available =
      static_cast<int64_t>(base->storage->bytes() / itemsize(base.dtype())) - base->offset;
  check_window(c.name(), {sizes, strides, offset}, -base->offset, available);
}

// Gradient of a window with repeated elements: what was read several times adds up.
Tensor sum_repeats(const Tensor& dy, const Dims& strides) {
  Dims repeated;
  for (int d = 0; d < strides.size(); ++d) {
    if (strides[d] == 0 && dy.sizes()[d] > 1) repeated.push_back(d);
  }
  return repeated.empty() ? dy : sum(dy, OptDims(repeated), true);
}

kernels::ElementwiseFn cast_slot(const Run& r) {
  return kernels::table().cast[static_cast<int>(r[0].dtype())][static_cast<int>(r.out().dtype())];
}

}  // namespace

const OpDef kCast = {
    .name = "cast",
    .doc = "The same values in another dtype. Floats become integers by truncation.",
    .signatures = {"cast(Tensor input, dtype dtype) -> Tensor"},
    .surface = kPrivate,
    .infer = [](Infer& c) { c.out(c.as<CastAttrs>().dtype.value(), c[0].sizes()); },
    .forward = {[](Run& r) { run_elementwise(cast_slot(r), r.out(), r.inputs, nullptr); },
                [](const Run& r, Launch& launch) {
                  return prepare_elementwise(cast_slot(r), r, nullptr, launch);
                }},
    .grad = {{0, reads_shape(0), [](Backward& b) { return cast(b.dy(), b.shape(0).dtype); }}},
    .traits = kElementwise,
};

const OpDef kClone = {
    .name = "clone",
    .doc = "A dense copy of the input, with its gradient flowing back unchanged.",
    .signatures = {"clone(Tensor input) -> Tensor"},
    .infer = [](Infer& c) { c.out(c[0].dtype(), c[0].sizes()); },
    .forward = {[](Run& r) { copy_strided(r.out(), r[0]); },
                [](const Run& r, Launch& launch) {
                  return prepare_elementwise(cast_slot(r), r, nullptr, launch);
                }},
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }}},
    .traits = kElementwise,
};

const OpDef kAlias = {
    .name = "alias",
    .doc = "The same elements under a new handle.",
    .signatures = {"alias(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer = [](Infer& c) { c.view(c[0].sizes(), c[0].strides(), c[0]->offset); },
    .grad = {{0, kReadsNothing, [](Backward& b) { return b.dy(); }}},
    .traits = kView,
};

const OpDef kContiguous = {
    .name = "contiguous",
    .doc = "The input itself when its elements are dense in row-major order, else a dense copy.",
    .signatures = {"contiguous(Tensor input) -> Tensor"},
    .surface = kMethod,
    .compose =
        [](const Call& c) {
          Tensors out;
          out.push_back(c[0].is_contiguous() ? c[0] : clone(c[0]));
          return out;
        },
};

const OpDef kAsStrided = {
    .name = "as_strided",
    .doc =
        "A window on the input's storage: sizes, strides and an offset, in elements from the "
        "input's first element.",
    .signatures =
        {"as_strided(Tensor input, int[] size, int[] stride, int storage_offset=0) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<AsStridedAttrs>();
          check_in_storage(c, a.size, a.stride, a.storage_offset);
          c.view(a.size, a.stride, c[0]->offset + a.storage_offset);
        },
    .grad = {{0, reads_shape(0),
              [](Backward& b) {
                const auto& a = b.as<AsStridedAttrs>();
                const InputMeta& x = b.shape(0);
                Tensor dy = sum_repeats(b.dy(), a.stride);
                return write_view(zeros(x.sizes, x.dtype), dy, dy.sizes(), a.stride,
                                  a.storage_offset);
              }}},
    .traits = kView,
};

const OpDef kWriteView = {
    .name = "write_view",
    .doc =
        "A copy of `base` (dense) with the window (size, stride, storage_offset) replaced by "
        "`value`: the one operation behind every in-place call.",
    .signatures = {"write_view(Tensor base, Tensor value, int[] size, int[] stride, "
                   "int storage_offset=0) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const auto& a = c.as<WriteViewAttrs>();
          check_in_storage(c, a.size, a.stride, a.storage_offset);
          if (!(c[1].sizes() == a.size) || c[1].dtype() != c[0].dtype()) {
            fail<ShapeError>(c.name(), "expected a value of sizes ", a.size, "; got ", c[1].sizes(),
                             ".");
          }
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward =
        [](Run& r) {
          const auto& a = r.as<WriteViewAttrs>();
          copy_strided(r.out(), r[0]);
          copy_strided(window(r.out(), a.size, a.stride, a.storage_offset), r[1]);
        },
    .grad = {{0, kReadsNothing,
              [](Backward& b) {
                const auto& a = b.as<WriteViewAttrs>();
                Tensor hole = zeros(a.size, b.dy().dtype());
                return write_view(contiguous(b.dy()), hole, a.size, a.stride, a.storage_offset);
              }},
             {1, kReadsNothing,
              [](Backward& b) {
                const auto& a = b.as<WriteViewAttrs>();
                return contiguous(
                    as_strided(contiguous(b.dy()), a.size, a.stride, a.storage_offset));
              }}},
};

}  // namespace chainrule::ops
