#include "core/device.h"

#include "core/dtype.h"
#include "core/errors.h"

namespace chainrule {

Device parse_device(std::string_view text) {
  if (text == "cpu" || text == "cpu:0") return {};
  std::string hint;
  for (int i = 0; i < kDTypeCount; ++i) {
    const char* name = dtype_name(static_cast<DType>(i));
    if (text == name) hint = str(" The dtype is chainrule.", name, ".");
  }
  fail<ValueError>("device", "expected 'cpu', the only device of this build; got '",
                   std::string(text), "'.", hint);
}

}  // namespace chainrule
