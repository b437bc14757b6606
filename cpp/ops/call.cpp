// call(): promotion, shape rule, allocation, kernel, then the two listeners. The hot path of eager
// work: one small operation must cost tens of nanoseconds, so nothing here allocates but the
// outputs.
#include <utility>

#include "generated/ops.h"
#include "ops/elementwise.h"
#include "ops/modes.h"
#include "ops/number_fits.h"
#include "ops/op.h"
#include "ops/write.h"

namespace chainrule {

constinit CHAINRULE_TLS Modes modes;
Tape tape;

namespace {

DType number_dtype(DType t) { return is_floating(t) ? default_dtype() : t; }

// PyTorch's combine_categories: `lower` counts only if it is of a higher category than `higher`.
DType combine(DType higher, DType lower) {
  if (is_floating(higher)) return higher;
  if (higher == DType::kBool || is_floating(lower)) return promote_types(higher, lower);
  return higher;
}

void refuse_bool(const OpDef& op, std::span<const Tensor> inputs) {
  for (const Tensor& t : inputs) {
    if (t.dtype() != DType::kBool) continue;
    fail<DtypeError>(op.name, "expected numbers; got bool. For masks use ^, ~ or logical_xor().");
  }
}

// Whether the inputs have the dtype already that the operation computes in, as nearly always.
inline bool promoted_already(const OpDef& op, std::span<const Tensor> inputs) {
  const DType dtype = inputs[op.promote_from].dtype();
  bool strong = false;
  for (const Tensor& t : inputs.subspan(op.promote_from)) {
    if (!t.defined() || t.dtype() != dtype) return false;
    strong |= !t->weak_number;
  }
  return strong && is_floating(dtype);
}

// The dtype that an operation computes in.
DType promoted_dtype(const OpDef& op, std::span<const Tensor> inputs) {
  const std::span<const Tensor> taking_part = inputs.subspan(op.promote_from);
  if (op.promotion == Promotion::kNumbers) refuse_bool(op, taking_part);
  const DType to = result_type(taking_part);
  return op.promotion == Promotion::kFloat && !is_floating(to) ? default_dtype() : to;
}

// The inputs, brought to one dtype as the operation asks for.
Tensors promote(const OpDef& op, std::span<const Tensor> inputs, DType to) {
  Tensors out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& t = inputs[i];
    if (!t.defined() || static_cast<int>(i) < op.promote_from || t.dtype() == to) {
      out.push_back(t);
    } else if (t->weak_number) {
      if (op.promote_from > 0) check_number_fits(op.name, t, to);  // chosen, not computed with
      out.push_back(number_of_dtype(t, to));
    } else {
      out.push_back(cast(t, to));
    }
  }
  return out;
}

Tensor make_output(const Call& c, const OutputSpec& spec) {
  if (!spec.view) return Tensor::empty(spec.dtype, spec.sizes);
  Tensor t = c[0].alias(spec.sizes, spec.strides, spec.offset);
  t->base = c[0]->base ? c[0]->base : c[0].ref();
  t->unrecorded = !modes.grad_enabled || c[0]->unrecorded;
  if (const AutogradState* state = t->base->autograd.get(); state && state->history) {
    t->autograd = std::make_unique<AutogradState>();
    t->autograd->history = state->history;  // it sees the writes so far, and only those
  }
  return t;
}

}  // namespace

Tensor number_of_dtype(const Tensor& number, DType to) {
  if (number.dtype() == to) return number;
  Tensor t = Tensor::empty(to, {});
  switch (to) {
    case DType::kBool:
      *t.data<bool>() = number.item_double() != 0;
      break;
    case DType::kUInt8:
      *t.data<uint8_t>() = static_cast<uint8_t>(number.item_int());
      break;
    case DType::kInt32:
      *t.data<int32_t>() = static_cast<int32_t>(number.item_int());
      break;
    case DType::kInt64:
      *t.data<int64_t>() = number.item_int();
      break;
    case DType::kFloat32:
      *t.data<float>() = static_cast<float>(number.item_double());
      break;
    case DType::kFloat64:
      *t.data<double>() = number.item_double();
      break;
    case DType::kBFloat16: {
      // A recorder sees the number alone, as of every other dtype.
      const struct Unseen {
        Modes before = std::exchange(modes, {.grad_enabled = false});
        ~Unseen() { modes = before; }
      } unseen;
      Tensor wide = Tensor::number(number.item_double());
      wide->weak_number = false;
      t = cast(wide, DType::kBFloat16);
      break;
    }
  }
  t->weak_number = true;
  return t;
}

