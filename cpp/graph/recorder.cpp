#include "graph/recorder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "autograd/autograd.h"
#include "generated/ops.h"
#include "ops/schema.h"

namespace chainrule::graph {

std::string (*source_line)() = nullptr;

namespace {
std::string here() { return source_line ? source_line() : std::string(); }

std::vector<std::byte> bytes_of(const OpDef& op, const void* attrs) {
  all_ops();
  std::vector<std::byte> bytes(op.schema->attr_bytes);
  std::memcpy(bytes.data(), attrs, bytes.size());
  return bytes;
}
}  // namespace

std::string at_here() {
  const std::string line = here();
  return line.empty() ? "" : str(" at ", line);
}

ProgramRecorder::ProgramRecorder(std::span<const Tensor> arguments, bool gives_up)
    : saved_(modes), gives_up_(gives_up) {
  if (modes.recorder) {
    throw CaptureError("[compile] expected one recording at a time; got a nested one.");
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Tensor& t = arguments[i];
    argument_tensors_.push_back(t);
    had_history_.push_back(!autograd::is_leaf(t));
    program_.arguments.push_back({t.dtype(), t.sizes()});
    const ValueId id = add_value(
        {Source::kArgument, static_cast<int>(i), t.dtype(), t.sizes(), false, t.strides()});
    program_.argument_values.push_back(id);
    Memory& memory = memory_of(t);
    if (memory.argument < 0 || t->offset < memory.flat_offset) {
      memory.argument = static_cast<int>(i);
      memory.origin = t;
      memory.flat_offset = t->offset;
    }
    memory.flat_end = std::max(memory.flat_end, t->offset + extent(t.sizes(), t.strides()));
    memory.outside = true;
    bind(t, id);
    if (t->requires_grad) {
      program_.hooked.emplace_back(static_cast<int>(i), autograd::has_hooks(t));
    }
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    program_.values[program_.argument_values[i]].room =
        memory_of(arguments[i]).flat_end - arguments[i]->offset;
  }
  modes.recorder = this;
  // The history of an argument is another one in the next call.
  autograd::own_nodes = {
      autograd::next_node(), [] {
        modes.recorder->refuse(CaptureError(str(
            "[compile] expected backward to stay inside the function; got a tensor from outside "
            "that has history",
            at_here(), ". Pass x.detach(), or return the loss and call backward() outside.")));
      }};
}

ProgramRecorder::~ProgramRecorder() {
  if (refusal_.empty()) stop_listening();  // else another may listen by now
}

void ProgramRecorder::stop_listening() {
  modes.recorder = saved_.recorder;
  autograd::own_nodes = {};
}

ValueId ProgramRecorder::add_value(const Value& v) {
  program_.values.push_back(v);
  return static_cast<ValueId>(program_.values.size()) - 1;
}

ValueId ProgramRecorder::number(const Tensor& t) {
  const bool real = is_floating(t.dtype());  // nan is no integer
  const Number n{t.dtype(), t.item_double(), real ? 0 : t.item_int()};
  program_.numbers.push_back(n);
  return add_value({Source::kNumber, static_cast<int>(program_.numbers.size()) - 1, t.dtype(), {}});
}

// A tensor from outside: a parameter, optimiser state, a closed-over constant.
ValueId ProgramRecorder::state(const Tensor& t) {
  program_.states.push_back(t);
  program_.standings.push_back(autograd::standing(t));
  const int index = static_cast<int>(program_.states.size()) - 1;
  return add_value({Source::kState, index, t.dtype(), t.sizes(), false, t.strides()});
}

ValueId ProgramRecorder::emit(const OpDef& op, std::vector<ValueId> inputs, const void* attrs,
                              DType dtype, const Dims& sizes, bool view, const Dims& strides,
                              int64_t offset) {
  Instruction in;
  in.op = &op;
  in.inputs = std::move(inputs);
  in.attrs = bytes_of(op, attrs);
  in.where = here();
  in.seeds = seeds_;
  const int index = static_cast<int>(program_.code.size());
  const ValueId id = add_value({Source::kInstruction, index, dtype, sizes, view, strides, offset});
  in.outputs.push_back(id);
  program_.code.push_back(std::move(in));
  return id;
}

void ProgramRecorder::on_call(const Call& call, const Tensors& outputs, const Infer& infer) try {
  if (call.op.is(kDynamicShape)) return on_shape(call.op.name, nullptr);
  Instruction in;
  in.op = &call.op;
  in.attrs = bytes_of(call.op, call.attrs);
  in.hidden = infer.hidden;
  in.scratch_bytes = infer.scratch_bytes;
  in.where = here();
  in.joins = !join_.empty();
  in.seeds = in.joins ? std::exchange(join_, {}) : seeds_;
  for (const Tensor& t : call.inputs) {
    in.inputs.push_back(resolve(t));
    note_history(t);
  }
  if (call.list_ends) {
    in.list_ends.assign(call.list_ends, call.list_ends + call.op.schema->tensor_params);
  }
  for (const Tensor& t : outputs) {
    const bool view = call.op.is(kView) && t->storage == call[0]->storage;
    Value v{Source::kInstruction, static_cast<int>(program_.code.size()), t.dtype(), t.sizes()};
    if (view) {
      v.view = true;
      v.strides = t.strides();
      v.offset = t->offset - call[0]->offset;
      views_.push_back(t);
    }
    if (modes.inference) v.mark = t->inference ? Mark::kOn : Mark::kOff;
    const ValueId id = add_value(v);
    in.outputs.push_back(id);
    bind(t, id);
  }
  if (call.op.is(kMutates)) record_mutations(call, in);
  program_.code.push_back(std::move(in));
} catch (const CaptureError& why) {
  refuse(why);
}

Leaf ProgramRecorder::leaf_of(const Tensor& t) const {
  const auto passed = std::find_if(argument_tensors_.begin(), argument_tensors_.end(),
                                   [&](const Tensor& a) { return a.same_as(t); });
  if (passed == argument_tensors_.end()) return {t};
  return {Tensor(), static_cast<int>(passed - argument_tensors_.begin())};
}

// A tensor of the program's own: its gradient is one more value, which ends with the call.
bool ProgramRecorder::made_inside(const Tensor& t) const {
  const auto known = memories_.find(t->storage.get());
  return known != memories_.end() && !known->second.outside;
}

void ProgramRecorder::on_set_grad(const Tensor& t, const Tensor& value) try {
  if (made_inside(t)) return;
  const Leaf leaf = leaf_of(t);
  const ValueId id = value.defined() ? resolve(value) : kNone;
  for (GradBinding& g : program_.gradients) {
    if (g.leaf == leaf) {
      g.value = id;
      return;
    }
  }
  program_.gradients.push_back({leaf, id});
} catch (const CaptureError& why) {
  refuse(why);
}

void ProgramRecorder::on_read_grad(const Tensor& t, const Tensor& grad) {
  if (made_inside(t)) return;
  const Leaf leaf = leaf_of(t);
  const auto known = [&](const auto& entries) {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const auto& entry) { return entry.leaf == leaf; });
  };
  if (known(program_.gradients)) return;  // set inside the program
  if (!known(program_.grad_guards)) {
    GradGuard& guard = program_.grad_guards.emplace_back();
    guard.leaf = leaf;
    guard.defined = grad.defined();
    if (guard.defined) {
      guard.dtype = grad.dtype();
      guard.sizes = grad.sizes();
      guard.strides = grad.strides();
    }
    guarded_gradients_.push_back(grad);
  }
  if (!grad.defined() || memories_.contains(grad->storage.get())) return;
  Memory& memory = memory_of(grad);
  memory.outside = true;
  const int owner = static_cast<int>(program_.gradient_leaves.size());
  program_.gradient_leaves.push_back(leaf);
  memory.gradient =
      add_value({Source::kGradient, owner, grad.dtype(), grad.sizes(), false, grad.strides()});
  memory.origin = grad;
  memory.flat_offset = grad->offset;
  memory.flat_end = grad->offset + extent(grad.sizes(), grad.strides());
  program_.values[memory.gradient].room = memory.flat_end - memory.flat_offset;
  bind(grad, memory.gradient);
}

}  // namespace chainrule::graph
