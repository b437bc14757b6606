// The walk back through the steps of a recurrent layer (recurrence.cpp).
#include <algorithm>
#include <cstring>

#include "core/threads.h"
#include "ops/product.h"
#include "ops/recurrence.h"

namespace chainrule::ops {

namespace {

enum In { kDy, kDCells, kWeight, kOutput, kCells, kGates, kH0, kC0 };
enum Out { kDx, kDProducts, kDH0, kDC0 };

Layer layer_of(const Call& c) {
  const auto& a = c.as<RecurrenceBackwardAttrs>();
  const Tensor& h = c[kOutput];
  return {static_cast<Recurrence>(a.kind), h.size(0), h.size(1), h.size(2), a.reverse != 0};
}

void infer(Infer& c) {
  const auto& a = c.as<RecurrenceBackwardAttrs>();
  const Tensor& h = c[kOutput];
  bool fits = a.kind >= 0 && a.kind < kernels::kRecurrences && h.dim() == 3;
  if (fits) {
    const Layer l = layer_of(c);
    const DType t = c[kDy].dtype();
    const Dims state{l.batch, l.hidden};
    const auto dense = [&](int i, const Dims& sizes) {
      return !c.has(i) || is_dense(c[i], t, sizes);
    };
    const Dims cells = l.sequence(l.has_cells() ? 1 : 0), gates = l.sequence(l.kept());
    fits = dense(kDy, h.sizes()) && dense(kDCells, cells) &&
           dense(kWeight, {l.weights() * l.hidden, l.hidden}) && dense(kOutput, h.sizes()) &&
           dense(kCells, cells) && dense(kGates, gates) && dense(kH0, state) && dense(kC0, state) &&
           c.has(kC0) == l.has_cells() && l.steps > 0 && l.hidden > 0;
  }
  if (!fits) {
    fail<ShapeError>(c.name(), "expected dense tensors as recurrence has them; got an output of ",
                     h.sizes(), ".");
  }
  const Layer l = layer_of(c);
  const Dims state{l.batch, l.hidden};
  c.out(h.dtype(), l.sequence(l.weights()));
  c.out(h.dtype(), l.sequence(l.is_gru() ? l.weights() : 0));
  c.out(h.dtype(), state);
  c.out(h.dtype(), l.has_cells() ? state : Dims{0});
  if (l.is_gru()) c.scratch_bytes = h.size(1) * h.size(2) * itemsize(h.dtype());
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
                 {last - first, l.hidden, l.weights() * l.hidden, nullptr, l.weights() * l.hidden,
                  false, r[kWeight].raw(), l.hidden, false, nullptr, l.hidden, nullptr}) {}

  void run() const {
    clear(r_.out(kDH0).raw());
    if (l_.has_cells()) clear(r_.out(kDC0).raw());
    if (l_.is_gru()) clear(r_.scratch);
    const kernels::RecurrenceBackwardFn fn =
        kernels::table()
            .recurrence_backward[static_cast<int>(l_.kind)][kernels::float_index(r_[kDy].dtype())];
    for (int64_t step = l_.steps - 1; step >= 0; --step) {
      const kernels::RecurrenceBackwardArgs args = at_step(step);
      fn(args, first_, last_);
      const int64_t width = l_.weights() * l_.hidden;
      const char* const sums = static_cast<char*>(l_.is_gru() ? args.dproduct : args.dx);
      product_(rows(r_.out(kDH0).raw()), sums + first_ * width * item_);
    }
    if (l_.is_gru()) add_direct();
  }

 private:
  char* rows(void* state) const { return static_cast<char*>(state) + first_ * l_.hidden * item_; }
  void clear(void* state) const {
    std::memset(rows(state), 0, (last_ - first_) * l_.hidden * item_);
  }

  // Step's part of a sequence of so many values a unit; null for none.
  char* part(const Tensor& t, int64_t step, int64_t values) const {
    if (!t.defined()) return nullptr;
    return static_cast<char*>(t.raw()) + l_.place(step) * l_.batch * l_.hidden * values * item_;
  }

  kernels::RecurrenceBackwardArgs at_step(int64_t step) const {
    kernels::RecurrenceBackwardArgs args{};
    args.hidden = l_.hidden;
    args.dy = part(r_[kDy], step, 1);
    args.dh = r_.out(kDH0).raw();
    args.dcells = part(r_[kDCells], step, 1);
    args.gates = part(r_[kGates], step, l_.kept());
    args.h = part(r_[kOutput], step, 1);
    args.h_before = step ? part(r_[kOutput], step - 1, 1) : r_[kH0].raw();
    if (l_.has_cells()) {
      args.c = part(r_[kCells], step, 1);
      args.c_before = step ? part(r_[kCells], step - 1, 1) : r_[kC0].raw();
    }
    args.dc = r_.out(kDC0).raw();
    args.direct = r_.scratch;
    args.dx = part(r_.out(kDx), step, l_.weights());
    args.dproduct = part(r_.out(kDProducts), step, l_.weights());
    return args;
  }

  void add_direct() const {
    void* const dh0 = rows(r_.out(kDH0).raw());
    const void* in[] = {dh0, rows(r_.scratch)};
    const int64_t strides[] = {1, 1};
    kernels::table().map[static_cast<int>(kernels::Map::add)][static_cast<int>(r_[kDy].dtype())](
        (last_ - first_) * l_.hidden, dh0, in, strides, nullptr);
  }

  const Run& r_;
  const Layer& l_;
  const int64_t first_, last_, item_;
  const StepProduct product_;
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
        "The gradients of recurrence by its input, by the product of states and weights (of a GRU; "
        "else they are the same and this is empty), by h0 and by an LSTM's c0.",
    .signatures = {"recurrence_backward(Tensor dy, Tensor? dcells, Tensor weight, "
                   "Tensor output, Tensor cells, Tensor gates, Tensor h0, Tensor? c0, int kind, "
                   "bool reverse) -> (dx, dproducts, dh0, dc0)"},
    .surface = kPrivate,
    .infer = infer,
    .forward = forward,
    .dtypes = kRealDTypes,
    .work = [](const Run& r) { return 2 * layer_of(r).multiplications(); },
};

}  // namespace chainrule::ops
