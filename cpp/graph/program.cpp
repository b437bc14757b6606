// Comparing and checking programs.
#include "graph/program.h"

#include <algorithm>
#include <set>

#include "graph/print.h"
#include "ops/attribute_text.h"

namespace chainrule::graph {

namespace {

std::string place(const Instruction& in) { return in.where.empty() ? "" : str(" at ", in.where); }

// "dim=1, then 2" of the first attribute that reads otherwise.
std::string attributes_differ(const Instruction& x, const Instruction& y) {
  const Signature& signature = x.op->schema->signatures[0];
  for (const Param& p : std::span(signature.params, signature.count)) {
    if (p.input >= 0) continue;
    const std::string before = attribute_text(p, x.attrs), now = attribute_text(p, y.attrs);
    if (before == now) continue;
    return str(p.name, "=", before, ", then ", now, place(y), "; pass it as an argument");
  }
  return str("other attributes of ", x.op->name, place(y));
}

std::string differ(const Program& a, const Instruction& x, const Program& b, const Instruction& y) {
  if (x.op != y.op) return str(x.op->name, ", then ", y.op->name, place(y));
  for (size_t i = 0; i < std::min(x.inputs.size(), y.inputs.size()); ++i) {
    if (x.inputs[i] == kNone || y.inputs[i] == kNone) continue;
    const Value &u = a.values[x.inputs[i]], &v = b.values[y.inputs[i]];
    if (u.source == Source::kNumber && v.source == Source::kNumber &&
        !(a.numbers[u.index] == b.numbers[v.index])) {
      return str(number_text(a.numbers[u.index]), ", then ", number_text(b.numbers[v.index]),
                 place(y), "; pass it as an argument or a 0-d tensor");
    }
    if (u.source == Source::kState && v.source == Source::kState &&
        !a.states[u.index].same_as(b.states[v.index]) &&
        a.states[u.index]->storage != b.states[v.index]->storage) {
      return str("one tensor of sizes ", u.sizes, ", then another", place(y),
                 "; pass it as an argument");
    }
  }
  if (x.attrs != y.attrs) return attributes_differ(x, y);
  if (x.inputs != y.inputs || x.list_ends != y.list_ends)
    return str("other inputs of ", x.op->name, place(y));
  for (size_t i = 0; i < std::min(x.outputs.size(), y.outputs.size()); ++i) {
    const Value &u = a.values[x.outputs[i]], &v = b.values[y.outputs[i]];
    if (!(u.sizes == v.sizes) || u.dtype != v.dtype) {
      return str(x.op->name, " of sizes ", u.sizes, ", then ", v.sizes, place(y));
    }
    if (u.mark != v.mark) return str(x.op->name, " in another inference_mode", place(y));
  }
  return "";
}

}  // namespace

std::string Program::difference(const Program& other) const {
  for (size_t i = 0; i < std::min(code.size(), other.code.size()); ++i) {
    std::string d = differ(*this, code[i], other, other.code[i]);
    if (!d.empty()) return d;
  }
  if (code.size() != other.code.size()) {
    return str(code.size(), " instructions, then ", other.code.size());
  }
  if (states.size() != other.states.size()) return "other tensors from outside";
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i]->storage != other.states[i]->storage || standings[i] != other.standings[i]) {
      return str("one tensor of sizes ", states[i].sizes(),
                 ", then another; pass it as an argument");
    }
  }
  const auto same_write = [](const WriteBack& a, const WriteBack& b) {
    return a.target == b.target && a.index == b.index && a.value == b.value;
  };
  const auto same_grad = [](const GradBinding& a, const GradBinding& b) {
    return a.leaf == b.leaf && a.value == b.value;
  };
  if (results != other.results || own_leaves != other.own_leaves ||
      differentiable != other.differentiable || failures != other.failures) {
    return "other results";
  }
  if (turned != other.turned) return "another requires_grad of arguments";
  if (leaves != other.leaves || hung != other.hung || contributions != other.contributions) {
    return "other gradients of the results";
  }
  if (!std::equal(writes.begin(), writes.end(), other.writes.begin(), other.writes.end(),
                  same_write) ||
      !std::equal(gradients.begin(), gradients.end(), other.gradients.begin(),
                  other.gradients.end(), same_grad) ||
      gradient_leaves != other.gradient_leaves) {
    for (size_t i = 0; i < std::min(gradients.size(), other.gradients.size()); ++i) {
      const Leaf &a = gradients[i].leaf, &b = other.gradients[i].leaf;
      if (a == b || !a.outside.defined()) continue;
      return str(".grad of one tensor of sizes ", a.outside.sizes(),
                 ", then of another; clone() before requires_grad_(), or use autograd.grad()");
    }
    return "other writes";
  }
  return "";
}

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
