// One direction of a recurrent layer: RNN, LSTM or GRU over all steps in one call, where the
// product of the inputs and their weights is made already (linear over the whole sequence). Rows of
// the batch do not meet, so threads take rows through all the steps.
//
// Backward goes back through the steps for the gradients by x and by the first states; that by the
// weights is then one product over all steps and rows.
//
// Source: Hochreiter, Schmidhuber, Long Short-Term Memory (1997), with the forget gates of Gers et
// al., Learning to Forget (2000); Cho et al., Learning Phrase Representations using RNN
// Encoder-Decoder (2014), where n takes in r behind the product.
#include "ops/recurrence.h"

#include <algorithm>

#include "core/threads.h"
#include "ops/product.h"

namespace chainrule::ops {

namespace {

Layer layer_of(const Call& c) {
  const auto& a = c.as<RecurrenceAttrs>();
  return {static_cast<Recurrence>(a.kind), c[0].size(0), c[0].size(1), c[1].size(1),
          a.reverse != 0};
}

void infer(Infer& c) {
  const auto& a = c.as<RecurrenceAttrs>();
  const Tensor &x = c[0], &weight = c[1], &h0 = c[3];
  bool fits = a.kind >= 0 && a.kind < kernels::kRecurrences && x.dim() == 3 && weight.dim() == 2;
  fits = fits && x.size(0) > 0 && weight.size(1) > 0;
  if (fits) {
    const Layer l = layer_of(c);
    const int64_t rows = l.weights() * l.hidden;
    const Dims state{l.batch, l.hidden};
    fits = is_dense(x, x.dtype(), l.sequence(l.weights())) &&
           is_dense(weight, x.dtype(), {rows, l.hidden}) && is_dense(h0, x.dtype(), state) &&
           (!c.has(2) || is_dense(c[2], x.dtype(), {rows})) && c.has(4) == l.has_cells() &&
           (!c.has(4) || is_dense(c[4], x.dtype(), state));
  }
  if (!fits) {
    fail<ShapeError>(c.name(),
                     "expected dense tensors of one dtype: input (T, B, G H), weight (G H, H), "
                     "bias (G H,), h0 (B, H) and, of an LSTM alone, c0 (B, H); got input ",
                     x.sizes(), " and weight ", weight.sizes(), ".");
  }
  const Layer l = layer_of(c);
  c.out(x.dtype(), l.sequence(1));
  c.out(x.dtype(), l.sequence(l.has_cells() ? 1 : 0));
  c.out(x.dtype(), l.sequence(l.kept()));
  c.scratch_bytes = weight.numel() * static_cast<int64_t>(itemsize(x.dtype()));
}

// Where the weights are read at every step they are laid out for that once: what a product would
// reorder for itself each time.
constexpr int64_t kFewestSteps = 4;

const void* transposed(const Tensor& weight, void* scratch) {
  char* room = static_cast<char*>(scratch);
  const Tensor across =
      weight.alias({weight.size(1), weight.size(0)}, {1, weight.size(1)}, weight->offset);
  ProductOperand copied{across.size(0), across.size(1)};
  copied.copied = true;
  return product_data(across, copied, room);
}

void forward(Run& r) {
  const Layer l = layer_of(r);
  const DType t = r[0].dtype();
  const int64_t item = itemsize(t), width = l.weights() * l.hidden, state = l.batch * l.hidden;
  const bool across = l.steps >= kFewestSteps;
  const void* weight = across ? transposed(r[1], r.scratch) : r[1].raw();
  const int64_t target = l.kept() ? l.kept() * l.hidden : l.hidden;  // columns where products go
  const kernels::RecurrenceFn fn =
      kernels::table().recurrence[static_cast<int>(l.kind)][kernels::float_index(t)];
  const auto at = [&](const Tensor& of, int64_t elements) {
    return static_cast<char*>(of.raw()) + elements * item;
  };
  const int64_t work = 2 * l.multiplications();
  LongWork release(work);
  for_batch_rows(l, work, [&](int64_t first, int64_t last) {
    const StepProduct product(
        t, {last - first, width, l.hidden, nullptr, l.hidden, false, weight,
            across ? width : l.hidden, !across, nullptr, target, r.has(2) ? r[2].raw() : nullptr});
    const void *h = r[3].raw(), *c = r.has(4) ? r[4].raw() : nullptr;
    for (int64_t step = 0; step < l.steps; ++step) {
      const int64_t place = l.place(step);
      kernels::RecurrenceArgs args{l.hidden, at(r[0], place * l.batch * width), h,      c,
                                   nullptr,  at(r.out(0), place * state),       nullptr};
      if (l.has_cells()) args.c = at(r.out(1), place * state);
      if (l.kept()) args.gates = at(r.out(2), place * l.kept() * state);
      char* const sums = static_cast<char*>(l.kept() ? args.gates : args.h);
      product(sums + first * target * item, static_cast<const char*>(h) + first * l.hidden * item);
      fn(args, first, last);
      h = args.h;
      c = args.c;
    }
  });
}

// ---- Gradients. One walk back serves the rules of all inputs. The kernels walk unless there is a
// gradient by the gates, which only gradients of gradients have.

const Tensors& walk_back(Backward& b) {
  if (!b.shared.empty()) return b.shared;
  const auto& a = b.as<RecurrenceAttrs>();
  const Tensor dcells = b.has_dy(1) ? b.dy(1) : Tensor(), dgates = b.has_dy(2) ? b.dy(2) : Tensor();
  const Tensor output = b.output(0), cells = b.output(1), gates = b.output(2);
  if (modes.grad_enabled || dgates.defined()) {
    const Layer l{static_cast<Recurrence>(a.kind), output.size(0), output.size(1), output.size(2),
                  a.reverse != 0};
    b.shared = composed_recurrence_backward(
        l, {b.value(1), output, cells, gates, b.value(3), b.value(4), b.dy(0), dcells, dgates});
  } else {
    b.shared = recurrence_backward(contiguous(b.dy(0)),
                                   dcells.defined() ? contiguous(dcells) : dcells, b.value(1),
                                   output, cells, gates, b.value(3), b.value(4), a.kind, a.reverse);
  }
  return b.shared;
}

// The gradient of all the products, one row a step and sample.
Tensor by_products(Backward& b) {
  const bool is_gru = static_cast<Recurrence>(b.as<RecurrenceAttrs>().kind) == Recurrence::gru;
  const Tensor& d = walk_back(b)[is_gru ? 1 : 0];
  return reshape(d, {-1, d.size(2)});
}

// The states that the steps began with, in the same order.
Tensor states_before(Backward& b) {
  const Tensor output = b.output(0), first = unsqueeze(b.value(3), 0);
  const bool reverse = b.as<RecurrenceAttrs>().reverse != 0;
  const int64_t others = output.size(0) - 1;
  const Tensor rest = narrow(output, 0, reverse ? 1 : 0, others);
  const Tensor parts[] = {reverse ? rest : first, reverse ? first : rest};
  return reshape(cat(parts, 0), {-1, output.size(2)});
}

constexpr Reads kWalk = reads_value(1) | reads_value(3) | reads_value(4) | reads_output(0) |
                        reads_output(1) | reads_output(2);

}  // namespace

const OpDef kRecurrence = {
    .name = "recurrence",
    .doc =
        "One direction of a recurrent layer over dense input (T, B, G H), which is the product of "
        "its inputs and their weights: kind 0 tanh, 1 relu, 2 lstm, 3 gru. The output (T, B, H), "
        "an LSTM's cells, and the gates' values, of LSTM and GRU alone; else they are empty.",
    .signatures = {"recurrence(Tensor input, Tensor weight, Tensor? bias, Tensor h0, Tensor? c0, "
                   "int kind, bool reverse) -> (output, cells, gates)"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .grad = {{0, kWalk, [](Backward& b) { return walk_back(b)[0]; }},
             {1, kWalk,
              [](Backward& b) {
                return product(transpose(by_products(b), 0, 1), states_before(b));
              }},
             {2, kWalk, [](Backward& b) { return sum(by_products(b), Dims{0}); }},
             {3, kWalk, [](Backward& b) { return walk_back(b)[2]; }},
             {4, kWalk, [](Backward& b) { return walk_back(b)[3]; }}},
    .compose = compose_recurrence,
    .autocast = in_float32,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * layer_of(r).multiplications(); },
};

}  // namespace chainrule::ops
