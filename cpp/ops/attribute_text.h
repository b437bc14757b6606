// Attributes spelled as Python spells them, read through the field table.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "ops/schema.h"

namespace chainrule {

// The shortest text that reads back as `value`, as Python's repr: "0.1", "2.0", "1e-08", "inf".
std::string float_text(double value);
std::string float_text(float value);

// The attribute `p` of an attribute struct: "(1, 2)", "True", "0.5", "'mean'", "None".
std::string attribute_text(const Param& p, std::span<const std::byte> attrs);

// Whether it reads as the default that the schema gives.
bool is_default(const OpSchema& schema, const Param& p, std::span<const std::byte> attrs);

}  // namespace chainrule
