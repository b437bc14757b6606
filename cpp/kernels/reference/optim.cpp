// The optimisers' rules in long double, formula by formula as in PyTorch's documentation or in the
// paper. What hyper, derived, the variants and the states are stands in kernels/updates.
#include <cmath>

#include "kernels/bfloat16.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;

// Averages are never subnormal, see updates/common.h.
template <typename T>
Real settled(Real average) {
  constexpr Real kSmallest = sizeof(T) == 8 ? 0x1p-1022L : 0x1p-126L;
  return std::fabs(average) < kSmallest ? Real(0) : average;
}

// Nor are those of squares where eps hides them.
template <typename T>
Real settled_square(Real square, Real eps, bool eps_in_root) {
  const bool is_double = sizeof(T) == 8;
  const Real hides =
      eps_in_root ? (is_double ? 0x1p-950L : 0x1p-90L) : (is_double ? 0x1p-450L : 0x1p-33L);
  return eps >= hides ? settled<T>(square) : square;
}

// The gradient with its sign and weight decay, which a decoupled one takes from the weight.
Real decayed(const UpdateArgs& a, Real lr, Real decay, Real& w, Real g) {
  if (a.maximize) g = -g;
  if (!a.decoupled) return g + decay * w;
  w *= 1 - lr * decay;
  return g;
}

struct SgdReference {
  static int states(int variant) { return variant > 0; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* buffer) {
    const Real lr = a.hyper[0], momentum = a.hyper[1], dampening = a.hyper[2];
    g = decayed(a, lr, a.hyper[3], w, g);
    if (a.variant == 0) return w - lr * g;
    const int form = a.variant - 1;
    const bool nesterov = form & 1, first = form & 2, lr_inside = form & 4;
    if (lr_inside) g *= lr;
    buffer[0] = settled<T>(first ? g : momentum * buffer[0] + (1 - dampening) * g);
    return w - (lr_inside ? 1 : lr) * (nesterov ? g + momentum * buffer[0] : buffer[0]);
  }
};

struct AsgdReference {
  static int states(int) { return 1; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* average) {
    const Real lambd = a.hyper[1], eta = a.derived[0], mu = a.derived[1];
    g = decayed(a, 0, a.hyper[4], w, g);
    w = (1 - lambd * eta) * w - eta * g;
    average[0] = mu == 1 ? w : average[0] + mu * (w - average[0]);
    return w;
  }
};

struct RmspropReference {
  static int states(int variant) { return 1 + (variant & 1) + (variant >> 1 & 1); }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real lr = a.hyper[0], alpha = a.hyper[1], eps = a.hyper[2], momentum = a.hyper[4];
    const bool centered = a.variant & 1, with_momentum = a.variant & 2, inside = a.variant & 4;
    g = decayed(a, lr, a.hyper[3], w, g);
    s[0] = settled_square<T>(alpha * s[0] + (1 - alpha) * g * g, eps, inside);
    Real v = s[0];
    if (centered) {
      s[1] = settled<T>(alpha * s[1] + (1 - alpha) * g);
      v -= s[1] * s[1];
      if (v < 0) v = 0;
    }
    const Real d = g / (inside ? std::sqrt(v + eps) : std::sqrt(v) + eps);
    if (!with_momentum) return w - lr * d;
    Real& buffer = s[1 + centered];
    buffer = settled<T>(momentum * buffer + d);
    return w - lr * buffer;
  }
};

struct AdagradReference {
  static int states(int) { return 1; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* sum) {
    const Real eps = a.hyper[2];
    g = decayed(a, 0, a.hyper[3], w, g);
    sum[0] += g * g;
    const Real root = a.variant == 1 ? std::sqrt(sum[0] + eps) : std::sqrt(sum[0]) + eps;
    return w - a.derived[0] * g / root;
  }
};

struct AdadeltaReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real lr = a.hyper[0], rho = a.hyper[1], eps = a.hyper[2];
    g = decayed(a, lr, a.hyper[3], w, g);
    s[0] = settled_square<T>(rho * s[0] + (1 - rho) * g * g, eps, true);
    const Real delta = std::sqrt(s[1] + eps) / std::sqrt(s[0] + eps) * g;
    s[1] = settled_square<T>(rho * s[1] + (1 - rho) * delta * delta, eps, true);
    return w - lr * delta;
  }
};

struct AdamReference {
  static int states(int variant) { return 2 + variant; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real lr = a.hyper[0], beta1 = a.hyper[1], beta2 = a.hyper[2], eps = a.hyper[3];
    g = decayed(a, lr, a.hyper[4], w, g);
    s[0] = settled<T>(beta1 * s[0] + (1 - beta1) * g);
    s[1] = beta2 * s[1] + (1 - beta2) * g * g;
    Real v = s[1];
    if (a.variant == 1) v = s[2] = std::isnan(s[2]) || s[2] > v ? s[2] : v;
    return w - lr * (s[0] / a.derived[0]) / (std::sqrt(v / a.derived[1]) + eps);
  }
};

