// A value with a derivative of one's own: what a program that is captured has in the place of a
// function in Python that backward would call.
#include "ops/elementwise.h"
#include "ops/rules.h"

namespace chainrule::ops {

const OpDef kWithSlope = {
    .name = "with_slope",
    .doc =
        "value, element by element a function of input whose derivative is slope. No gradient "
        "goes to value or slope, but that of the gradient goes through slope.",
    .signatures = {"with_slope(Tensor value, Tensor input, Tensor slope) -> Tensor"},
    .surface = kPrivate,
    .infer =
        [](Infer& c) {
          for (int i = 1; i < 3; ++i) {
            if (c[i].dtype() == c[0].dtype() && c[i].sizes() == c[0].sizes()) continue;
            fail<ShapeError>("Activation", "expected a value and a derivative of the input's ",
                             "shape and dtype; got ", c[0].sizes(), " ", dtype_name(c[0].dtype()),
                             " and ", c[2].sizes(), " ", dtype_name(c[2].dtype()), " for ",
                             c[1].sizes(), " ", dtype_name(c[1].dtype()), ".");
          }
          c.out(c[0].dtype(), c[0].sizes());
        },
    .forward = [](Run& r) { copy_strided(r.out(), r[0]); },
    .grad = {{1, reads_value(2), [](Backward& b) { return absorb(b.dy(), b.value(2)); }}},
    .dtypes = kFloatDTypes,
};

}  // namespace chainrule::ops
