// Where a tensor lives. The CPU is the only device so far; anything else is a clear error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chainrule {

enum class DeviceType : uint8_t { kCpu };

struct Device {
  DeviceType type = DeviceType::kCpu;
  bool operator==(const Device&) const = default;
};

Device parse_device(std::string_view text);  // "cpu", "cpu:0"; ValueError names what exists
inline std::string to_string(Device) { return "cpu"; }

}  // namespace chainrule
