// Steps of recurrent layers in long double.
#include <cmath>

#include "kernels/maths/basics.h"
#include "kernels/reference/reference.h"

namespace chainrule::kernels {
namespace {

using Real = long double;
using maths::chain;

Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real of_tanh(Real dy, Real y) { return chain(dy, (1 - y) * (1 + y)); }
Real of_sigmoid(Real dy, Real y) { return chain(dy, (1 - y) * y); }

template <typename T>
Real value(const void* x, int64_t i) {
  return x ? static_cast<Real>(static_cast<const T*>(x)[i]) : Real(0);
}
template <typename T>
void put(void* x, int64_t i, Real v) {
  static_cast<T*>(x)[i] = static_cast<T>(v);
}

// fn(row, j): unit j of each row.
template <typename F>
void for_units(int64_t hidden, int64_t begin, int64_t end, F&& fn) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t j = 0; j < hidden; ++j) fn(row, j);
  }
}

template <typename T, bool kRelu>
void plain(const RecurrenceArgs& a, int64_t begin, int64_t end) {
  for_units(a.hidden, begin, end, [&](int64_t row, int64_t j) {
    const int64_t i = row * a.hidden + j;
    const Real z = value<T>(a.h, i) + value<T>(a.x, i);
    put<T>(a.h, i, kRelu ? (z < 0 ? 0 : z) : std::tanh(z));
  });
}

template <typename T>
void lstm(const RecurrenceArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.hidden;
  for_units(n, begin, end, [&](int64_t row, int64_t j) {
    const int64_t unit = row * n + j, first = row * 4 * n + j;
    Real gate[4];
    for (int p = 0; p < 4; ++p) {
      const Real z = value<T>(a.gates, first + p * n) + value<T>(a.x, first + p * n);
      gate[p] = p == 2 ? std::tanh(z) : sigmoid(z);
      put<T>(a.gates, first + p * n, gate[p]);
    }
    const Real c = gate[1] * value<T>(a.c_before, unit) + gate[0] * gate[2];
    put<T>(a.c, unit, c);
    put<T>(a.h, unit, gate[3] * std::tanh(c));
  });
}

template <typename T>
void gru(const RecurrenceArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.hidden;
  for_units(n, begin, end, [&](int64_t row, int64_t j) {
    const int64_t unit = row * n + j, first = row * 4 * n + j, x = row * 3 * n + j;
    const Real r = sigmoid(value<T>(a.gates, first) + value<T>(a.x, x));
    const Real z = sigmoid(value<T>(a.gates, first + n) + value<T>(a.x, x + n));
    const Real of_product = value<T>(a.gates, first + 2 * n);
    const Real candidate = std::tanh(value<T>(a.x, x + 2 * n) + r * of_product);
    put<T>(a.gates, first, r);
    put<T>(a.gates, first + n, z);
    put<T>(a.gates, first + 2 * n, candidate);
    put<T>(a.gates, first + 3 * n, of_product);
    put<T>(a.h, unit, (value<T>(a.h_before, unit) - candidate) * z + candidate);
  });
}

template <typename T, bool kRelu>
void plain_backward(const RecurrenceBackwardArgs& a, int64_t begin, int64_t end) {
  for_units(a.hidden, begin, end, [&](int64_t row, int64_t j) {
    const int64_t i = row * a.hidden + j;
    const Real dh = value<T>(a.dy, i) + value<T>(a.dh, i), h = value<T>(a.h, i);
    put<T>(a.dx, i, kRelu ? (h <= 0 ? 0 : dh) : of_tanh(dh, h));
  });
}

template <typename T>
void lstm_backward(const RecurrenceBackwardArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.hidden;
  for_units(n, begin, end, [&](int64_t row, int64_t j) {
    const int64_t unit = row * n + j, first = row * 4 * n + j;
    const auto gate = [&](int p) { return value<T>(a.gates, first + p * n); };
    const Real y = std::tanh(value<T>(a.c, unit));
    const Real dh = value<T>(a.dy, unit) + value<T>(a.dh, unit);
    const Real dc =
        value<T>(a.dc, unit) + value<T>(a.dcells, unit) + of_tanh(chain(dh, gate(3)), y);
    const Real di = chain(dc, gate(2)), df = chain(dc, value<T>(a.c_before, unit));
    put<T>(a.dx, first, of_sigmoid(di, gate(0)));
    put<T>(a.dx, first + n, of_sigmoid(df, gate(1)));
    put<T>(a.dx, first + 2 * n, of_tanh(chain(dc, gate(0)), gate(2)));
    put<T>(a.dx, first + 3 * n, of_sigmoid(chain(dh, y), gate(3)));
    put<T>(a.dc, unit, chain(dc, gate(1)));
  });
}

template <typename T>
void gru_backward(const RecurrenceBackwardArgs& a, int64_t begin, int64_t end) {
  const int64_t n = a.hidden;
  for_units(n, begin, end, [&](int64_t row, int64_t j) {
    const int64_t unit = row * n + j, first = row * 4 * n + j, x = row * 3 * n + j;
    const auto gate = [&](int p) { return value<T>(a.gates, first + p * n); };
    const Real dh = value<T>(a.dy, unit) + value<T>(a.dh, unit) + value<T>(a.direct, unit);
    const Real dz = chain(dh, value<T>(a.h_before, unit) - gate(2));
    const Real dn = of_tanh(chain(dh, 1 - gate(1)), gate(2));
    const Real dr = of_sigmoid(chain(dn, gate(3)), gate(0));
    put<T>(a.direct, unit, chain(dh, gate(1)));
    for (void* out : {a.dx, a.dproduct}) {
      put<T>(out, x, dr);
      put<T>(out, x + n, of_sigmoid(dz, gate(1)));
    }
    put<T>(a.dx, x + 2 * n, dn);
    put<T>(a.dproduct, x + 2 * n, chain(dn, gate(0)));
  });
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  const auto slot = [&](Recurrence r, RecurrenceFn forward, RecurrenceBackwardFn backward) {
    table.recurrence[static_cast<int>(r)][kType] = forward;
    table.recurrence_backward[static_cast<int>(r)][kType] = backward;
  };
  slot(Recurrence::tanh, &plain<T, false>, &plain_backward<T, false>);
  slot(Recurrence::relu, &plain<T, true>, &plain_backward<T, true>);
  slot(Recurrence::lstm, &lstm<T>, &lstm_backward<T>);
  slot(Recurrence::gru, &gru<T>, &gru_backward<T>);
}

}  // namespace

void fill_reference_recurrence(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
