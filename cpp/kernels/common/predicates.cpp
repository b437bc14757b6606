// Comparisons and logical operations on bool, uint8, int32 and int64.
#include "kernels/common/common.h"
#include "kernels/functors.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

template <typename F, int kArity>
void set_all(KernelTable& table, Map map) {
  ElementwiseFn* row = table.map[static_cast<int>(map)];
  row[static_cast<int>(DType::kBool)] = map_kernel<F, kArity, bool, bool>();
  row[static_cast<int>(DType::kUInt8)] = map_kernel<F, kArity, uint8_t, bool>();
  row[static_cast<int>(DType::kInt32)] = map_kernel<F, kArity, int32_t, bool>();
  row[static_cast<int>(DType::kInt64)] = map_kernel<F, kArity, int64_t, bool>();
}

}  // namespace

void fill_common_predicates(KernelTable& table) {
#define CHAINRULE_SET(name, arity) set_all<functors::name, arity>(table, Map::name);
  CHAINRULE_PREDICATE_MAPS(CHAINRULE_SET)
#undef CHAINRULE_SET
}

}  // namespace chainrule::kernels
