// Comparing programs: what the second recording of a call does otherwise than the first, and where.
#include <algorithm>

#include "graph/print.h"
#include "graph/program.h"
#include "ops/attribute_text.h"

namespace chainrule::graph {

namespace {

std::string place(const Instruction& in) { return in.where.empty() ? "" : str(" at ", in.where); }

constexpr const char* kSameParameters = "; the same parameters must have gradients";

// Whether the input is a parameter that an update writes: their list is the first.
bool is_updated(const Instruction& in, size_t input) {
  return in.op->is(kMutates) && input < static_cast<size_t>(in.list_ends[0]);
}

// What to do about another attribute or input: those of an update come from the groups.
const char* advice(const Instruction& in) {
  return in.op->is(kMutates) ? "; leave the optimizer's settings as they are"
                             : "; pass it as an argument";
}

// "dim=1, then 2" of the first attribute that reads otherwise.
std::string attributes_differ(const Instruction& x, const Instruction& y) {
  const Signature& signature = x.op->schema->signatures[0];
  for (const Param& p : std::span(signature.params, signature.count)) {
    if (p.input >= 0) continue;
    const std::string before = attribute_text(p, x.attrs), now = attribute_text(p, y.attrs);
    if (before == now) continue;
    return str(p.name, "=", before, ", then ", now, place(y), advice(y));
  }
  return str("other attributes of ", x.op->name, place(y));
}

std::string differ(const Program& a, const Instruction& x, const Program& b, const Instruction& y) {
  if (x.op != y.op) return str(x.op->name, place(x), ", then ", y.op->name, place(y));
  if (x.list_ends != y.list_ends) {
    const bool parameters = x.op->is(kMutates) && x.list_ends[0] != y.list_ends[0];
    return str("other inputs of ", x.op->name, place(y), parameters ? kSameParameters : advice(y));
  }
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
                 is_updated(y, i)
                     ? kSameParameters
                     : "; pass it as an argument, or write into the one that is there");
    }
  }
  if (x.attrs != y.attrs) return attributes_differ(x, y);
  if (x.inputs != y.inputs) return str("other inputs of ", x.op->name, place(y));
  for (size_t i = 0; i < std::min(x.outputs.size(), y.outputs.size()); ++i) {
    const Value &u = a.values[x.outputs[i]], &v = b.values[y.outputs[i]];
    if (!(u.sizes == v.sizes) || u.dtype != v.dtype) {
      return str(x.op->name, " of sizes ", u.sizes, ", then ", v.sizes, place(y));
    }
    if (u.mark != v.mark) return str(x.op->name, " in another inference_mode", place(y));
  }
  return "";
}

// "4 instructions, then 3, without add at train.py:12": the first that only one of them has.
std::string lengths_differ(const std::vector<Instruction>& a, const std::vector<Instruction>& b) {
  const bool more = b.size() > a.size();
  const Instruction& extra = more ? b[a.size()] : a[b.size()];
  return str(a.size(), a.size() == 1 ? " instruction" : " instructions", ", then ", b.size(),
             more ? ", with " : ", without ", extra.op->name, place(extra));
}

// "mul at train.py:12" that makes the value; "a tensor from elsewhere" where none does.
std::string maker(const Program& program, ValueId value) {
  for (const Instruction& in : program.code) {
    if (std::ranges::find(in.outputs, value) != in.outputs.end())
      return str(in.op->name, place(in));
  }
  return "a tensor from elsewhere";
}

// "other results: of mul at train.py:12, then of add at train.py:14".
std::string results_differ(const Program& a, const Program& b) {
  const auto [x, y] = std::ranges::mismatch(a.results, b.results);
  if (x == a.results.end() || y == b.results.end()) return "other results";
  return str("other results: of ", maker(a, *x), ", then of ", maker(b, *y));
}

}  // namespace

std::string Program::difference(const Program& other) const {
  for (size_t i = 0; i < std::min(code.size(), other.code.size()); ++i) {
    std::string d = differ(*this, code[i], other, other.code[i]);
    if (!d.empty()) return d;
  }
  if (code.size() != other.code.size()) return lengths_differ(code, other.code);
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
    return results_differ(*this, other);
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

}  // namespace chainrule::graph
