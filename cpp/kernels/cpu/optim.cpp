// The optimisers' rules over a flat block; an element's step is in kernels/updates. Weights and
// state in bfloat16 are updated in float32 and rounded where they are stored.
#include "kernels/bfloat16.h"
#include "kernels/cpu/entry.h"
#include "kernels/updates/adam.h"
#include "kernels/updates/nadam.h"
#include "kernels/updates/sgd.h"
#include "kernels/updates/signs.h"
#include "kernels/updates/squares.h"

namespace chainrule::kernels {
namespace {

template <int... kState>
struct Indices {};
template <int kCount, int... kState>
struct CountedTo : CountedTo<kCount - 1, kCount - 1, kState...> {};
template <int... kState>
struct CountedTo<0, kState...> {
  using Type = Indices<kState...>;
};

template <typename T, typename Rule, int... kState>
void update_block(const UpdateArgs& args, Indices<kState...>) {
  const Rule rule(args);
  const int64_t n = args.n;
  T* const w = static_cast<T*>(args.w);
  const T* const g = static_cast<const T*>(args.g);
  [[maybe_unused]] T* const states[] = {static_cast<T*>(args.states[kState])..., nullptr};
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    Computed<T> s[] = {Computed<T>(states[kState][i])..., 0};
    w[i] = T(rule(w[i], g[i], s));
    ((states[kState][i] = T(s[kState])), ...);
  }
}

template <typename T, template <typename, int> class Rule, int kVariant = 0>
void update(const UpdateArgs& args) {
  using Variant = Rule<Computed<T>, kVariant>;
  if constexpr (kVariant + 1 < Variant::kVariants) {
    if (args.variant != kVariant) return update<T, Rule, kVariant + 1>(args);
  }
  update_block<T, Variant>(args, typename CountedTo<Variant::kStates>::Type());
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
#define CHAINRULE_SLOT(name, rule) \
  table.update[static_cast<int>(Update::name)][kType] = &update<T, rule##Rule>;
  CHAINRULE_UPDATES(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
}

}  // namespace

void CHAINRULE_ENTRY(optim)(KernelTable& table) {
  set<BFloat16>(table);
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
