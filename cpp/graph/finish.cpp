// The end of a recording: write-backs, updates sunk into the commit section, last uses.
#include <algorithm>

#include "autograd/autograd.h"
#include "generated/ops.h"
#include "graph/passes/rewrite.h"
#include "graph/recorder.h"

namespace chainrule::graph {

// Arguments whose requires_grad the call has changed.
void ProgramRecorder::find_turned() {
  for (int i = 0; i < static_cast<int>(argument_tensors_.size()); ++i) {
    const auto& known = program_.hooked;
    const bool before = std::any_of(known.begin(), known.end(),
                                    [&](const auto& entry) { return entry.first == i; });
    const bool now = argument_tensors_[i]->requires_grad;
    if (now != before) program_.turned.emplace_back(i, now);
    const bool detached = had_history_[i] && autograd::is_leaf(argument_tensors_[i]);
    if (!detached || !among(history_, argument_tensors_[i])) continue;
    throw CaptureError(
        "[compile] expected an argument that keeps the history with which it was used; got "
        "detach_() after that. Use detach(), or call detach_() first.");
  }
}

Program ProgramRecorder::finish(std::span<const Tensor> results) {
  gives_up_ = false;                            // the call is over: nothing is left to go on with
  if (refused_) throw CaptureError(*refused_);  // a replay would have raised nothing to catch
  if (modes.grad_enabled != saved_.grad_enabled || modes.inference != saved_.inference) {
    throw CaptureError(
        "[compile] expected a function that leaves the gradient mode as it found it; got one that "
        "changes it. Use `with set_grad_enabled(...):`.");
  }
  if (modes.autocast != saved_.autocast) {
    throw CaptureError(
        "[compile] expected a function that leaves autocast as it found it; got one that changes "
        "it. Use `with autocast():`.");
  }
  for (const Tensor& t : results) {
    if (t.defined() && t->autograd && made_inside(t) &&
        (t->autograd->grad || t->autograd->retains_grad)) {
      throw CaptureError(
          str("[compile] expected results without a .grad of their own; got a tensor "
              "of sizes ",
              t.sizes(), " with one. Return the gradient beside it."));
    }
  }
  for (auto& binding : program_.gradients) {
    const Tensor& leaf = binding.leaf.among(argument_tensors_);
    if (leaf->autograd && leaf->autograd->grad) {
      binding.value = resolve_gradient(Tensor(leaf->autograd->grad));
    }
  }
  resolve_results(results);
  autograd::own_nodes.refuse = nullptr;  // what has history outside goes on backward there
  survey_results(results);
  for (const auto& [storage, memory] : memories_) {
    if (!memory.written || !memory.outside) continue;
    program_.writes.push_back({Source::kState, memory.argument, memory.flat});
    WriteBack& write = program_.writes.back();
    if (memory.origin.defined()) {
      write.inference = memory.origin->inference;
      write.window = is_window(*memory.origin.impl());
    }
    if (memory.argument >= 0) {
      write.target = Source::kArgument;
    } else if (memory.gradient != kNone) {
      write.target = Source::kGradient;
      write.index = memory.gradient;
    } else {
      const auto owner = std::find_if(program_.states.begin(), program_.states.end(),
                                      [&](const Tensor& t) { return t->storage.get() == storage; });
      write.index = static_cast<int>(owner - program_.states.begin());
    }
  }
  std::sort(program_.writes.begin(), program_.writes.end(),
            [](const WriteBack& a, const WriteBack& b) { return a.value < b.value; });
  program_.forward_end = program_.code.size();
  sink_updates();
  make_backward(results);
  find_backward_reads();
  modes.recorder = saved_.recorder;
  find_last_uses(program_);
  find_places();
  find_turned();
  for (const Tensor& t : results) {
    if (t.defined()) autograd::mark_compiled(t);
  }
  return std::move(program_);
}

// What a leaf's gradient is at the end, after later writes to it. Memory from outside is found
// where it lies, for there the write-back puts what the program made of it: both stay one tensor.
ValueId ProgramRecorder::resolve_gradient(const Tensor& grad) {
  const auto known = memories_.find(grad->storage.get());
  if (known == memories_.end() || !known->second.outside || !known->second.written) {
    return resolve(grad);
  }
  const Memory& memory = known->second;
  const Tensor& origin = memory.origin;
  if (!origin.defined()) return state(grad);
  const ValueId owner =
      memory.gradient != kNone ? memory.gradient : program_.argument_values[memory.argument];
  const int64_t offset = grad->offset - origin->offset;
  if (offset == 0 && grad.sizes() == origin.sizes() && grad.strides() == origin.strides()) {
    return owner;
  }
  return window(owner, grad.dtype(), grad.sizes(), grad.strides(), offset);
}

// An update (an op that changes its inputs in place) whose results nobody reads but the write-back
// runs directly on the state, after all compute instructions: no copies, and still nothing is
// written before the last instruction that can fail.
void ProgramRecorder::sink_updates() {
  std::vector<bool> sunk(program_.code.size(), false);
  for (size_t i = 0; i < program_.code.size(); ++i) {
    const Instruction& in = program_.code[i];
    if (!in.op->is(kMutates)) continue;
    bool free = true;
    for (size_t j = 0; free && j < program_.code.size(); ++j) {
      if (j == i) continue;
      for (ValueId v : program_.code[j].inputs) {
        if (std::find(in.outputs.begin(), in.outputs.end(), v) != in.outputs.end()) free = false;
      }
    }
    for (ValueId v : program_.results) {
      if (std::find(in.outputs.begin(), in.outputs.end(), v) != in.outputs.end()) free = false;
    }
    for (int param : in.op->mutates) {
      for (int place = param ? in.list_ends[param - 1] : 0; place < in.list_ends[param]; ++place) {
        if (program_.values[in.inputs[place]].source != Source::kState) free = false;
      }
    }
    sunk[i] = free;
  }
  std::vector<Instruction> compute, commit;
  for (size_t i = 0; i < program_.code.size(); ++i) {
    (sunk[i] ? commit : compute).push_back(std::move(program_.code[i]));
  }
  std::erase_if(program_.writes, [&](const WriteBack& w) {
    return std::any_of(commit.begin(), commit.end(), [&](const Instruction& in) {
      return std::find(in.outputs.begin(), in.outputs.end(), w.value) != in.outputs.end();
    });
  });
  program_.commit_begin = compute.size();
  program_.code = std::move(compute);
  for (Instruction& in : commit) program_.code.push_back(std::move(in));
  for (size_t i = 0; i < program_.code.size(); ++i) {
    for (ValueId v : program_.code[i].outputs) program_.values[v].index = static_cast<int>(i);
  }
}

}  // namespace chainrule::graph
