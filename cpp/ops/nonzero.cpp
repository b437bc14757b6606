// Where a tensor is not zero. The sizes of the results depend on values, so no program has them.
#include <algorithm>

#include "core/threads.h"
#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/view_rules.h"

namespace chainrule::ops {

const OpDef kNonzeroFlat = {
    .name = "nonzero_flat",
    .doc = "The flat positions of the elements of a dense tensor that are not zero, ascending.",
    .signatures = {"nonzero_flat(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          if (modes.recorder) modes.recorder->on_shape("nonzero");
          const LongWork release(c[0].numel());
          c.out(DType::kInt64, {kernels::count_nonzero(c[0].dtype(), c[0].numel(), c[0].raw())});
        },
    .forward =
        [](Run& r) {
          const LongWork release(r[0].numel());
          kernels::nonzero_positions(r[0].dtype(), r[0].numel(), r[0].raw(), r.out().numel(),
                                     r.out().data<int64_t>());
        },
    .traits = kDynamicShape,
};

const OpDef kUnravelRows = {
    .name = "unravel_rows",
    .doc = "The coordinates of flat positions in a tensor of the given sizes, one row each.",
    .signatures = {"unravel_rows(Tensor input, int[] sizes) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          const Dims& sizes = c.as<UnravelRowsAttrs>().sizes;
          const bool empty =
              std::any_of(sizes.begin(), sizes.end(), [](int64_t n) { return n < 1; });
          if (c[0].dtype() != DType::kInt64 || !c[0].is_contiguous() || (empty && c[0].numel())) {
            fail<ShapeError>(c.name(), "expected dense int64 positions in sizes >= 1; got ",
                             dtype_name(c[0].dtype()), " of sizes ", c[0].sizes(), " in ", sizes,
                             ".");
          }
          c.out(DType::kInt64, {c[0].numel(), sizes.size()});
        },
    .forward =
        [](Run& r) {
          const Dims& sizes = r.as<UnravelRowsAttrs>().sizes;
          const LongWork release(r[0].numel());
          kernels::unravel(r[0].numel(), r[0].data<int64_t>(), sizes.size(), sizes.begin(),
                           r.out().data<int64_t>());
        },
};

const OpDef kNonzero = {
    .name = "nonzero",
    .doc = "The coordinates of all elements that are not zero, one row each, in row-major order.",
    .signatures = {"nonzero(Tensor input) -> Tensor"},
    .surface = kPrivate,  // Python's nonzero has as_tuple= (_shaping.py)
    .compose =
        [](const Call& c) {
          return just(unravel_rows(nonzero_flat(contiguous(c[0])), c[0].sizes()));
        },
};

const OpDef kArgwhere = {
    .name = "argwhere",
    .doc = "The coordinates of all elements that are not zero, one row each, in row-major order.",
    .signatures = {"argwhere(Tensor input) -> Tensor"},
    .compose = [](const Call& c) { return just(nonzero(c[0])); },
};

const OpDef kNonzeroTuple = {
    .name = "nonzero_tuple",
    .doc = "nonzero() as one tensor per dimension; a 0-dimensional input counts as one element.",
    .signatures = {"nonzero_tuple(Tensor input) -> Tensor[]"},
    .surface = kPrivate,
    .compose =
        [](const Call& c) {
          return unbind(nonzero(c[0].dim() == 0 ? view(c[0], Dims{1}) : c[0]), 1);
        },
};

}  // namespace chainrule::ops
