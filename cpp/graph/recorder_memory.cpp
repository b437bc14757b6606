// What the recorder knows of memory: which value each window of a storage is, and what a write
// makes of them.
#include <algorithm>

#include "autograd/autograd.h"
#include "generated/ops.h"
#include "graph/recorder.h"

namespace chainrule::graph {

ProgramRecorder::Memory& ProgramRecorder::memory_of(const Tensor& t) {
  Memory& memory = memories_[t->storage.get()];
  if (!memory.keep) memory.keep = t->storage;
  return memory;
}

auto ProgramRecorder::find(const Memory& memory, const Tensor& t) const -> const Window* {
  for (const Window& w : memory.windows) {
    if (w.offset == t->offset && w.sizes == t.sizes() && w.strides == t.strides() &&
        w.inference == t->inference) {
      return &w;
    }
  }
  return nullptr;
}

// A tensor from outside that is no state of its own, as its memory is known: p beside p.detach().
void ProgramRecorder::note_double(const Memory& memory, const Tensor& t) {
  if (!memory.outside || memory.gradient != kNone || among(views_, t)) return;
  if (among(argument_tensors_, t) || among(program_.states, t)) return;
  auto& known = program_.doubles;
  const bool noted = std::any_of(known.begin(), known.end(),
                                 [&](const auto& entry) { return entry.first.same_as(t); });
  if (!noted) known.emplace_back(t, autograd::standing(t));
}

void ProgramRecorder::bind(const Tensor& t, ValueId value) {
  Memory& memory = memory_of(t);
  if (find(memory, t)) return;
  memory.windows.push_back({t.sizes(), t.strides(), t->offset, t->inference, value, t.impl()});
}

ValueId ProgramRecorder::resolve(const Tensor& t) {
  if (!t.defined()) return kNone;
  if (t->weak_number) return number(t);
  const bool known = memories_.contains(t->storage.get());
  Memory& memory = memory_of(t);
  if (!known) memory.outside = true;
  if (const Window* known_as = find(memory, t)) {
    if (known_as->tensor != t.impl()) note_double(memory, t);
    return known_as->value;
  }
  ValueId id;
  if (memory.written || (known && !memory.outside)) {
    note_double(memory, t);
    check_inside(memory, t);
    id = window(flat(memory, t), t.dtype(), t.sizes(), t.strides(), t->offset - memory.flat_offset);
    // What was written into it has a mark of its own.
    if (memory.written) program_.values[id].mark = t->inference ? Mark::kOn : Mark::kOff;
  } else {
    id = state(t);
  }
  bind(t, id);
  return id;
}

// A view of `owner`, from whose first element the offset counts.
ValueId ProgramRecorder::window(ValueId owner, DType dtype, const Dims& sizes, const Dims& strides,
                                int64_t offset) {
  AsStridedAttrs attrs;
  attrs.size = sizes;
  attrs.stride = strides;
  attrs.storage_offset = offset;
  return emit(ops::kAsStrided, {owner}, &attrs, dtype, sizes, true, strides, offset);
}

// The storage as one dense row, under its current binding.
ValueId ProgramRecorder::flat(Memory& memory, const Tensor& t) {
  if (memory.flat != kNone) return memory.flat;
  const Dims sizes{row_elements(memory, t)};
  if (memory.argument >= 0 || memory.gradient != kNone) {
    const ValueId owner =
        memory.argument >= 0 ? program_.argument_values[memory.argument] : memory.gradient;
    return memory.flat = window(owner, t.dtype(), sizes, Dims{1}, 0);
  }
  if (memory.outside) return memory.flat = state(t.alias(sizes, Dims{1}, 0));
  // Made inside: some dense value covers it from its first element.
  return memory.flat = window(memory.windows.front().value, t.dtype(), sizes, Dims{1}, 0);
}

int64_t ProgramRecorder::row_elements(const Memory& memory, const Tensor& t) const {
  if (memory.origin.defined()) return memory.flat_end - memory.flat_offset;
  return static_cast<int64_t>(t->storage->bytes() / itemsize(t.dtype()));
}

void ProgramRecorder::check_inside(const Memory& memory, const Tensor& t) const {
  if (!memory.origin.defined() || t.numel() == 0) return;
  if (t->offset >= memory.flat_offset &&
      t->offset + extent(t.sizes(), t.strides()) <= memory.flat_end)
    return;
  throw CaptureError(
      str("[compile] expected a written argument or gradient to be used by itself; got a tensor "
          "beside it in the same memory",
          at_here(), ". clone() one of them."));
}

// A replay writes such a tensor as one dense row, which is all of its memory.
void ProgramRecorder::on_mutation(const Call& call) try {
  for (int param : call.op.mutates) {
    for (const Tensor& t : call.list(param)) {
      if (!t.is_contiguous()) {
        throw CaptureError(str("[", call.op.name,
                               "] expected dense tensors while recording; got strides ",
                               t.strides(), at_here(), ". Make it of x.contiguous()."));
      }
      const auto known = memories_.find(t->storage.get());
      const bool first = known == memories_.end() || t->offset == known->second.flat_offset;
      // No argument is a part of it.
      const bool alone = known == memories_.end() || t.numel() == row_elements(known->second, t);
      const bool all = t.numel() * static_cast<int64_t>(itemsize(t.dtype())) ==
                       static_cast<int64_t>(t->storage->bytes());
      if (first && alone && all) continue;
      throw CaptureError(str("[", call.op.name,
                             "] expected tensors that own their memory while recording; got a view "
                             "of sizes ",
                             t.sizes(), at_here(),
                             ". Make it of x.clone(), or compile(..., fallback=True)."));
    }
  }
} catch (const CaptureError& why) {
  refuse(why);
}

// An op that changes some inputs in place: its instruction gets one extra output per changed
// tensor, which becomes the current value of that memory.
void ProgramRecorder::record_mutations(const Call& call, Instruction& in) {
  for (int param : call.op.mutates) {
    for (const Tensor& t : call.list(param)) {
      const Dims sizes{t.numel()};
      const ValueId id = add_value(
          {Source::kInstruction, static_cast<int>(program_.code.size()), t.dtype(), sizes});
      in.outputs.push_back(id);
      Memory& memory = memory_of(t);
      memory.windows.clear();
      memory.flat = id;
      memory.written = true;
    }
  }
}

void ProgramRecorder::on_write(const Tensor& view, const Tensor& value) try {
  const ValueId v = resolve(value);
  note_history(value);
  const bool known = memories_.contains(view->storage.get());
  Memory& memory = memory_of(view);
  if (!known) memory.outside = true;
  if (known) note_double(memory, view);
  if (memory.outside && modes.grad_enabled) {
    const Tensor both[] = {view, value};
    if (any_requires_grad(
            both)) {  // a replay writes the numbers; the caller's graph stays as it is
      throw CaptureError(
          str("[compile] expected writes into tensors from outside to have no history; "
              "got one of sizes ",
              view.sizes(), at_here(),
              ". Use no_grad(), write a detached value, or return the result."));
    }
  }
  check_inside(memory, view);
  const int64_t elements = row_elements(memory, view);
  const Dims row{elements};
  if (view.is_contiguous() && view.numel() == elements) {
    // Everything is replaced: a copy of the value, read as a row; a pass drops it unless somebody
    // gets both. What is written may be something that nobody has read yet.
    if (!known) state(view);
    CloneAttrs none;
    const ValueId copy = emit(ops::kClone, {v}, &none, value.dtype(), value.sizes(), false, {}, 0);
    memory.flat = window(copy, view.dtype(), row, Dims{1}, 0);
  } else {
    WriteViewAttrs attrs;
    attrs.size = view.sizes();
    attrs.stride = view.strides();
    attrs.storage_offset = view->offset - memory.flat_offset;
    memory.flat =
        emit(ops::kWriteView, {flat(memory, view), v}, &attrs, view.dtype(), row, false, {}, 0);
  }
  memory.windows.clear();
  memory.written = true;
} catch (const CaptureError& why) {
  refuse(why);
}

}  // namespace chainrule::graph
