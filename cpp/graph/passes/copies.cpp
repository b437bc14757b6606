#include <algorithm>

#include "generated/ops.h"
#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace chainrule::graph {

namespace {

// How often a program hands a value, or a view of it, to somebody who keeps it.
std::vector<int> count_kept(const Program& p) {
  std::vector<int> kept(p.values.size(), 0);
  const auto keep = [&](ValueId id) {
    if (id != kNone) ++kept[root_of(p, id)];
  };
  for (const GradBinding& g : p.gradients) keep(g.value);
  for (const Contribution& c : p.contributions) keep(c.value);
  for (const auto* list : {&p.results, &p.leaves, &p.own_leaves, &p.backward_reads}) {
    for (ValueId id : *list) keep(id);
  }
  return kept;
}

}  // namespace

void drop_copies(Program& p) {
  std::vector<int> kept = count_kept(p);
  std::vector<bool> drop(p.code.size(), false);
  std::vector<ValueId> instead(p.values.size());
  for (size_t id = 0; id < instead.size(); ++id) instead[id] = static_cast<ValueId>(id);
  for (size_t i = 0; i < p.commit_begin; ++i) {
    Instruction& in = p.code[i];
    if (in.op != &ops::kClone) continue;
    const ValueId from = instead[in.inputs[0]], to = in.outputs[0];
    const Value &source = p.values[from], &copy = p.values[to];
    const bool own = source.source == Source::kInstruction && !source.view &&
                     p.code[source.index].op->is(kMutates) == false;
    if (!own || !(source.sizes == copy.sizes) || source.dtype != copy.dtype ||
        source.mark != copy.mark) {
      continue;
    }
    if (kept[from] > 0 && kept[to] > 0) continue;  // two people, two tensors
    kept[from] += kept[to];
    instead[to] = from;
    drop[i] = true;
  }
  for_each_use(p, [&](ValueId& id) {
    if (id != kNone) id = instead[id];
  });
  remove_instructions(p, drop);
}

void drop_dead_code(Program& p) {
  std::vector<bool> used(p.values.size(), false), drop(p.code.size(), false);
  const auto use = [&](ValueId id) {
    if (id != kNone) used[id] = true;
  };
  for (size_t i = p.commit_begin; i < p.code.size(); ++i) {
    for (ValueId id : p.code[i].inputs) use(id);
  }
  for (const WriteBack& w : p.writes) use(w.value);
  for (const GradBinding& g : p.gradients) use(g.value);
  for (const Contribution& c : p.contributions) use(c.value);
  for (const auto* list : {&p.results, &p.leaves, &p.own_leaves, &p.backward_reads}) {
    for (ValueId id : *list) use(id);
  }
  for (size_t i = p.commit_begin; i-- > 0;) {
    const Instruction& in = p.code[i];
    // One that may refuse its operands does so whether or not anybody reads what it makes.
    const bool resolved = !in.op->forward || in.op->forward.prepare;
    const bool harmless = resolved && !in.op->is(kRefuses);
    drop[i] = harmless && std::none_of(in.outputs.begin(), in.outputs.end(),
                                       [&](ValueId id) { return used[id]; });
    if (drop[i]) continue;
    for (ValueId id : in.inputs) use(id);
  }
  remove_instructions(p, drop);
}

}  // namespace chainrule::graph
