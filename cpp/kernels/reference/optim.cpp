// SGD and Adam in long double, formula by formula as in PyTorch's documentation.
#include <cmath>

#include "kernels/bfloat16.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

// Averages are never subnormal, see optim_updates.h.
template <typename T>
T settled(Real average) {
  constexpr Real kSmallest = sizeof(T) == 8 ? 0x1p-1022L : 0x1p-126L;
  return static_cast<T>(std::fabs(average) < kSmallest ? Real(0) : average);
}

// hyper = {lr, momentum, dampening, weight_decay}
template <typename T>
void sgd(int64_t n, void* weights, const void* gradient, void* momentum_buffer, const double* hyper,
         bool nesterov, bool maximize, bool first) {
  const Real lr = hyper[0], momentum = hyper[1], dampening = hyper[2], weight_decay = hyper[3];
  T* w = static_cast<T*>(weights);
  T* buffer = static_cast<T*>(momentum_buffer);
  for (int64_t i = 0; i < n; ++i) {
    Real g = static_cast<const T*>(gradient)[i];
    if (maximize) g = -g;
    g += weight_decay * w[i];
    if (momentum != 0 && buffer != nullptr) {
      const Real b = first ? g : momentum * buffer[i] + (1 - dampening) * g;
      buffer[i] = settled<T>(b);
      g = nesterov ? g + momentum * b : b;
    }
    w[i] = static_cast<T>(w[i] - lr * g);
  }
}

// hyper = {lr, beta1, beta2, eps, weight_decay}
template <typename T>
void adam(int64_t n, void* weights, const void* gradient, void* first_moment, void* second_moment,
          void* largest_second_moment, const double* hyper, AdamCorrections correct, bool maximize,
          bool decoupled) {
  const Real lr = hyper[0], beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], decay = hyper[4];
  T* w = static_cast<T*>(weights);
  T* m = static_cast<T*>(first_moment);
  T* v = static_cast<T*>(second_moment);
  T* v_max = static_cast<T*>(largest_second_moment);
  for (int64_t i = 0; i < n; ++i) {
    Real g = static_cast<const T*>(gradient)[i];
    Real weight = w[i];
    if (maximize) g = -g;
    if (decoupled) {
      weight *= 1 - lr * decay;
    } else {
      g += decay * weight;
    }
    const Real next_m = beta1 * m[i] + (1 - beta1) * g;
    Real next_v = beta2 * v[i] + (1 - beta2) * g * g;
    m[i] = settled<T>(next_m);
    v[i] = static_cast<T>(next_v);
    if (v_max != nullptr) {
      next_v = std::isnan(v_max[i]) || v_max[i] > next_v ? Real(v_max[i]) : next_v;
      v_max[i] = static_cast<T>(next_v);
    }
    const Real denominator = std::sqrt(next_v) / std::sqrt(Real(correct.second)) + eps;
    w[i] = static_cast<T>(weight - lr / correct.first * next_m / denominator);
  }
}

}  // namespace

void fill_reference_optim(KernelTable& table) {
  constexpr int kHalf = float_index(DType::kBFloat16), kFloat = float_index(DType::kFloat32),
                kDouble = float_index(DType::kFloat64);
  table.sgd[kHalf] = &sgd<BFloat16>;
  table.adam[kHalf] = &adam<BFloat16>;
  table.sgd[kFloat] = &sgd<float>;
  table.sgd[kDouble] = &sgd<double>;
  table.adam[kFloat] = &adam<float>;
  table.adam[kDouble] = &adam<double>;
}

}  // namespace chainrule::kernels
