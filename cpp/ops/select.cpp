// Choosing between values: where, masked_fill, nan_to_num. A value that is not chosen takes no part
// in the gradient, whatever its derivative is there.
#include <limits>

#include "ops/elementwise.h"
#include "ops/number_fits.h"
#include "ops/rules.h"

namespace chainrule::ops {

using kernels::Map;

const OpDef kWhere = {
    .name = "where",
    .doc = "input where condition is true, else other; the shapes broadcast.",
    .signatures = {"where(Tensor condition, Operand input, Operand other) -> Tensor"},
    .surface = kFunction,
    .promotion = Promotion::kPromote,
    .promote_from = 1,
    .infer =
        [](Infer& c) {
          if (c[0].dtype() != DType::kBool && c[0].dtype() != DType::kUInt8) {
            fail<DtypeError>(c.name(), "expected a bool condition; got ", dtype_name(c[0].dtype()),
                             ". Use condition.bool().");
          }
          c.out(c[1].dtype(), broadcast_inputs(c));
        },
    .forward = {[](Run& r) {
                  run_elementwise(kernels::table().where[static_cast<int>(r.out().dtype())],
                                  r.out(), r.inputs, nullptr);
                },
                [](const Run& r, Launch& launch) {
                  return prepare_elementwise(
                      kernels::table().where[static_cast<int>(r.out().dtype())], r, nullptr,
                      launch);
                }},
    .grad = {{1, reads_value(0), [](Backward& b) { return where(b.value(0), b.dy(), 0); }},
             {2, reads_value(0), [](Backward& b) { return where(b.value(0), 0, b.dy()); }}},
    .traits = kElementwise | kBroadcasts,
};

const OpDef kWhereNonzero = {
    .name = "where_nonzero",
    .doc =
        "The indices of the true elements, one tensor a dimension: nonzero(condition, "
        "as_tuple=True).",
    .signatures = {"where(Tensor condition) -> Tensor[]"},
    .surface = kFunction,
    .compose = [](const Call& c) { return nonzero_tuple(c[0]); },
};

const OpDef kMaskedFill = {
    .name = "masked_fill",
    .doc =
        "input, with value (a number or a tensor of one element) where mask is true; the shapes "
        "of input and mask broadcast and the dtype is input's.",
    .signatures = {"masked_fill(Tensor input, Tensor mask, Operand value) -> Tensor"},
    .surface = kEverywhere | kInPlace,
    .compose =
        [](const Call& c) {
          if (c[1].dtype() != DType::kBool) {
            fail<DtypeError>(c.name(), "expected a bool mask; got ", dtype_name(c[1].dtype()),
                             ". Use mask.bool().");
          }
          if (c[2].dim() != 0) {
            fail<ShapeError>(c.name(), "expected a number or a 0-d tensor as value; got sizes ",
                             c[2].sizes(), ".");
          }
          check_number_fits(c.name(), c[2], c[0].dtype());
          const Tensor value = c[2].dtype() == c[0].dtype() ? c[2] : cast(c[2], c[0].dtype());
          return just(where(c[1], value, c[0]));
        },
};

const OpDef kNanToNum = {
    .name = "nan_to_num",
    .doc =
        "input with NaN replaced by nan, +inf by posinf and -inf by neginf; by default 0 and the "
        "dtype's largest and smallest numbers. The derivative is 1 at finite elements, else 0.",
    .signatures =
        {"nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None) "
         "-> Tensor"},
    .surface = kEverywhere | kInPlace,
    .infer = infer_map,
    .forward =
        [](Run& r) {
          const auto& a = r.as<NanToNumAttrs>();
          if (!is_floating(r[0].dtype())) return copy_strided(r.out(), r[0]);
          const DType t = r[0].dtype();
          const double largest = t == DType::kFloat64   ? std::numeric_limits<double>::max()
                                 : t == DType::kFloat32 ? std::numeric_limits<float>::max()
                                                        : kLargestBFloat16;
          run_map(r, {Map::nan_to_num,
                      {a.nan.has ? a.nan.value : 0, a.posinf.has ? a.posinf.value : largest,
                       a.neginf.has ? a.neginf.value : -largest}});
        },
    .grad = {{0, reads_value(0),
              [](Backward& b) { return where(isfinite(b.value(0)), b.dy(), 0); }}},
    .traits = kElementwise,
};

}  // namespace chainrule::ops