// Every view is asked, whatever the others say: one whose base was written to since gets its new
// history here, and a node of history must be older than the nodes that use it.
bool any_requires_grad(std::span<const Tensor> tensors) {
  bool any = false;
  for (const Tensor& t : tensors) {
    if (!t.defined()) continue;
    any |= t->base && tape.takes_part ? tape.takes_part(t) : t->requires_grad;
  }
  return any;
}

DType result_type(std::span<const Tensor> tensors) {
  int dim = -1, zero_dim = -1, number = -1;  // the largest dtype seen in each rank, -1 for none
  for (const Tensor& t : tensors) {
    if (!t.defined()) continue;
    int& slot = t->weak_number ? number : t.dim() == 0 ? zero_dim : dim;
    const DType own = t->weak_number ? number_dtype(t.dtype()) : t.dtype();
    slot = std::max(slot, static_cast<int>(own));
  }
  int result = dim;
  for (int lower : {zero_dim, number}) {
    if (lower < 0) continue;
    result = result < 0
                 ? lower
                 : static_cast<int>(combine(static_cast<DType>(result), static_cast<DType>(lower)));
  }
  return result < 0 ? default_dtype() : static_cast<DType>(result);
}

DType Number::dtype() const {
  return kind == kBool ? DType::kBool : kind == kInt ? DType::kInt64 : default_dtype();
}

