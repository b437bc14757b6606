// where(condition, a, b). Only bits are moved, so types of one size share a loop.
#include "kernels/common/common.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

struct Where {
  static constexpr int kParams = 0;
  static constexpr bool kCostly = false;
  template <typename T>
  static T param(double) {
    return T();
  }
  template <typename T>
  static T call(const T*, uint8_t condition, T a, T b) {
    return condition != 0 ? a : b;
  }
};

template <typename Bits>
constexpr ElementwiseFn where_bits() {
  return &map_ternary<Where, uint8_t, Bits, Bits>;
}

}  // namespace

void fill_common_selection(KernelTable& table) {
  table.where[static_cast<int>(DType::kBool)] = where_bits<uint8_t>();
  table.where[static_cast<int>(DType::kUInt8)] = where_bits<uint8_t>();
  table.where[static_cast<int>(DType::kInt32)] = where_bits<uint32_t>();
  table.where[static_cast<int>(DType::kInt64)] = where_bits<uint64_t>();
  table.where[static_cast<int>(DType::kBFloat16)] = where_bits<uint16_t>();
  table.where[static_cast<int>(DType::kFloat32)] = where_bits<uint32_t>();
  table.where[static_cast<int>(DType::kFloat64)] = where_bits<uint64_t>();
}

}  // namespace chainrule::kernels
