// One step of a recurrent layer, apart from its products: what the gates make of a row's
// pre-activations (cpu/recurrence.cpp), and the way back.
#pragma once

#include <cstdint>

namespace chainrule::kernels {

enum class Recurrence : int { tanh, relu, lstm, gru };
inline constexpr int kRecurrences = 4;

// How many values a unit has in the weights' rows, and how many are kept of it for backward: of
// lstm i, f, g, o; of gru r, z, n and the product's part of n.
constexpr int64_t weights_of(Recurrence r) {
  return r == Recurrence::lstm ? 4 : r == Recurrence::gru ? 3 : 1;
}
constexpr int64_t kept_of(Recurrence r) {
  return r == Recurrence::lstm || r == Recurrence::gru ? 4 : 0;
}

// Dense rows, one a sample: `hidden` values each, x of weights_of() as many, gates of kept_of().
struct RecurrenceArgs {
  int64_t hidden;
  const void* x;
  const void *h_before, *c_before;
  void* gates;  // in: the product of h_before and the weights; of tanh and relu it is in h
  void *h, *c;
};
struct RecurrenceBackwardArgs {
  int64_t hidden;
  const void *dy, *dh;  // by the output, and by what the next step made of it, or null
  const void* dcells;   // by c, or null
  const void *gates, *h, *c, *h_before, *c_before;
  void* dc;      // lstm: in by c, out by c_before
  void* direct;  // gru: by h, resp. h_before, past the gates; added to dh
  void* dx;
  void* dproduct;  // gru, where it is not dx: gradient of the product
};
using RecurrenceFn = void (*)(const RecurrenceArgs& args, int64_t row_begin, int64_t row_end);
using RecurrenceBackwardFn = void (*)(const RecurrenceBackwardArgs& args, int64_t row_begin,
                                      int64_t row_end);

}  // namespace chainrule::kernels
