// Checking programs.
#include "graph/program.h"

#include <algorithm>
#include <set>

namespace chainrule::graph {

size_t Program::end_of_group(size_t i) const {
  do {
    ++i;
  } while (i < commit_begin && code[i].tail);
  return i;
}

// Before the commit section an update works on copies, which are its outputs; inside, only updates
// stand, straight on states, and nobody reads what they make.
void Program::verify_sections() const {
  const auto require = [](bool good, const auto&... what) {
    if (!good) throw InternalError(str("[verify] ", what..., "."));
  };
  require(commit_begin <= forward_end && forward_end <= code.size(), "sections of ", code.size(),
          " instructions begin at ", commit_begin, " and ", forward_end);
  std::set<ValueId> in_place;
  for (size_t i = 0; i < code.size(); ++i) {
    const Instruction& in = code[i];
    const bool commits = i >= commit_begin && i < forward_end;
    require(!commits || in.op->is(kMutates), in.op->name, " computes in the commit section");
    for (ValueId id : in.inputs) {
      require(!in_place.contains(id), in.op->name, " reads what the commit section makes");
    }
    if (commits) in_place.insert(in.outputs.begin(), in.outputs.end());
    size_t changed = 0;
    for (int param : in.op->mutates) {
      const int begin = param ? in.list_ends[param - 1] : 0;
      changed += in.list_ends[param] - begin;
      for (int place = begin; commits && place < in.list_ends[param]; ++place) {
        require(values[in.inputs[place]].source == Source::kState, in.op->name,
                " in the commit section changes what is no state");
      }
    }
    require(in.outputs.size() >= changed, in.op->name, " changes ", changed, " tensors and makes ",
            in.outputs.size());
  }
  // Immediates stay from one replay to the next, so nobody outside may write on one.
  const auto is_number = [&](ValueId id) {
    while (id != kNone && values[id].view) id = code[values[id].index].inputs[0];
    return id != kNone && values[id].source == Source::kNumber;
  };
  for (ValueId id : results) require(!is_number(id), "a result is an immediate");
  for (const GradBinding& g : gradients) require(!is_number(g.value), "a gradient is an immediate");
  for (const WriteBack& w : writes) {
    const Dims& row = values[w.value].sizes;
    require(!in_place.contains(w.value), "a write-back repeats an update");
    const int64_t room = w.target == Source::kArgument ? values[argument_values[w.index]].room
                         : w.target == Source::kState
                             ? static_cast<int64_t>(states[w.index]->storage->bytes() /
                                                    itemsize(states[w.index].dtype()))
                             : values[w.index].room;
    require(row.size() == 1 && row.product() == room, "a row of sizes ", row, " is written over ",
            room, " elements");
  }
}

void Program::verify() const {
  verify_sections();
  // Metadata-only stand-ins: shape rules read sizes, strides and dtypes.
  std::vector<Tensor> stand(values.size());
  static char nothing[kAlignment];
  const auto stand_in = [](const Value& v) {
    const bool placed = v.strides.size() == v.sizes.size() && v.room > 0;
    const Dims strides = placed ? v.strides : contiguous_strides(v.sizes);
    const size_t bytes = (placed ? v.room : v.sizes.product()) * itemsize(v.dtype);
    return Tensor(make_ref<TensorImpl>(Storage::borrow(nothing, bytes, true, {}), v.dtype, v.sizes,
                                       strides, 0));
  };
  for (size_t id = 0; id < values.size(); ++id) {
    const Value& v = values[id];
    if (v.source == Source::kState)
      stand[id] = states[v.index];
    else if (v.source != Source::kInstruction)
      stand[id] = stand_in(v);
  }
  for (const Instruction& in : code) {
    Tensors inputs;
    for (ValueId id : in.inputs) {
      if (id != kNone && !stand[id].defined()) {
        throw InternalError(str("[verify] ", in.op->name, " reads a value before it is made."));
      }
      inputs.push_back(id == kNone ? Tensor() : stand[id]);
    }
    Infer infer(Call{*in.op,
                     {inputs.data(), inputs.size()},
                     in.attrs.data(),
                     in.list_ends.empty() ? nullptr : in.list_ends.data()},
                in.hidden > 0);
    in.op->infer(infer);
    if (in.scratch_bytes != infer.scratch_bytes) {
      throw InternalError(str("[verify] ", in.op->name, " has the wrong scratch size."));
    }
    for (size_t i = 0; i < infer.outputs.size() && i < in.outputs.size(); ++i) {
      const Value& v = values[in.outputs[i]];
      if (!(infer.outputs[i].sizes == v.sizes) || infer.outputs[i].dtype != v.dtype) {
        throw InternalError(str("[verify] ", in.op->name, " makes ", infer.outputs[i].sizes,
                                "; the program says ", v.sizes, "."));
      }
    }
    for (ValueId id : in.outputs) {
      const Value& v = values[id];
      stand[id] =
          v.view ? inputs[0].alias(v.sizes, v.strides, inputs[0]->offset + v.offset) : stand_in(v);
    }
  }
}

}  // namespace chainrule::graph
