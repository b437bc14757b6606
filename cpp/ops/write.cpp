// Mutation. `x.add_(y)`, `x[i] = v`, `x.fill_(0)` are all: compute a value, then write_view. The
// value goes straight into the target where nobody can tell the difference.
#include "ops/write.h"

#include <algorithm>
#include <bit>

#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/number_fits.h"

namespace chainrule {

namespace {

// A view made without gradients is not part of its base's history, so a write through it that
// needs one would change the base unnoticed.
void check_recorded(const Tensor& target, bool needs_history, const char* op) {
  if (!target->unrecorded || !needs_history) return;
  fail<StateError>(op, "expected a view made with gradients enabled; got one of sizes ",
                   target.sizes(),
                   " made without. Write inside no_grad(), or take the view outside.");
}

bool is_leaf(const TensorImpl& t) { return t.requires_grad && !t.grad_fn; }

void check_cast(const Tensor& target, DType from, const char* op) {
  if (!can_cast(from, target.dtype())) {
    fail<DtypeError>(op, "expected a result that fits ", dtype_name(target.dtype()), "; got ",
                     dtype_name(from), ".");
  }
}

// The half-open range of bytes a tensor may touch.
void byte_range(const Tensor& t, const char** begin, const char** end) {
  *begin = static_cast<const char*>(t.raw());
  *end = *begin + extent(t.sizes(), t.strides()) * itemsize(t.dtype());
}

// Whether an elementwise kernel reading `t` could see `target` half written.
bool harmful_overlap(const Tensor& t, const Tensor& target) {
  if (t->storage.get() != target->storage.get()) return false;
  if (t.raw() == target.raw() && t.sizes() == target.sizes() && t.is_contiguous()) return false;
  const char *a, *a_end, *b, *b_end;
  byte_range(t, &a, &a_end);
  byte_range(target, &b, &b_end);
  return a < b_end && b < a_end;
}

// Runs the kernel with `target` as its output when no history is wanted and dtypes and shapes fit.
bool run_directly(const Tensor& target, const Call& c) {
  if (!c.op.is(kElementwise) || !c.op.forward || modes.recorder || !target.is_contiguous())
    return false;
  if (modes.grad_enabled && (any_requires_grad({&target, 1}) || any_requires_grad(c.inputs))) {
    return false;
  }
  for (const Tensor& t : c.inputs) {
    if (!t.defined() || harmful_overlap(t, target)) return false;
    if (t.dtype() != target.dtype() && !t->weak_number) return false;
  }
  const bool numbers = c.op.promotion != Promotion::kNone;
  for (const Tensor& t : c.inputs) {
    if (t->weak_number && !numbers) return false;
    if (t->weak_number && category(t.dtype()) > category(target.dtype())) return false;
    if (t->weak_number && target.dtype() == DType::kBFloat16) return false;  // may be rounded
  }
  if (numbers && !is_floating(target.dtype())) return false;  // the general path promotes
  Tensors inputs;
  for (const Tensor& t : c.inputs)
    inputs.push_back(t.dtype() == target.dtype() ? t : cast(t, target.dtype()));
  const Call same{c.op, {inputs.data(), inputs.size()}, c.attrs, nullptr};
  Infer infer(same, false);
  c.op.infer(infer);
  const OutputSpec& spec = infer.outputs[0];
  if (infer.outputs.size() != 1 || spec.dtype != target.dtype() || !(spec.sizes == target.sizes()))
    return false;
  Run run{same, {&target, 1}, nullptr};
  c.op.forward(run);
  target->storage->bump_version(c.op.name);
  return true;
}

// x[1:] = x[:-1] must read before it writes. Neither listener hears of it: both know x as it was.
Tensor dense_copy(const Tensor& t) {
  const Tensor copy = Tensor::empty(t.dtype(), t.sizes());
  copy_strided(copy, t);
  return copy;
}

// Whether each changed tensor has a storage to itself and none of the storages is foreign, as
// nearly always: then nothing overlaps. A table of the storages seen costs less than sorting.
bool own_memory_each(std::span<const Call> calls, size_t count) {
  SmallVector<const Storage*, 64> seen;
  const int bits = std::max(6, static_cast<int>(std::bit_width(2 * count)));
  seen.resize(size_t{1} << bits);
  for (const Call& c : calls) {
    for (int param : c.op.mutates) {
      for (const Tensor& t : c.list(param)) {
        const Storage* storage = t->storage.get();
        if (storage->foreign()) return false;
        size_t at = reinterpret_cast<uintptr_t>(storage) * 0x9E3779B97F4A7C15 >> (64 - bits);
        while (seen[at] && seen[at] != storage) at = (at + 1) & (seen.size() - 1);
        if (seen[at] == storage) return false;
        seen[at] = storage;
      }
    }
  }
  return true;
}

// StateError where two of the changed tensors share elements. Of windows with gaps between their
// elements only the first elements are compared: columns of one matrix may lie side by side.
void check_apart(std::span<const Call> calls, size_t count) {
  struct Place {
    const char *begin, *end;
    const Tensor* tensor;
  };
  SmallVector<Place, 16> places;
  places.reserve(count);
  for (const Call& c : calls) {
    for (int param : c.op.mutates) {
      for (const Tensor& t : c.list(param)) {
        if (t.numel() == 0) continue;
        Place& place = places.emplace_back(nullptr, nullptr, &t);
        byte_range(t, &place.begin, &place.end);
      }
    }
  }
  const auto order = [](const Place& a, const Place& b) { return a.begin < b.begin; };
  std::sort(places.begin(), places.end(), order);
  for (const Place* a = places.begin(); a != places.end(); ++a) {
    for (const Place* b = a + 1; b != places.end() && b->begin < a->end; ++b) {
      const bool dense = a->tensor->is_contiguous() && b->tensor->is_contiguous();
      if (!dense && a->begin != b->begin) continue;
      fail<StateError>(calls[0].name(), "expected what is written in memory of its own; got ",
                       "tensors of sizes ", a->tensor->sizes(), " and ", b->tensor->sizes(),
                       " that share theirs.");
    }
  }
}

}  // namespace

void require_writable(const Tensor& t, const char* op) {
  if (t->storage->read_only()) {
    fail<StateError>(op, "expected writable memory; got a read-only view of foreign memory. ",
                     "Use clone() first.");
  }
  if (t->inference && !modes.inference) {
    fail<StateError>(op, "expected a tensor made outside inference_mode; got one made inside. ",
                     "Use clone() first.");
  }
}

void check_writable(const Tensor& target, const char* op) {
  const TensorImpl& owner = target->base ? *target->base : *target.impl();
  if (modes.grad_enabled && (is_leaf(owner) || is_leaf(*target.impl()))) {
    fail<StateError>(op,
                     "expected a tensor that is not a leaf requiring grad, nor a view of one; got ",
                     target.sizes(), ". Update parameters inside no_grad().");
  }
  check_recorded(target, modes.grad_enabled && owner.requires_grad, op);
  require_writable(target, op);
  for (int d = 0; d < target.dim(); ++d) {
    if (target.strides()[d] == 0 && target.sizes()[d] > 1 && target.numel() > 0) {
      fail<StateError>(op, "expected one memory place an element; got an expanded tensor of sizes ",
                       target.sizes(), ". Use clone() first.");
    }
  }
}

void check_mutated(std::span<const Call> calls) {
  size_t count = 0;
  for (const Call& c : calls) {
    for (int param : c.op.mutates) {
      for (const Tensor& t : c.list(param)) require_writable(t, c.name());
      count += c.list(param).size();
    }
  }
  if (!own_memory_each(calls, count)) check_apart(calls, count);
  for (const Call& c : calls) {
    if (modes.recorder) modes.recorder->on_mutation(c);
  }
}

void bump_mutated(const Call& c) {
  for (int param : c.op.mutates) {
    for (const Tensor& t : c.list(param)) t->storage->bump_version(c.op.name);
  }
}

namespace {

Tensor write(const Tensor& target, const Tensor& value, bool own, const char* op) {
  check_writable(target, op);
  Dims common;
  if (!broadcast_shapes(target.sizes(), value.sizes(), &common) || !(common == target.sizes())) {
    fail<ShapeError>(op, "expected a value that broadcasts to ", target.sizes(), "; got ",
                     value.sizes(), ".");
  }
  check_number_fits(op, value, target.dtype());
  Tensor exact = value.dtype() == target.dtype() ? value : cast(value, target.dtype());
  if (!(exact.sizes() == target.sizes())) exact = expand(exact, target.sizes());
  const bool moves = exact.raw() != target.raw() || !(exact.strides() == target.strides());
  const bool overlaps = moves && exact->storage == target->storage;
  const Tensor from = overlaps ? dense_copy(exact) : exact;  // may fail, so before anybody hears
  if (target->unrecorded && modes.grad_enabled) {
    check_recorded(target, any_requires_grad({&exact, 1}), op);
  }
  if (modes.recorder) modes.recorder->on_write(target, exact);
  own |= !exact.same_as(value);
  if (tape.record_write && modes.grad_enabled) tape.record_write(target, exact, own, op);
  if (moves) copy_strided(target, from);
  target->storage->bump_version(op);
  return target;
}

// Whether backward will read the input that the call is about to overwrite. What a composite
// operation saves is not known beforehand.
bool reads_input(const Call& c, int input) {
  if (c.op.composite()) return true;
  for (const GradRule& rule : c.op.grad) {
    const Tensor& t = c.inputs[rule.input];
    if (rule.reads & reads_value(input) && t.defined() && any_requires_grad({&t, 1})) return true;
  }
  return false;
}

// The inputs, with a copy in place of the target where backward reads it.
Tensors keep_target(const Tensor& target, const Call& c) {
  Tensors inputs;
  for (const Tensor& t : c.inputs) {
    const int input = static_cast<int>(inputs.size());
    inputs.push_back(t.same_as(target) && reads_input(c, input) ? clone(t) : t);
  }
  return inputs;
}

}  // namespace

Tensor write(const Tensor& target, const Tensor& value, const char* op) {
  return write(target, value, false, op);
}

Tensor call_in_place(const Tensor& target, const OpDef& op, std::span<const Tensor> inputs,
                     const void* attrs, const int32_t* list_ends) {
  check_writable(target, op.name);
  if (run_directly(target, Call{op, inputs, attrs, list_ends})) return target;
  Tensors kept;
  if (modes.grad_enabled && !list_ends && any_requires_grad(inputs)) {
    kept = keep_target(target, Call{op, inputs, attrs});
    inputs = {kept.data(), kept.size()};
  }
  const Tensor value = call_one(op, inputs, attrs, list_ends);
  check_cast(target, value.dtype(), op.name);
  if (!(value.sizes() == target.sizes())) {
    fail<ShapeError>(op.name, "expected a result of the target's shape ", target.sizes(), "; got ",
                     value.sizes(), ".");
  }
  return write(target, value, true, op.name);
}

}  // namespace chainrule
