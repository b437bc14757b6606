// Steps of recurrent layers, row by row, so that a row's gates are in the first-level cache from
// one loop to the next. Each product and sum is rounded by itself, as in the composition.
#include "kernels/cpu/entry.h"
#include "kernels/functors.h"
#include "kernels/padded_loop.h"

namespace chainrule::kernels {
namespace {

template <typename F, typename T>
void apply(int64_t n, T* y, const T* x) {
  padded_unary(n, y, x,
               [](T v) __attribute__((always_inline)) { return F::template call<T>(nullptr, v); });
}

template <typename T>
[[gnu::noinline]] void add(int64_t n, T* y, const T* x) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) y[j] += x[j];
}

// The part of a row of that many values, or null.
template <typename T>
T* row_of(void* x, int64_t row, int64_t cols) {
  return x ? static_cast<T*>(x) + row * cols : nullptr;
}
template <typename T>
const T* row_of(const void* x, int64_t row, int64_t cols) {
  return x ? static_cast<const T*>(x) + row * cols : nullptr;
}

// ---- Forward

template <typename T, typename F>
void plain(const RecurrenceArgs& args, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    T* h = row_of<T>(args.h, row, args.hidden);
    add(args.hidden, h, row_of<T>(args.x, row, args.hidden));
    apply<F>(args.hidden, h, static_cast<const T*>(h));
  }
}

template <typename T>
[[gnu::noinline]] void update_cell(int64_t n, T* c, const T* before, const T* i, const T* f,
                                   const T* g) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) c[j] = f[j] * before[j] + i[j] * g[j];
}

template <typename T>
[[gnu::noinline]] void scale(int64_t n, T* h, const T* o) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) h[j] = o[j] * h[j];
}

template <typename T>
void lstm(const RecurrenceArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.hidden;
  for (int64_t row = begin; row < end; ++row) {
    T* i = row_of<T>(args.gates, row, 4 * n);
    T *f = i + n, *g = f + n, *o = g + n;
    add(4 * n, i, row_of<T>(args.x, row, 4 * n));
    apply<functors::sigmoid>(2 * n, i, static_cast<const T*>(i));
    apply<functors::tanh>(n, g, static_cast<const T*>(g));
    apply<functors::sigmoid>(n, o, static_cast<const T*>(o));
    T *c = row_of<T>(args.c, row, n), *h = row_of<T>(args.h, row, n);
    update_cell<T>(n, c, row_of<T>(args.c_before, row, n), i, f, g);
    apply<functors::tanh>(n, h, static_cast<const T*>(c));
    scale<T>(n, h, o);
  }
}

// The candidate's pre-activation where r is known; what the product made of it is kept.
template <typename T>
[[gnu::noinline]] void reset(int64_t n, T* candidate, T* of_product, const T* x, const T* r) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    of_product[j] = candidate[j];
    candidate[j] = x[j] + r[j] * candidate[j];
  }
}

template <typename T>
[[gnu::noinline]] void blend(int64_t n, T* h, const T* before, const T* z, const T* candidate) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) h[j] = (before[j] - candidate[j]) * z[j] + candidate[j];
}

template <typename T>
void gru(const RecurrenceArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.hidden;
  for (int64_t row = begin; row < end; ++row) {
    T* r = row_of<T>(args.gates, row, 4 * n);
    T *z = r + n, *candidate = z + n, *of_product = candidate + n;
    const T* x = row_of<T>(args.x, row, 3 * n);
    add(2 * n, r, x);
    apply<functors::sigmoid>(2 * n, r, static_cast<const T*>(r));
    reset<T>(n, candidate, of_product, x + 2 * n, r);
    apply<functors::tanh>(n, candidate, static_cast<const T*>(candidate));
    blend<T>(n, row_of<T>(args.h, row, n), row_of<T>(args.h_before, row, n), z, candidate);
  }
}

// ---- Backward. A zero gradient wins over whatever it meets.

template <typename T>
[[gnu::noinline]] void copy(int64_t n, T* y, const T* x) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) y[j] = x[j];
}

// b may be null.
template <typename T>
[[gnu::noinline]] void add_up(int64_t n, T* out, const T* a, const T* b) {
  if (!b) return copy(n, out, a);
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) out[j] = a[j] + b[j];
}

template <typename T, typename F>
[[gnu::noinline]] void slope(int64_t n, T* dx, const T* y) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) dx[j] = F::template call<T>(nullptr, dx[j], y[j]);
}

template <typename T, typename F>
void plain_backward(const RecurrenceBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.hidden;
  for (int64_t row = begin; row < end; ++row) {
    T* dx = row_of<T>(args.dx, row, n);
    add_up<T>(n, dx, row_of<T>(args.dy, row, n), row_of<T>(args.dh, row, n));
    slope<T, F>(n, dx, row_of<T>(args.h, row, n));
  }
}

