// SGD and Adam over a flat block; an element's update is in optim_updates.h. Weights and state in
// bfloat16 are updated in float32 and rounded where they are stored.
#include "kernels/bfloat16.h"
#include "kernels/cpu/entry.h"
#include "kernels/optim_updates.h"

namespace chainrule::kernels {
namespace {

template <typename T, bool kFirst, bool kNesterov>
void sgd_momentum(int64_t n, T* w, const T* g, T* buffer, const SgdStep<Computed<T>> step,
                  bool maximize) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const Computed<T> gradient = step.gradient(w[i], g[i], maximize);
    const Computed<T> next = step.next_buffer(buffer[i], gradient, kFirst);
    buffer[i] = T(next);
    w[i] = T(step.next_weight(w[i], step.direction(next, gradient, kNesterov)));
  }
}

template <typename T>
void sgd(int64_t n, void* weights, const void* gradient, void* momentum_buffer, const double* hyper,
         bool nesterov, bool maximize, bool first) {
  const SgdStep<Computed<T>> step(hyper);
  T* w = static_cast<T*>(weights);
  const T* g = static_cast<const T*>(gradient);
  T* buffer = static_cast<T*>(momentum_buffer);
  if (!step.has_momentum || buffer == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      w[i] = T(step.next_weight(w[i], step.gradient(w[i], g[i], maximize)));
    }
  } else if (first) {
    if (nesterov) return sgd_momentum<T, true, true>(n, w, g, buffer, step, maximize);
    sgd_momentum<T, true, false>(n, w, g, buffer, step, maximize);
  } else {
    if (nesterov) return sgd_momentum<T, false, true>(n, w, g, buffer, step, maximize);
    sgd_momentum<T, false, false>(n, w, g, buffer, step, maximize);
  }
}

template <typename T, bool kMax>
void adam_loop(int64_t n, T* w, const T* g, T* m, T* v, T* v_max, const AdamStep<Computed<T>> step,
               bool maximize) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const Computed<T> shrunk = w[i] * step.shrink;
    const Computed<T> gradient = step.gradient(w[i], g[i], maximize);
    const Computed<T> next_m = step.next_m(m[i], gradient);
    Computed<T> next_v = step.next_v(v[i], gradient);
    m[i] = T(next_m);
    v[i] = T(next_v);
    if constexpr (kMax) {
      const Computed<T> before = v_max[i], top = before > next_v ? before : next_v;
      next_v = before != before ? before : top;
      v_max[i] = T(next_v);
    }
    w[i] = T(step.next_weight(shrunk, next_m, next_v));
  }
}

// v_max is null without amsgrad.
template <typename T>
void adam(int64_t n, void* w, const void* g, void* m, void* v, void* v_max, const double* hyper,
          AdamCorrections correct, bool maximize, bool decoupled) {
  const AdamStep<Computed<T>> step(hyper, correct, decoupled);
  if (v_max != nullptr) {
    adam_loop<T, true>(n, static_cast<T*>(w), static_cast<const T*>(g), static_cast<T*>(m),
                       static_cast<T*>(v), static_cast<T*>(v_max), step, maximize);
  } else {
    adam_loop<T, false>(n, static_cast<T*>(w), static_cast<const T*>(g), static_cast<T*>(m),
                        static_cast<T*>(v), nullptr, step, maximize);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  table.sgd[kType] = &sgd<T>;
  table.adam[kType] = &adam<T>;
}

}  // namespace

void CHAINRULE_ENTRY(optim)(KernelTable& table) {
  set<BFloat16>(table);
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
