// Class numbers as rows.
#include <algorithm>

#include "generated/ops.h"
#include "ops/modes.h"
#include "ops/rules.h"

namespace chainrule::ops {

const OpDef kOneHot = {
    .name = "one_hot",
    .doc =
        "For every class number a row of num_classes zeros with a 1 at it; -1 takes one class more "
        "than the largest number.",
    .signatures = {"one_hot(Tensor input, int num_classes=-1) -> Tensor"},
    .surface = kFunctional,
    .compose =
        [](const Call& c) {
          const Tensor& x = c[0];
          int64_t classes = c.as<OneHotAttrs>().num_classes;
          if (x.dtype() != DType::kInt64) {
            fail<DtypeError>(c.name(), "expected int64 class numbers; got ", dtype_name(x.dtype()),
                             ". Use input.long().");
          }
          if (classes == -1 && x.numel() == 0) {
            fail<ValueError>(c.name(), "expected num_classes for an empty input; got -1.");
          }
          if (classes < -1 || (classes == 0 && x.numel() > 0)) {
            fail<ValueError>(c.name(), "expected num_classes >= 1, or -1; got ", classes, ".");
          }
          if (classes == -1 && modes.recorder) {
            modes.recorder->on_shape("one_hot without num_classes", "Pass num_classes.");
          }
          if (!modes.recorder && x.numel() > 0) {  // a replay's scatter checks them
            const int64_t low = min(x).item_int(), high = max(x).item_int();
            if (low < 0 || (classes != -1 && high >= classes)) {
              fail<IndexError>(c.name(), "expected class numbers ",
                               classes == -1 ? ">= 0" : str("in [0, ", classes - 1, "]"), "; got ",
                               low < 0 ? low : high, ".");
            }
            if (high == INT64_MAX) {
              fail<OutOfMemory>(c.name(), "expected class numbers whose rows memory has room for; ",
                                "got ", high, ".");
            }
            if (classes == -1) classes = high + 1;
          }
          Dims sizes = x.sizes();
          sizes.push_back(classes);
          const Tensor index = unsqueeze(x, -1);
          return just(scatter(zeros(sizes, DType::kInt64), -1, index, 1));
        },
};

}  // namespace chainrule::ops
