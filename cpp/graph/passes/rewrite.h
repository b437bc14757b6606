// What passes share: who uses a value, and changing a Program so that all its lists stay right.
#pragma once

#include <vector>

#include "graph/program.h"

namespace chainrule::graph {

// fn(ValueId&) for every place in which the program names a value that it reads, returns, writes,
// or keeps; not where a value is made.
template <typename F>
void for_each_use(Program& p, F&& fn) {
  for (Instruction& in : p.code) {
    for (ValueId& id : in.inputs) fn(id);
  }
  for (WriteBack& w : p.writes) fn(w.value);
  for (GradBinding& g : p.gradients) fn(g.value);
  for (Contribution& c : p.contributions) fn(c.value);
  for (auto* list : {&p.results, &p.leaves, &p.own_leaves, &p.backward_reads}) {
    for (ValueId& id : *list) fn(id);
  }
}

// The value whose memory `id` lies in: itself, unless it is a view.
ValueId root_of(const Program& p, ValueId id);

// Whether its elements lie one behind the other.
bool is_dense(const Value& v);

// Takes out the instructions for which `drop` is true. Nobody may use what they make.
void remove_instructions(Program& p, const std::vector<bool>& drop);

// Which values nobody reads after each instruction.
void find_last_uses(Program& p);

}  // namespace chainrule::graph
