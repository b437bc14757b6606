#include "core/device.h"

#include "core/errors.h"

namespace chainrule {

Device parse_device(std::string_view text) {
  if (text == "cpu" || text == "cpu:0") return {};
  fail<ValueError>("device", "expected 'cpu', the only device of this build; got '",
                   std::string(text), "'.");
}

}  // namespace chainrule
