// The elementwise slots in float32, float64 and, by way of float32, bfloat16.
#include <type_traits>

#include "kernels/cpu/bfloat16_loop.h"
#include "kernels/cpu/entry.h"
#include "kernels/functors.h"
#include "kernels/loops.h"

namespace chainrule::kernels {
namespace {

// A functor's slots; results are of the type it computes in, or bool.
template <typename F, int kArity, bool kPredicate>
void set(ElementwiseFn (&slots)[kDTypeCount]) {
  constexpr ElementwiseFn kFloat =
      map_kernel<F, kArity, float, std::conditional_t<kPredicate, bool, float>>();
  slots[static_cast<int>(DType::kFloat32)] = kFloat;
  slots[static_cast<int>(DType::kFloat64)] =
      map_kernel<F, kArity, double, std::conditional_t<kPredicate, bool, double>>();
  slots[static_cast<int>(DType::kBFloat16)] = map_bfloat16<kFloat, kArity, !kPredicate>;
}

}  // namespace

void CHAINRULE_ENTRY(elementwise)(KernelTable& table) {
#define CHAINRULE_SET(name, arity) \
  set<functors::name, arity, false>(table.map[static_cast<int>(Map::name)]);
#define CHAINRULE_SET_PREDICATE(name, arity) \
  set<functors::name, arity, true>(table.map[static_cast<int>(Map::name)]);
  CHAINRULE_FLOAT_MAPS(CHAINRULE_SET)
  CHAINRULE_NUMBER_MAPS(CHAINRULE_SET)
  CHAINRULE_PREDICATE_MAPS(CHAINRULE_SET_PREDICATE)
#undef CHAINRULE_SET
#undef CHAINRULE_SET_PREDICATE
}

}  // namespace chainrule::kernels
