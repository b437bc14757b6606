// Printing programs: one line per instruction, the calls as Python would write them.
#include "graph/print.h"

#include <cstdio>

#include "generated/ops.h"
#include "graph/kernel_call.h"
#include "ops/attribute_text.h"

namespace chainrule::graph {

namespace {

// Longer lists of outputs are abbreviated: an update of all parameters has one per parameter and
// state.
constexpr size_t kShownOutputs = 4;

class Printer {
 public:
  explicit Printer(const Program& program) : p_(program) {}

  std::string outputs(const Instruction& in) const {
    const auto& ids = in.outputs;
    if (ids.size() > kShownOutputs) {
      return str(name(ids[0]), ", ..., ", name(ids.back()), ": ", ids.size(), " tensors");
    }
    std::string out;
    for (ValueId id : ids) {
      out += str(out.empty() ? "" : ", ", name(id), ": ", dtype_name(p_.values[id].dtype),
                 p_.values[id].sizes);
    }
    return out;
  }

  // Tensors by position, attributes behind them by name: "sum(%1, dim=(0,))", "full((2, 3), 0.5)".
  std::string call(const Instruction& in) const {
    const Signature& signature = in.op->schema->signatures[0];
    std::string out;
    bool named = false;
    for (int i = 0; i < signature.count; ++i) {
      const Param& p = signature.params[i];
      named =
          named || p.keyword_only || (p.input < 0 && i > 0 && signature.params[i - 1].input >= 0);
      const bool left_out = p.input < 0 ? is_default(*in.op->schema, p, in.attrs)
                                        : p.default_text && input(in, p) == "None";
      if (left_out) {
        named = true;
        continue;
      }
      out += str(out.empty() ? "" : ", ", named ? str(p.name, "=") : "",
                 p.input < 0 ? attribute_text(p, in.attrs) : input(in, p));
    }
    return str(in.op->name, "(", out, ")");
  }

  std::string name(ValueId id) const {
    if (id == kNone) return "None";
    const Value& v = p_.values[id];
    switch (v.source) {
      case Source::kArgument:
        return str("arg", v.index);
      case Source::kState:
        return str("state", v.index);
      case Source::kGradient:
        return str("leaf", v.index, ".grad");
      case Source::kNumber:
        return number_text(p_.numbers[v.index]);
      default:
        return str("%", id);
    }
  }

 private:
  std::string input(const Instruction& in, const Param& p) const {
    if (in.list_ends.empty()) return name(in.inputs[p.input]);
    const int begin = p.input ? in.list_ends[p.input - 1] : 0, end = in.list_ends[p.input];
    if (p.kind != ParamKind::kTensorList) return name(in.inputs[begin]);
    std::string out;
    for (int i = begin; i < end; ++i) {
      out += out.empty() ? "" : ", ";
      int last = i;  // of a run of neighbours, "state0..15"
      while (last + 1 < end && follows(in.inputs[last], in.inputs[last + 1])) ++last;
      if (last - i < 3) {
        out += name(in.inputs[i]);
        continue;
      }
      out += str(name(in.inputs[i]), "..", number_of(in.inputs[last]));
      i = last;
    }
    return str("[", out, "]");
  }

  // What stands behind "arg", "state" or "%".
  int number_of(ValueId id) const {
    return p_.values[id].source == Source::kInstruction ? id : p_.values[id].index;
  }

  bool follows(ValueId a, ValueId b) const {
    if (a == kNone || b == kNone) return false;
    const Source source = p_.values[a].source;
    return source != Source::kNumber && source != Source::kGradient &&
           source == p_.values[b].source && number_of(b) == number_of(a) + 1;
  }

  const Program& p_;
};

}  // namespace

std::string number_text(const Number& n) {
  if (n.dtype == DType::kBool) return n.integer ? "True" : "False";
  if (n.dtype == DType::kFloat32) return float_text(static_cast<float>(n.real));
  return is_floating(n.dtype) ? float_text(n.real) : str(n.integer);
}

namespace {

// "150", "12.3 k", "4.5 M".
std::string amount(int64_t n) {
  const char* const units[] = {"", " k", " M", " G", " T"};
  double value = static_cast<double>(n);
  int unit = 0;
  for (; value >= 1000 && unit < 4; value /= 1000) ++unit;
  if (unit == 0) return str(n);
  char text[32];
  std::snprintf(text, sizeof text, value < 99.95 ? "%.1f%s" : "%.0f%s", value, units[unit]);
  return text;
}

// Where it was recorded, what it costs, and what a pass has done with it.
std::string comment(const Program& p, const Instruction& in) {
  std::string out = str("  # ", in.where.empty() ? "" : in.where + ", ");
  if (in.op->is(kView)) {
    out += "a view";
  } else {
    out += str(amount(work_of(p, in)), " operations, ", amount(bytes_of(p, in)), " bytes");
  }
  if (in.op == &ops::kProductAndSums) out += ", a product and a sum (fuse_bias_gradients)";
  if (in.tail) out += ", on parts of the output before (attach_tails)";
  return out;
}

}  // namespace

std::string Program::to_string() const {
  const Printer printer(*this);
  std::string out;
  for (size_t i = 0; i < code.size(); ++i) {
    if (i == commit_begin && i < forward_end) out += "commit:\n";
    if (i == forward_end) out += "backward:\n";
    const Instruction& in = code[i];
    out += str("  ", printer.outputs(in), " = ", printer.call(in), comment(*this, in), "\n");
  }
  for (const WriteBack& w : writes) {
    const std::string target = w.target == Source::kGradient   ? printer.name(w.index)
                               : w.target == Source::kArgument ? str("arg", w.index)
                                                               : str("state", w.index);
    out += str("  ", target, " <- ", printer.name(w.value), "\n");
  }
  for (const GradBinding& g : gradients) {
    out += str("  grad of ",
               g.leaf.argument < 0 ? str(g.leaf.outside.sizes()) : str("arg", g.leaf.argument),
               " <- ", printer.name(g.value), "\n");
  }
  out += "  return";
  for (size_t i = 0; i < results.size(); ++i) {
    out += str(i ? ", " : " ", printer.name(results[i]));
  }
  return out;
}

}  // namespace chainrule::graph
