// The walk back through the steps of a recurrent layer (recurrence.cpp).
#include <algorithm>
#include <cstring>
#include <optional>

#include "core/threads.h"
#include "ops/product.h"
#include "ops/recurrence.h"

namespace chainrule::ops {

namespace {

enum In { kDy, kDCells, kWeight, kOutput, kCells, kGates, kFirst, kProjection };
enum Out { kDx, kDStates, kDH0, kDC0 };

Layer layer_of(const Call& c) {
  const auto& a = c.as<RecurrenceBackwardAttrs>();
  return {a.kind, c[kOutput], c[kWeight], c[kProjection], a.reverse != 0};
}

void infer(Infer& c) {
  const auto& a = c.as<RecurrenceBackwardAttrs>();
  const Tensor &h = c[kOutput], &projection = c[kProjection];
  bool fits = a.kind >= 0 && a.kind < kernels::kRecurrences && h.dim() == 3 &&
              c[kWeight].dim() == 2 && (!projection.defined() || projection.dim() == 2);
  if (fits) {
    const Layer l = layer_of(c);
    const DType t = c[kDy].dtype();
    const auto dense = [&](int i, const Dims& sizes) {
      return !c.has(i) || is_dense(c[i], t, sizes);
    };
    const Dims cells = l.sequence(l.has_cells() ? 1 : 0), gates = l.sequence(l.kept());
    fits = dense(kDy, l.states()) && dense(kDCells, cells) &&
           dense(kWeight, {l.weights() * l.hidden, l.state}) && dense(kOutput, l.states()) &&
           dense(kCells, cells) && dense(kGates, gates) && dense(kFirst, {l.batch, l.hidden}) &&
           dense(kProjection, {l.state, l.hidden}) && (!l.projected || l.has_cells()) &&
           l.steps > 0 && l.hidden > 0 && l.state > 0;
  }
  if (!fits) {
    fail<ShapeError>(c.name(), "expected dense tensors as recurrence has them; got an output of ",
                     h.sizes(), ".");
  }
  const Layer l = layer_of(c);
  c.out(h.dtype(), l.sequence(l.weights()));
  c.out(h.dtype(), l.is_gru() ? l.sequence(l.weights()) : l.projected ? l.states() : Dims{0});
  c.out(h.dtype(), {l.batch, l.state});
  c.out(h.dtype(), l.has_cells() ? Dims{l.batch, l.hidden} : Dims{0});
  if (l.is_gru() || l.projected) c.scratch_bytes = l.batch * l.hidden * itemsize(h.dtype());
}

// Rows [first, last) of the batch through all the steps. What a step hands on to the one before is
// kept where it ends: in the gradients of the first states.
class Walk {
 public:
  Walk(const Run& r, const Layer& l, int64_t first, int64_t last)
      : r_(r),
        l_(l),
        first_(first),
        last_(last),
        item_(itemsize(r[kDy].dtype())),
        product_(r[kDy].dtype(),
                 {last - first, l.state, l.weights() * l.hidden, nullptr, l.weights() * l.hidden,
                  false, r[kWeight].raw(), l.state, false, nullptr, l.state, nullptr}) {
    if (!l.projected) return;
    unproject_.emplace(
        r[kDy].dtype(),
        kernels::ProductArgs{last - first, l.hidden, l.state, nullptr, l.state, false,
                             r[kProjection].raw(), l.hidden, false, nullptr, l.hidden, nullptr});
  }

  void run() const {
    clear(r_.out(kDH0).raw(), l_.state);
    if (l_.has_cells()) clear(r_.out(kDC0).raw(), l_.hidden);
    if (l_.is_gru()) clear(r_.scratch, l_.hidden);
    const kernels::RecurrenceBackwardFn fn =
        kernels::table()
            .recurrence_backward[static_cast<int>(l_.kind)][kernels::float_index(r_[kDy].dtype())];
    const int64_t width = l_.weights() * l_.hidden;
    for (int64_t step = l_.steps - 1; step >= 0; --step) {
      const kernels::RecurrenceBackwardArgs args = at_step(step);
      if (unproject_) unproject(step);
      fn(args, first_, last_);
      product_(rows(r_.out(kDH0).raw(), l_.state),
               rows(l_.is_gru() ? args.dproduct : args.dx, width));
    }
    if (l_.is_gru()) {
      char* const dh0 = rows(r_.out(kDH0).raw(), l_.hidden);
      add(dh0, dh0, rows(r_.scratch, l_.hidden), l_.hidden);
    }
  }

