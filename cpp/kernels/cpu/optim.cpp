// The optimisers' rules over a flat block; an element's step is in kernels/updates. Weights and
// state in bfloat16 are widened strip by strip, updated by the float32 loop and rounded once.
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
    T s[] = {states[kState][i]..., 0};
    w[i] = rule(w[i], g[i], s);
    ((states[kState][i] = s[kState]), ...);
  }
}

template <typename T, template <typename, int> class Rule, int kVariant = 0>
void update(const UpdateArgs& args) {
  using Variant = Rule<T, kVariant>;
  if constexpr (kVariant + 1 < Variant::kVariants) {
    if (args.variant != kVariant) return update<T, Rule, kVariant + 1>(args);
  }
  update_block<T, Variant>(args, typename CountedTo<Variant::kStates>::Type());
}

template <template <typename, int> class Rule, int kVariant = 0>
int count_states(int variant) {
  using Variant = Rule<float, kVariant>;
  if constexpr (kVariant + 1 < Variant::kVariants) {
    if (variant != kVariant) return count_states<Rule, kVariant + 1>(variant);
  }
  return Variant::kStates;
}

[[gnu::noinline]] void widen(int64_t n, float* out, const void* in, int64_t from) {
  const BFloat16* const x = static_cast<const BFloat16*>(in) + from;
  for (int64_t i = 0; i < n; ++i) out[i] = x[i];
}

[[gnu::noinline]] void narrow(int64_t n, void* out, const float* x, int64_t from) {
  BFloat16* const y = static_cast<BFloat16*>(out) + from;
  for (int64_t i = 0; i < n; ++i) y[i] = BFloat16(x[i]);
}

// float32_update: of `states` states.
void update_strips(const UpdateArgs& args, UpdateFn float32_update, int states) {
  constexpr int64_t kStrip = 256;
  constexpr int kMostStates = 4;
  float w[kStrip], g[kStrip], state[kMostStates][kStrip];
  void* const strips[kMostStates] = {state[0], state[1], state[2], state[3]};
  UpdateArgs strip = args;
  strip.w = w;
  strip.g = g;
  strip.states = strips;
  for (int64_t i = 0; i < args.n; i += kStrip) {
    strip.n = args.n - i < kStrip ? args.n - i : kStrip;
    widen(strip.n, w, args.w, i);
    widen(strip.n, g, args.g, i);
    for (int s = 0; s < states; ++s) widen(strip.n, state[s], args.states[s], i);
    float32_update(strip);
    narrow(strip.n, args.w, w, i);
    for (int s = 0; s < states; ++s) narrow(strip.n, args.states[s], state[s], i);
  }
}

template <template <typename, int> class Rule>
void update_bfloat16(const UpdateArgs& args) {
  update_strips(args, &update<float, Rule>, count_states<Rule>(args.variant));
}

}  // namespace

void CHAINRULE_ENTRY(optim)(KernelTable& table) {
#define CHAINRULE_SLOT(name, rule)                                     \
  UpdateFn* const name = table.update[static_cast<int>(Update::name)]; \
  name[float_index(DType::kBFloat16)] = &update_bfloat16<rule##Rule>;  \
  name[float_index(DType::kFloat32)] = &update<float, rule##Rule>;     \
  name[float_index(DType::kFloat64)] = &update<double, rule##Rule>;
  CHAINRULE_UPDATES(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
}

}  // namespace chainrule::kernels
