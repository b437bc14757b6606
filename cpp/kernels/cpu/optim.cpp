// SGD and Adam over a flat block; an element's update is in optim_updates.h.
#include "kernels/cpu/entry.h"
#include "kernels/optim_updates.h"

namespace chainrule::kernels {
namespace {

template <typename T, bool kFirst, bool kNesterov>
void sgd_momentum(int64_t n, T* w, const T* g, T* buffer, const SgdStep<T> step, bool maximize) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T gradient = step.gradient(w[i], g[i], maximize);
    const T next = step.next_buffer(buffer[i], gradient, kFirst);
    buffer[i] = next;
    w[i] = step.next_weight(w[i], step.direction(next, gradient, kNesterov));
  }
}

template <typename T>
void sgd(int64_t n, void* weights, const void* gradient, void* momentum_buffer, const double* hyper,
         bool nesterov, bool maximize, bool first) {
  const SgdStep<T> step(hyper);
  T* w = static_cast<T*>(weights);
  const T* g = static_cast<const T*>(gradient);
  T* buffer = static_cast<T*>(momentum_buffer);
  if (!step.has_momentum || buffer == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) {
      w[i] = step.next_weight(w[i], step.gradient(w[i], g[i], maximize));
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
void adam_loop(int64_t n, T* w, const T* g, T* m, T* v, T* v_max, const AdamStep<T> step,
               bool maximize) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const T shrunk = w[i] * step.shrink;
    const T gradient = step.gradient(w[i], g[i], maximize);
    const T next_m = step.next_m(m[i], gradient);
    T next_v = step.next_v(v[i], gradient);
    m[i] = next_m;
    v[i] = next_v;
    if constexpr (kMax) {
      const T top = v_max[i] > next_v ? v_max[i] : next_v;
      next_v = v_max[i] != v_max[i] ? v_max[i] : top;
      v_max[i] = next_v;
    }
    w[i] = step.next_weight(shrunk, next_m, next_v);
  }
}

// v_max is null without amsgrad.
template <typename T>
void adam(int64_t n, void* w, const void* g, void* m, void* v, void* v_max, const double* hyper,
          double step_count, bool maximize, bool decoupled) {
  const AdamStep<T> step(hyper, step_count, decoupled);
  if (v_max != nullptr) {
    adam_loop<T, true>(n, static_cast<T*>(w), static_cast<const T*>(g), static_cast<T*>(m),
                       static_cast<T*>(v), static_cast<T*>(v_max), step, maximize);
  } else {
    adam_loop<T, false>(n, static_cast<T*>(w), static_cast<const T*>(g), static_cast<T*>(m),
                        static_cast<T*>(v), nullptr, step, maximize);
  }
}

}  // namespace

void CHAINRULE_ENTRY(optim)(KernelTable& table) {
  constexpr int kFloat = float_index(DType::kFloat32), kDouble = float_index(DType::kFloat64);
  table.sgd[kFloat] = &sgd<float>;
  table.sgd[kDouble] = &sgd<double>;
  table.adam[kFloat] = &adam<float>;
  table.adam[kDouble] = &adam<double>;
}

}  // namespace chainrule::kernels