struct AdamaxReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real lr = a.hyper[0], beta1 = a.hyper[1], beta2 = a.hyper[2], eps = a.hyper[3];
    g = decayed(a, lr, a.hyper[4], w, g);
    s[0] = settled<T>(beta1 * s[0] + (1 - beta1) * g);
    const Real before = beta2 * s[1], now = std::fabs(g) + eps;
    s[1] = std::isnan(before) || before > now ? before : now;
    return w - lr / a.derived[0] * s[0] / s[1];
  }
};

// The averages of NAdam, RAdam and QHAdam.
template <typename T>
void advance_moments(const UpdateArgs& a, Real eps, Real g, Real* s) {
  const Real beta1 = a.hyper[1], beta2 = a.hyper[2];
  s[0] = settled<T>(beta1 * s[0] + (1 - beta1) * g);
  s[1] = settled_square<T>(beta2 * s[1] + (1 - beta2) * g * g, eps, false);
}

struct NadamReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real eps = a.hyper[3];
    g = decayed(a, a.hyper[0], a.hyper[4], w, g);
    advance_moments<T>(a, eps, g, s);
    return w - (a.derived[0] * g + a.derived[1] * s[0]) / (std::sqrt(s[1] / a.derived[2]) + eps);
  }
};

struct RadamReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real eps = a.hyper[3];
    g = decayed(a, a.hyper[0], a.hyper[4], w, g);
    advance_moments<T>(a, eps, g, s);
    const Real step = a.derived[0] * s[0];
    return w - (a.derived[1] != 0 ? step / (std::sqrt(s[1]) + eps) : step);
  }
};

struct QhadamReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real lr = a.hyper[0], nu1 = a.hyper[3], nu2 = a.hyper[4], eps = a.hyper[5];
    g = decayed(a, lr, a.hyper[6], w, g);
    advance_moments<T>(a, eps, g, s);
    const Real v = (1 - nu2) * g * g + nu2 * s[1] / a.derived[1];
    return w - lr * ((1 - nu1) * g + nu1 * s[0] / a.derived[0]) / (std::sqrt(v) + eps);
  }
};

Real sign_of(Real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

struct RpropReference {
  static int states(int) { return 2; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* s) {
    const Real eta_minus = a.hyper[1], eta_plus = a.hyper[2];
    const Real smallest = a.hyper[3], largest = a.hyper[4];
    if (a.maximize) g = -g;
    if (a.derived[0] != 0) s[1] = a.hyper[0];
    const Real agrees = static_cast<Computed<T>>(g) * static_cast<Computed<T>>(s[0]);
    s[1] *= agrees > 0 ? eta_plus : agrees < 0 ? eta_minus : agrees == 0 ? 1 : agrees;
    if (s[1] < smallest) s[1] = smallest;
    if (s[1] > largest) s[1] = largest;
    s[0] = agrees < 0 ? 0 : g;
    return w - sign_of(s[0]) * s[1];
  }
};

struct LionReference {
  static int states(int) { return 1; }
  template <typename T>
  static Real step(const UpdateArgs& a, Real w, Real g, Real* m) {
    const Real lr = a.hyper[0], beta1 = a.hyper[1], beta2 = a.hyper[2], decay = a.hyper[3];
    if (a.maximize) g = -g;
    w = (1 - lr * decay) * w - lr * sign_of(beta1 * m[0] + (1 - beta1) * g);
    m[0] = settled<T>(beta2 * m[0] + (1 - beta2) * g);
    return w;
  }
};

template <typename T, typename Reference>
void update(const UpdateArgs& a) {
  const int count = Reference::states(a.variant);
  T* w = static_cast<T*>(a.w);
  for (int64_t i = 0; i < a.n; ++i) {
    Real s[4] = {};
    for (int k = 0; k < count; ++k) s[k] = static_cast<T*>(a.states[k])[i];
    w[i] = static_cast<T>(Reference::template step<T>(a, w[i], static_cast<const T*>(a.g)[i], s));
    for (int k = 0; k < count; ++k) static_cast<T*>(a.states[k])[i] = static_cast<T>(s[k]);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
#define CHAINRULE_SLOT(name, rule) \
  table.update[static_cast<int>(Update::name)][kType] = &update<T, rule##Reference>;
  CHAINRULE_UPDATES(CHAINRULE_SLOT)
#undef CHAINRULE_SLOT
}

}  // namespace

void fill_reference_optim(KernelTable& table) {
  set<BFloat16>(table);
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
