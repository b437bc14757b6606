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
#include <optional>

#include "core/threads.h"
#include "ops/product.h"

namespace chainrule::ops {

namespace {

enum In { kX, kWeight, kBias, kH0, kC0, kProjection };
enum Out { kOutput, kCells, kGates, kUnits };

Layer layer_of(const Call& c) {
  const auto& a = c.as<RecurrenceAttrs>();
  return {a.kind, c[kX], c[kWeight], c[kProjection], a.reverse != 0};
}

ProductOperand copy_of(const Tensor& matrix) {
  ProductOperand operand{matrix.size(0), matrix.size(1)};
  operand.copied = true;
  return operand;
}

void infer(Infer& c) {
  const auto& a = c.as<RecurrenceAttrs>();
  const Tensor &x = c[kX], &weight = c[kWeight], &projection = c[kProjection];
  bool fits = a.kind >= 0 && a.kind < kernels::kRecurrences && x.dim() == 3 && weight.dim() == 2;
  fits = fits && x.size(0) > 0 && weight.size(1) > 0;
  fits = fits && (!projection.defined() || (projection.dim() == 2 && projection.size(1) > 0));
  if (fits) {
    const Layer l = layer_of(c);
    const int64_t rows = l.weights() * l.hidden;
    const auto dense = [&](int i, const Dims& sizes) {
      return !c.has(i) || is_dense(c[i], x.dtype(), sizes);
    };
    fits = dense(kX, l.sequence(l.weights())) && dense(kWeight, {rows, l.state}) &&
           dense(kBias, {rows}) && dense(kH0, {l.batch, l.state}) && c.has(kC0) == l.has_cells() &&
           dense(kC0, {l.batch, l.hidden}) && (!l.projected || l.has_cells()) &&
           dense(kProjection, {l.state, l.hidden});
  }
  if (!fits) {
    fail<ShapeError>(c.name(),
                     "expected dense tensors of one dtype: input (T, B, G H), weight (G H, H), "
                     "bias (G H,), h0 (B, H) and, of an LSTM alone, c0 (B, H) and a projection "
                     "(P, H), with which weight is (4 H, P) and h0 (B, P); got input ",
                     x.sizes(), " and weight ", weight.sizes(), ".");
  }
  const Layer l = layer_of(c);
  c.out(x.dtype(), l.states());
  c.out(x.dtype(), l.sequence(l.has_cells() ? 1 : 0));
  c.out(x.dtype(), l.sequence(l.kept()));
  c.out(x.dtype(), l.sequence(l.projected ? 1 : 0));
  c.scratch_bytes = product_scratch(weight, copy_of(weight));
  if (l.projected) c.scratch_bytes += product_scratch(projection, copy_of(projection));
}

// Where the weights are read at every step they are laid out for that once: what a product would
// reorder for itself each time.
constexpr int64_t kFewestSteps = 4;

// The second operand of the product with a matrix's transpose.
struct Transposed {
  const void* data;
  int64_t ld;
  bool in_place;

  Transposed(const Tensor& matrix, bool in_place_, char*& scratch)
      : data(matrix.raw()), ld(matrix.size(1)), in_place(in_place_) {
    if (in_place) return;
    const Tensor across =
        matrix.alias({matrix.size(1), matrix.size(0)}, {1, matrix.size(1)}, matrix->offset);
    data = product_data(across, copy_of(across), scratch);
    ld = matrix.size(0);
  }
};

void forward(Run& r) {
  const Layer l = layer_of(r);
  const DType t = r[kX].dtype();
  const int64_t item = itemsize(t), width = l.weights() * l.hidden;
  const bool in_place = l.steps < kFewestSteps;
  char* scratch = static_cast<char*>(r.scratch);
  const Transposed weight(r[kWeight], in_place, scratch);
  std::optional<Transposed> projection;
  if (l.projected) projection.emplace(r[kProjection], in_place, scratch);
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
        t, {last - first, width, l.state, nullptr, l.state, false, weight.data, weight.ld, in_place,
            nullptr, target, r.has(kBias) ? r[kBias].raw() : nullptr});
    std::optional<StepProduct> project;
    if (projection) {
      project.emplace(t, kernels::ProductArgs{last - first, l.state, l.hidden, nullptr, l.hidden,
                                              false, projection->data, projection->ld, in_place,
                                              nullptr, l.state, nullptr});
    }
    const void *h = r[kH0].raw(), *c = r.has(kC0) ? r[kC0].raw() : nullptr;
    for (int64_t step = 0; step < l.steps; ++step) {
      const int64_t samples = l.place(step) * l.batch;
      char* const state = at(r.out(kOutput), samples * l.state);
      kernels::RecurrenceArgs args{l.hidden, at(r[kX], samples * width), h, c, nullptr, state,
                                   nullptr};
      if (l.projected) args.h = at(r.out(kUnits), samples * l.hidden);
      if (l.has_cells()) args.c = at(r.out(kCells), samples * l.hidden);
      if (l.kept()) args.gates = at(r.out(kGates), samples * l.kept() * l.hidden);
      char* const sums = static_cast<char*>(l.kept() ? args.gates : args.h);
      product(sums + first * target * item, static_cast<const char*>(h) + first * l.state * item);
      fn(args, first, last);
      if (project) {
        (*project)(state + first * l.state * item,
                   static_cast<char*>(args.h) + first * l.hidden * item);
      }
      h = state;
      c = args.c;
    }
  });
}

