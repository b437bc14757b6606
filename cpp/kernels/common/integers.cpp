// Elementwise arithmetic on bool, uint8, int32 and int64.
#include "kernels/common/common.h"
#include "kernels/integer_functors.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

template <typename F, int kArity, typename T>
void set(KernelTable& table, Map map) {
  table.map[static_cast<int>(map)][static_cast<int>(DTypeOf<T>::value)] =
      map_kernel<F, kArity, T, T>();
}

template <typename F, int kArity>
void set_all(KernelTable& table, Map map) {
  if constexpr (F::kBool) set<F, kArity, bool>(table, map);
  set<F, kArity, uint8_t>(table, map);
  set<F, kArity, int32_t>(table, map);
  set<F, kArity, int64_t>(table, map);
}

}  // namespace

void fill_common_integers(KernelTable& table) {
#define CHAINRULE_SET(name, arity) set_all<int_functors::name, arity>(table, Map::name);
  CHAINRULE_NUMBER_MAPS(CHAINRULE_SET)
  CHAINRULE_INTEGER_MAPS(CHAINRULE_SET)
#undef CHAINRULE_SET
}

}  // namespace chainrule::kernels
