// The elementwise slots in float32 and float64.
#include "kernels/cpu/entry.h"
#include "kernels/functors.h"
#include "kernels/loops.h"

namespace chainrule::kernels {

void CHAINRULE_ENTRY(elementwise)(KernelTable& table) {
  constexpr int kFloat = static_cast<int>(DType::kFloat32);
  constexpr int kDouble = static_cast<int>(DType::kFloat64);
#define CHAINRULE_SET(name, arity)                       \
  table.map[static_cast<int>(Map::name)][kFloat] =       \
      map_kernel<functors::name, arity, float, float>(); \
  table.map[static_cast<int>(Map::name)][kDouble] =      \
      map_kernel<functors::name, arity, double, double>();
#define CHAINRULE_SET_PREDICATE(name, arity)            \
  table.map[static_cast<int>(Map::name)][kFloat] =      \
      map_kernel<functors::name, arity, float, bool>(); \
  table.map[static_cast<int>(Map::name)][kDouble] =     \
      map_kernel<functors::name, arity, double, bool>();
  CHAINRULE_FLOAT_MAPS(CHAINRULE_SET)
  CHAINRULE_NUMBER_MAPS(CHAINRULE_SET)
  CHAINRULE_PREDICATE_MAPS(CHAINRULE_SET_PREDICATE)
#undef CHAINRULE_SET
#undef CHAINRULE_SET_PREDICATE
}

}  // namespace chainrule::kernels