// ---- Gradients. One walk back serves the rules of all inputs. The kernels walk unless there is a
// gradient by the gates, which only gradients of gradients have.

const Tensors& walk_back(Backward& b) {
  if (!b.shared.empty()) return b.shared;
  const auto& a = b.as<RecurrenceAttrs>();
  const auto dy = [&](int i) { return b.has_dy(i) ? b.dy(i) : Tensor(); };
  const Tensor dcells = dy(kCells), dgates = dy(kGates), dunits = dy(kUnits);
  const Tensor output = b.output(kOutput), cells = b.output(kCells), gates = b.output(kGates);
  const Tensor weight = b.value(kWeight), projection = b.value(kProjection);
  if (modes.grad_enabled || dgates.defined() || dunits.defined()) {
    const Layer l(a.kind, output, weight, projection, a.reverse != 0);
    b.shared =
        composed_recurrence_backward(l, {weight, output, cells, gates, b.value(kH0), b.value(kC0),
                                         projection, b.dy(kOutput), dcells, dgates, dunits});
  } else {
    const Tensor first = b.value(b.value(kC0).defined() ? kC0 : kH0);
    b.shared = recurrence_backward(contiguous(b.dy(kOutput)),
                                   dcells.defined() ? contiguous(dcells) : dcells, weight, output,
                                   cells, gates, first, projection, a.kind, a.reverse);
  }
  return b.shared;
}

Tensor rows_of(const Tensor& sequence) { return reshape(sequence, {-1, sequence.size(2)}); }

// The gradient of all the products, one row a step and sample.
Tensor by_products(Backward& b) {
  const bool is_gru = static_cast<Recurrence>(b.as<RecurrenceAttrs>().kind) == Recurrence::gru;
  return rows_of(walk_back(b)[is_gru ? 1 : 0]);
}

// The states that the steps began with, in the same order.
Tensor states_before(Backward& b) {
  const Tensor output = b.output(kOutput), first = unsqueeze(b.value(kH0), 0);
  const bool reverse = b.as<RecurrenceAttrs>().reverse != 0;
  const int64_t others = output.size(0) - 1;
  const Tensor rest = narrow(output, 0, reverse ? 1 : 0, others);
  const Tensor parts[] = {reverse ? rest : first, reverse ? first : rest};
  return rows_of(cat(parts, 0));
}

constexpr Reads kWalk = reads_value(kWeight) | reads_value(kH0) | reads_value(kC0) |
                        reads_value(kProjection) | reads_output(kOutput) | reads_output(kCells) |
                        reads_output(kGates);

}  // namespace

const OpDef kRecurrence = {
    .name = "recurrence",
    .doc =
        "One direction of a recurrent layer over dense input (T, B, G H), which is the product of "
        "its inputs and their weights: kind 0 tanh, 1 relu, 2 lstm, 3 gru. The output (T, B, H), "
        "an LSTM's cells, and the gates' values, of LSTM and GRU alone; else they are empty. With "
        "a projection (P, H), of an LSTM, the output and h0 have P values each, and the last are "
        "the units (T, B, H) before it.",
    .signatures = {"recurrence(Tensor input, Tensor weight, Tensor? bias, Tensor h0, Tensor? c0, "
                   "Tensor? projection, int kind, bool reverse) -> (output, cells, gates, units)"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .grad = {{kX, kWalk, [](Backward& b) { return walk_back(b)[0]; }},
             {kWeight, kWalk,
              [](Backward& b) {
                return product(transpose(by_products(b), 0, 1), states_before(b));
              }},
             {kBias, kWalk, [](Backward& b) { return sum(by_products(b), Dims{0}); }},
             {kH0, kWalk, [](Backward& b) { return walk_back(b)[2]; }},
             {kC0, kWalk, [](Backward& b) { return walk_back(b)[3]; }},
             {kProjection, kWalk | reads_output(kUnits),
              [](Backward& b) {
                return product(transpose(rows_of(walk_back(b)[1]), 0, 1),
                               rows_of(b.output(kUnits)));
              }}},
    .compose = compose_recurrence,
    .autocast = in_float32,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * layer_of(r).multiplications(); },
};

}  // namespace chainrule::ops
