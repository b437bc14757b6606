// The check of a training step's loss. A replay runs it among what may fail, so a step whose loss
// is not finite has changed nothing.
#include <cmath>

#include "generated/ops.h"

namespace chainrule::ops {

namespace {

void infer_one_float(Infer& c) {
  if (!is_floating(c[0].dtype())) {
    fail<DtypeError>(c.name(), "expected a floating number; got ", dtype_name(c[0].dtype()), ".");
  }
  if (c[0].numel() != 1) {
    fail<ShapeError>(c.name(), "expected one element; got sizes ", c[0].sizes(), ".");
  }
  c.out(c[0].dtype(), c[0].sizes());
}

void forward_checked(Run& r) {
  const double value = r[0].item_double();
  if (!std::isfinite(value)) {
    fail<ValueError>(r.name(), "expected a finite number; got ", value, ".");
  }
  std::memcpy(r.out().raw(), r[0].raw(), itemsize(r[0].dtype()));
}

}  // namespace

const OpDef kRequireFinite = {
    .name = "require_finite",
    .doc = "A copy of the input, which has one element; an error where that is not finite.",
    .signatures = {"require_finite(Tensor input) -> Tensor"},
    .surface = kPrivate,
    .infer = infer_one_float,
    .forward = forward_checked,
};

}  // namespace chainrule::ops
