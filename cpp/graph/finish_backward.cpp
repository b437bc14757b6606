// The backward section: what results that require a gradient would compute from one. It hands the
// gradients of a leaf over one by one, in the order of an eager backward, for others may come
// before and after; and it notes of which results' gradients each instruction is made, for some may
// have none.
#include <algorithm>
#include <map>
#include <set>

#include "generated/ops.h"
#include "graph/recorder.h"

namespace chainrule::graph {

bool among(const std::vector<Tensor>& tensors, const Tensor& t) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [&](const Tensor& other) { return other.same_as(t); });
}

bool ProgramRecorder::is_own(const Tensor& t) const { return made_inside(t) || among(views_, t); }

// Results hang on what the calls took from outside, each with the history that it has there.
void ProgramRecorder::note_history(const Tensor& t) {
  if (t.defined() && t->requires_grad && !among(history_, t) && !is_own(t)) history_.push_back(t);
}

ValueId ProgramRecorder::leaf_value(const Tensor& leaf, std::span<const Tensor> results) {
  const auto same = [&](const Tensor& t) { return t.same_as(leaf); };
  if (const int passed = leaf_of(leaf).argument; passed >= 0) {
    return program_.argument_values[passed];
  }
  if (!is_own(leaf)) return resolve_state(leaf);
  const auto result = std::find_if(results.begin(), results.end(), same);
  return result == results.end() ? result_window(resolve(leaf), leaf, 0)  // which only it has
                                 : program_.results[result - results.begin()];
}

// Which results are leaves, which can be run backward, and from which that is an error.
void ProgramRecorder::survey_results(std::span<const Tensor> results) {
  for (const Tensor& t : history_) {
    const bool outside = leaf_of(t).argument < 0;  // arguments are asked each time
    if (outside && autograd::is_leaf(t) && !autograd::has_hooks(t)) program_.unhooked.push_back(t);
  }
  std::set<int> hung;
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor& t = results[i];
    const ValueId id = program_.results[i];
    const auto before = program_.results.begin() + i;
    if (std::find(program_.results.begin(), before, id) != before) continue;  // is repeated
    if (program_.values[id].source != Source::kInstruction || !autograd::requires_grad(t)) continue;
    if (autograd::is_leaf(t)) {
      program_.own_leaves.push_back(id);
      continue;
    }
    autograd::Survey found = autograd::survey(t, history_);
    if (found.failure.empty()) {
      program_.differentiable.push_back(static_cast<int>(i));
      program_.leads_to.push_back(found.inputs);
      hung.insert(found.inputs.begin(), found.inputs.end());
    } else {
      program_.failures.push_back({static_cast<int>(i), found.failure, found.inputs});
    }
  }
  hung_on_.assign(hung.begin(), hung.end());
  std::vector<int> leaves(history_.size(), -1);
  const auto leaf = [&](int input) {
    if (leaves[input] < 0) {
      leaves[input] = static_cast<int>(program_.leaves.size());
      program_.leaves.push_back(leaf_value(history_[input], results));
      if (is_own(history_[input]) && !among({results.begin(), results.end()}, history_[input])) {
        program_.own_leaves.push_back(program_.leaves.back());
      }
    }
    return leaves[input];
  };
  for (int input : hung_on_) program_.hung.push_back(leaf(input));
  for (std::vector<int>& edges : program_.leads_to) {
    for (int& input : edges) {
      input = static_cast<int>(std::lower_bound(hung_on_.begin(), hung_on_.end(), input) -
                               hung_on_.begin());
    }
  }
  for (Failure& f : program_.failures) {
    std::transform(f.leaves.begin(), f.leaves.end(), f.leaves.begin(), leaf);
  }
}

void ProgramRecorder::make_backward(std::span<const Tensor> results) {
  std::vector<Tensor> outputs, seeds, inputs;
  for (int i : program_.differentiable) {
    outputs.push_back(results[i]);
    seeds.push_back(Tensor::empty(results[i].dtype(), results[i].sizes()));
    const int place = static_cast<int>(program_.arguments.size() + program_.seeds.size());
    const Tensor& seed = seeds.back();
    program_.seeds.push_back(add_value({Source::kArgument, place, seed.dtype(), seed.sizes()}));
    bind(seed, program_.seeds.back());
  }
  if (outputs.empty()) return;
  for (int input : hung_on_) inputs.push_back(history_[input]);
  autograd::trace_backward(outputs, seeds, inputs, *this);
  seeds_ = {};
}

SeedSet ProgramRecorder::seeds_of(const Tensor& gradient) {
  const ValueId id = resolve(gradient);
  const Value& v = program_.values[id];
  if (v.source == Source::kInstruction) return program_.code[v.index].seeds;
  const auto seed = std::find(program_.seeds.begin(), program_.seeds.end(), id);
  if (seed == program_.seeds.end()) return {};
  return SeedSet::of(static_cast<int>(seed - program_.seeds.begin()));
}

void ProgramRecorder::on_node(const autograd::Tensors& dys, bool saved) {
  SeedSet seeds;
  for (const Tensor& dy : dys) {
    if (dy.defined()) seeds |= seeds_of(dy);
  }
  seeds_ = seeds;
  if (!saved) return;  // runs as often as it is asked
  if (std::find(program_.groups.begin(), program_.groups.end(), seeds) == program_.groups.end()) {
    program_.groups.push_back(seeds);
  }
}

void ProgramRecorder::on_sum(const Tensor& a, const Tensor& b) {
  join_ = seeds_of(a);
  join_ |= seeds_of(b);
}

void ProgramRecorder::on_gradient(int input, const Tensor& gradient) {
  const ValueId id = resolve(gradient);
  program_.contributions.push_back({input, id, program_.code.size(), false});
}

namespace {
// What a window is on, however many there are between.
ValueId viewed(const Program& p, ValueId id) {
  while (p.values[id].source == Source::kInstruction && p.values[id].view) {
    id = p.code[p.values[id].index].inputs[0];
  }
  return id;
}
}  // namespace

// What a forward run has to keep for the backward section: the values that it reads and that it
// neither makes nor gets.
void ProgramRecorder::find_backward_reads() {
  Program& p = program_;
  std::set<ValueId> own(p.seeds.begin(), p.seeds.end());
  own.insert(kNone);
  std::map<ValueId, std::set<SeedSet>> reads;
  for (size_t i = p.forward_end; i < p.code.size(); ++i) {
    const Instruction& in = p.code[i];
    for (ValueId id : in.inputs) {
      reads[id].insert(in.seeds);
      while (id != kNone && own.contains(id) && p.values[id].view) {  // it may be of other seeds
        id = p.code[p.values[id].index].inputs[0];
        reads[id].insert(in.seeds);
      }
    }
    own.insert(in.outputs.begin(), in.outputs.end());
  }
  for (const auto& [id, by] : reads) {
    if (own.contains(id) || p.values[id].source == Source::kNumber) continue;
    p.backward_reads.push_back(id);
    p.read_by.emplace_back(by.begin(), by.end());
    const auto write = std::find_if(p.writes.begin(), p.writes.end(), [&](const WriteBack& w) {
      return viewed(p, w.value) == viewed(p, id);
    });
    p.read_writes.push_back(write == p.writes.end() ? -1
                                                    : static_cast<int>(write - p.writes.begin()));
  }
}

}  // namespace chainrule::graph