 private:
  // Of a matrix with that many values a sample.
  char* rows(void* matrix, int64_t values) const {
    return static_cast<char*>(matrix) + first_ * values * item_;
  }
  void clear(void* matrix, int64_t values) const {
    std::memset(rows(matrix, values), 0, (last_ - first_) * values * item_);
  }
  void add(void* out, const void* a, const void* b, int64_t values) const {
    const void* in[] = {a, b};
    const int64_t strides[] = {1, 1};
    kernels::table().map[static_cast<int>(kernels::Map::add)][static_cast<int>(r_[kDy].dtype())](
        (last_ - first_) * values, out, in, strides, nullptr);
  }

  // Step's part of a sequence of so many values a sample; null for none.
  char* part(const Tensor& t, int64_t step, int64_t values) const {
    if (!t.defined()) return nullptr;
    return static_cast<char*>(t.raw()) + l_.place(step) * l_.batch * values * item_;
  }

  // The gradient by the units before the projection, into scratch.
  void unproject(int64_t step) const {
    char* const by_state = rows(part(r_.out(kDStates), step, l_.state), l_.state);
    add(by_state, rows(part(r_[kDy], step, l_.state), l_.state), rows(r_.out(kDH0).raw(), l_.state),
        l_.state);
    (*unproject_)(rows(r_.scratch, l_.hidden), by_state);
  }

  kernels::RecurrenceBackwardArgs at_step(int64_t step) const {
    const int64_t n = l_.hidden;
    kernels::RecurrenceBackwardArgs args{};
    args.hidden = n;
    args.dy = l_.projected ? r_.scratch : part(r_[kDy], step, n);
    args.dh = l_.projected ? nullptr : r_.out(kDH0).raw();
    args.dcells = part(r_[kDCells], step, n);
    args.gates = part(r_[kGates], step, l_.kept() * n);
    args.h = part(r_[kOutput], step, l_.state);
    if (l_.has_cells()) {
      args.c = part(r_[kCells], step, n);
      args.c_before = step ? part(r_[kCells], step - 1, n) : r_[kFirst].raw();
    } else {
      args.h_before = step ? part(r_[kOutput], step - 1, n) : r_[kFirst].raw();
    }
    args.dc = r_.out(kDC0).raw();
    args.direct = r_.scratch;
    args.dx = part(r_.out(kDx), step, l_.weights() * n);
    args.dproduct = part(r_.out(kDStates), step, l_.weights() * n);
    return args;
  }

  const Run& r_;
  const Layer& l_;
  const int64_t first_, last_, item_;
  const StepProduct product_;
  std::optional<StepProduct> unproject_;
};

void forward(Run& r) {
  const Layer l = layer_of(r);
  const int64_t work = 2 * l.multiplications();
  LongWork release(work);
  for_batch_rows(l, work, [&](int64_t first, int64_t last) { Walk(r, l, first, last).run(); });
}

}  // namespace

const OpDef kRecurrenceBackward = {
    .name = "recurrence_backward",
    .doc =
        "The gradients of recurrence by its input; of a GRU by the product of states and weights, "
        "else the same, or with a projection by all that it gives (else this is empty); by h0 and "
        "by an LSTM's c0. `first` is c0 of an LSTM, else h0.",
    .signatures = {"recurrence_backward(Tensor dy, Tensor? dcells, Tensor weight, "
                   "Tensor output, Tensor cells, Tensor gates, Tensor first, "
                   "Tensor? projection, int kind, bool reverse) -> (dx, dstates, dh0, dc0)"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * layer_of(r).multiplications(); },
};

}  // namespace chainrule::ops