// Of the gates' values i, f, g, o into dx, and of c. In: dx's first part is tanh(c), dx's last the
// gradient of h.
template <typename T>
[[gnu::noinline]] void lstm_values(int64_t n, T* di, T* dc, const T* i, const T* before) {
  T *df = di + n, *dg = df + n, *d_o = dg + n;
  const T *f = i + n, *g = f + n, *o = g + n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T y = di[j], dh = d_o[j];
    const T by_tanh = maths::chain(dh, o[j]);
    const T by_c = dc[j] + functors::tanh_backward::call<T>(nullptr, by_tanh, y);
    di[j] = maths::chain(by_c, g[j]);
    df[j] = maths::chain(by_c, before[j]);
    dg[j] = maths::chain(by_c, i[j]);
    d_o[j] = maths::chain(dh, y);
    dc[j] = maths::chain(by_c, f[j]);
  }
}

template <typename T>
void lstm_backward(const RecurrenceBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.hidden;
  for (int64_t row = begin; row < end; ++row) {
    T *dx = row_of<T>(args.dx, row, 4 * n), *dc = row_of<T>(args.dc, row, n);
    const T* gates = row_of<T>(args.gates, row, 4 * n);
    add_up<T>(n, dx + 3 * n, row_of<T>(args.dy, row, n), row_of<T>(args.dh, row, n));
    if (args.dcells) add(n, dc, row_of<T>(args.dcells, row, n));
    apply<functors::tanh>(n, dx, row_of<T>(args.c, row, n));
    lstm_values<T>(n, dx, dc, gates, row_of<T>(args.c_before, row, n));
    slope<T, functors::sigmoid_backward>(2 * n, dx, gates);
    slope<T, functors::tanh_backward>(n, dx + 2 * n, gates + 2 * n);
    slope<T, functors::sigmoid_backward>(n, dx + 3 * n, gates + 3 * n);
  }
}

// Of z's and n's values; `direct` goes from the gradient by h to that by h_before.
template <typename T>
[[gnu::noinline]] void gru_values(int64_t n, T* dz, T* direct, const T* dh, const T* z,
                                  const T* before) {
  T* dn = dz + n;
  const T* candidate = z + n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const T d = dh[j] + direct[j];
    dz[j] = maths::chain(d, before[j] - candidate[j]);
    dn[j] = maths::chain(d, T(1) - z[j]);
    direct[j] = maths::chain(d, z[j]);
  }
}

// Of r's value, and of what the product made of the candidate.
template <typename T>
[[gnu::noinline]] void gru_reset(int64_t n, T* dr, T* dproduct, const T* dn, const T* r,
                                 const T* of_product) {
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    dr[j] = maths::chain(dn[j], of_product[j]);
    dproduct[j] = maths::chain(dn[j], r[j]);
  }
}

template <typename T>
void gru_backward(const RecurrenceBackwardArgs& args, int64_t begin, int64_t end) {
  const int64_t n = args.hidden;
  for (int64_t row = begin; row < end; ++row) {
    T* dr = row_of<T>(args.dx, row, 3 * n);
    T *dz = dr + n, *dn = dz + n, *dproduct = row_of<T>(args.dproduct, row, 3 * n);
    const T* r = row_of<T>(args.gates, row, 4 * n);
    const T *z = r + n, *candidate = z + n;
    T* const direct = row_of<T>(args.direct, row, n);
    add_up<T>(n, dr, row_of<T>(args.dy, row, n), row_of<T>(args.dh, row, n));
    gru_values<T>(n, dz, direct, dr, z, row_of<T>(args.h_before, row, n));
    slope<T, functors::tanh_backward>(n, dn, candidate);
    gru_reset<T>(n, dr, dproduct + 2 * n, dn, r, candidate + n);
    slope<T, functors::sigmoid_backward>(2 * n, dr, r);
    copy<T>(2 * n, dproduct, dr);
  }
}

template <typename T>
void set(KernelTable& table) {
  constexpr int kType = float_index(DTypeOf<T>::value);
  const auto put = [&](Recurrence r, RecurrenceFn forward, RecurrenceBackwardFn backward) {
    table.recurrence[static_cast<int>(r)][kType] = forward;
    table.recurrence_backward[static_cast<int>(r)][kType] = backward;
  };
  put(Recurrence::tanh, &plain<T, functors::tanh>, &plain_backward<T, functors::tanh_backward>);
  put(Recurrence::relu, &plain<T, functors::relu>, &plain_backward<T, functors::relu_backward>);
  put(Recurrence::lstm, &lstm<T>, &lstm_backward<T>);
  put(Recurrence::gru, &gru<T>, &gru_backward<T>);
}

}  // namespace

void CHAINRULE_ENTRY(recurrence)(KernelTable& table) {
  set<float>(table);
  set<double>(table);
}

}  // namespace chainrule::kernels