namespace {

// The kernel, with scratch memory where the shape rule asked for it.
void run_forward(const Call& c, const Tensors& outputs, int64_t scratch_bytes) {
  struct Scratch {
    size_t bytes;
    void* data = bytes ? allocate(bytes) : nullptr;
    ~Scratch() {
      if (data) deallocate(data, bytes);
    }
  } scratch{static_cast<size_t>(scratch_bytes)};
  Run run{c, {outputs.data(), outputs.size()}, scratch.data};
  c.op.forward(run);
  if (c.op.is(kMutates)) bump_mutated(c);
}

// The results of a composition. One that is a view of something made on the way is by now the sole
// owner of that memory: no view of anything that somebody has.
[[gnu::always_inline]] inline Tensors composed(const Call& c) {
  Tensors outputs = c.op.compose(c);
  for (const Tensor& t : outputs) {
    if (!t->base || t->base->use_count() > 1 || t->base->autograd) continue;
    t->base = nullptr;
    t->unrecorded = false;
  }
  return outputs;
}

// The first tensor that is wider than bfloat16; null for none.
const Tensor* wider_tensor(std::span<const Tensor> inputs) {
  for (const Tensor& t : inputs) {
    if (t.defined() && !t->weak_number && t.dtype() > DType::kBFloat16) return &t;
  }
  return nullptr;
}

// bfloat16 in an operation that is not meant to compute in it: it is computed in float32 and the
// results are rounded, each step a call like others for tape and recorder.
template <Tensors (*kCall)(const Call&)>
[[gnu::noinline]] Tensors call_in_float32(const Call& c) {
  Tensors wide;
  for (const Tensor& t : c.inputs) {
    wide.push_back(t.defined() && t.dtype() == DType::kBFloat16 ? cast(t, DType::kFloat32) : t);
  }
  Tensors outputs = kCall({c.op, {wide.data(), wide.size()}, c.attrs, c.list_ends});
  for (Tensor& t : outputs) {
    if (t.dtype() == DType::kFloat32) t = cast(t, DType::kBFloat16);
  }
  return outputs;
}

// Whether bfloat16 would round a Python number beside it, as 0.1: arithmetic takes the number as it
// is, in float32, as PyTorch does. Where it is only compared or chosen it is rounded.
bool rounds_a_number(const OpDef& op, std::span<const Tensor> inputs) {
  if (op.infer == infer_predicate || op.promote_from > 0) return false;
  for (const Tensor& t : inputs) {
    if (!t.defined() || !t->weak_number) continue;
    const double number =
        is_floating(t.dtype()) ? t.item_double() : static_cast<double>(t.item_int());
    if (number_of_dtype(t, DType::kBFloat16).item_double() != number) return true;
  }
  return false;
}

Tensors call_promoted(const Call& c);

// An operation whose dtypes do not hold the first input's.
[[gnu::noinline]] Tensors call_other_dtype(const Call& c) {
  const bool widens = c[0].dtype() == DType::kBFloat16 && contains(c.op.dtypes, DType::kFloat32);
  const Tensor* wider = widens ? wider_tensor(c.inputs) : nullptr;
  if (c.op.composite()) return widens && !wider ? call_in_float32<composed>(c) : composed(c);
  if (!widens) fail_dtype(c.name(), c[0].dtype(), c.op.dtypes);
  if (wider) fail_mixed(c.name(), DType::kBFloat16, wider->dtype());
  return call_in_float32<call_promoted>(c);
}

// The shape rule, the outputs, the kernel, the listeners. With one result, which is made in place.
[[gnu::always_inline]] inline Tensors call_primitive(const Call& c) {
  if (c.op.is(kMutates)) check_mutated({&c, 1});
  const bool needs_grad = modes.grad_enabled && !c.op.grad.empty() && any_requires_grad(c.inputs);
  Infer infer(c, needs_grad);
  c.op.infer(infer);
  Tensors outputs;
  for (const OutputSpec& spec : infer.outputs) {
    Tensor& out = outputs.emplace_back(make_output(c, spec));
    if (modes.inference && !spec.view) out->inference = true;  // a view is what its base is
  }
  if (c.op.forward) run_forward(c, outputs, infer.scratch_bytes);
  if (modes.recorder) modes.recorder->on_call(c, outputs, infer);
  if (needs_grad && tape.record) tape.record(c, outputs, infer.hidden);
  outputs.resize(outputs.size() - infer.hidden);
  return outputs;
}

// A call whose inputs have their final dtypes.
Tensors call_promoted(const Call& c) {
  if (c.op.dtypes != kAnyDType && !contains(c.op.dtypes, c[0].dtype())) return call_other_dtype(c);
  return call_primitive(c);
}

[[gnu::noinline]] Tensors call_autocast(const Call& c) {
  const NoAutocast off;
  return c.op.autocast(c);
}

}  // namespace

Tensors call(const OpDef& op, std::span<const Tensor> inputs, const void* attrs,
             const int32_t* list_ends) {
  if (modes.autocast && op.autocast) [[unlikely]]
    return call_autocast({op, inputs, attrs, list_ends});
  if (op.composite()) {
    const Call c{op, inputs, attrs, list_ends};
    if (op.dtypes != kAnyDType && !contains(op.dtypes, c[0].dtype())) return call_other_dtype(c);
    return composed(c);
  }
  if (op.promotion == Promotion::kNone || inputs.empty() || promoted_already(op, inputs)) {
    return call_promoted({op, inputs, attrs, list_ends});
  }
  const DType to = promoted_dtype(op, inputs);
  if (to == DType::kBFloat16 && rounds_a_number(op, inputs)) [[unlikely]] {
    const Tensors wide = promote(op, inputs, DType::kFloat32);
    return call_in_float32<call_promoted>({op, {wide.data(), wide.size()}, attrs, list_ends});
  }
  const Tensors promoted = promote(op, inputs, to);
  return call_promoted({op, {promoted.data(), promoted.size()}, attrs, list_ends});
}

const OpDef* find_op(std::string_view name) {
  for (const OpDef* op : all_ops()) {
    if (name == op->name) return op;
  }
  return nullptr;
}

}  // namespace chainrule
