#include "graph/passes/rewrite.h"

#include <set>
#include <utility>

namespace chainrule::graph {

ValueId root_of(const Program& p, ValueId id) {
  while (p.values[id].view) id = p.code[p.values[id].index].inputs[0];
  return id;
}

bool is_dense(const Value& v) {
  const bool strided = v.strides.size() == v.sizes.size() && (v.view || v.room > 0);
  return !strided || is_contiguous(v.sizes, v.strides);
}

void remove_instructions(Program& p, const std::vector<bool>& drop) {
  std::vector<size_t> now(p.code.size() + 1);  // where each instruction goes
  std::vector<Instruction> code;
  for (size_t i = 0; i < p.code.size(); ++i) {
    now[i] = code.size();
    if (!drop[i]) code.push_back(std::move(p.code[i]));
  }
  now[p.code.size()] = code.size();
  p.code = std::move(code);
  p.commit_begin = now[p.commit_begin];
  p.forward_end = now[p.forward_end];
  for (Contribution& c : p.contributions) c.after = now[c.after];
  for (Value& v : p.values) {
    if (v.source == Source::kInstruction) v.index = static_cast<int>(now[v.index]);
  }
}

void find_last_uses(Program& p) {
  std::vector<int> last(p.values.size(), -1);
  for (size_t i = 0; i < p.code.size(); ++i) {
    p.code[i].dead_after.clear();
    for (ValueId v : p.code[i].outputs) last[v] = static_cast<int>(i);
    for (ValueId v : p.code[i].inputs) {
      if (v != kNone) last[v] = static_cast<int>(i);
    }
  }
  std::set<ValueId> kept(p.results.begin(), p.results.end());
  for (const auto& w : p.writes) kept.insert(w.value);
  for (const auto& g : p.gradients) kept.insert(g.value);
  for (ValueId v : p.own_leaves) kept.insert(v);
  std::set<ValueId> later;
  for (auto c = p.contributions.rbegin(); c != p.contributions.rend(); ++c) {
    const bool made = p.values[c->value].source == Source::kInstruction;
    c->last = later.insert(c->value).second && made && last[c->value] < static_cast<int>(c->after);
    kept.insert(c->value);
  }
  for (ValueId v = 0; v < static_cast<ValueId>(last.size()); ++v) {
    if (last[v] < 0 || kept.contains(v) || p.values[v].source != Source::kInstruction) continue;
    // What the backward section reads must outlive the forward run.
    p.code[last[v]].dead_after.push_back(v);
  }
}

}  // namespace chainrule::graph
