// Printed programs: every operation prints, and two programs that differ in one attribute,
// whichever it is, print differently and say how they differ.
#include <cstdio>
#include <cstring>
#include <limits>
#include <set>

#include "generated/ops.h"
#include "graph/program.h"
#include "ops/attribute_text.h"
#include "ops/attrs.h"

namespace {

using namespace chainrule;
using Bytes = std::vector<std::byte>;

// One call of `op` on values that nothing has to make: programs here are read, not run.
graph::Program program_of(const OpDef& op, const Bytes& attrs) {
  graph::Program program;
  program.values.push_back({graph::Source::kInstruction, 0, DType::kFloat32, Dims{2}});
  graph::Instruction in;
  in.op = &op;
  in.attrs = attrs;
  in.outputs = {0};
  for (int i = 0; i < op.schema->tensor_params; ++i) {
    program.values.push_back({graph::Source::kArgument, i, DType::kFloat32, Dims{2}});
    in.inputs.push_back(i + 1);
    if (op.schema->has_list) in.list_ends.push_back(i + 1);
  }
  program.code.push_back(in);
  program.commit_begin = program.forward_end = 1;
  return program;
}

template <typename T>
Bytes with(Bytes attrs, const Param& p, const T& value) {
  std::memcpy(attrs.data() + p.offset, &value, sizeof(T));
  return attrs;
}

// The struct with other values of one field, no two of them equal.
std::vector<Bytes> others(const Bytes& a, const Param& p) {
  switch (p.kind) {
    case ParamKind::kInt:
      return {with(a, p, int64_t{7}), with(a, p, std::numeric_limits<int64_t>::min())};
    case ParamKind::kOptInt:
      return {with(a, p, OptInt()), with(a, p, OptInt(7)), with(a, p, OptInt(-7))};
    case ParamKind::kInts:
      return {with(a, p, Dims{7}), with(a, p, Dims{7, 1}), with(a, p, Dims{71})};
    case ParamKind::kOptInts:
      return {with(a, p, OptDims()), with(a, p, OptDims(Dims{})), with(a, p, OptDims(Dims{7}))};
    case ParamKind::kFloat:
      return {with(a, p, 0.3), with(a, p, 0.30000000000000004), with(a, p, -0.0),
              with(a, p, std::numeric_limits<double>::infinity()),
              with(a, p, std::numeric_limits<double>::quiet_NaN())};
    case ParamKind::kOptFloat:
      return {with(a, p, OptFloat()), with(a, p, OptFloat(0.3)), with(a, p, OptFloat(3e100))};
    case ParamKind::kBool:
      return {with(a, p, int64_t{0}), with(a, p, int64_t{1})};
    case ParamKind::kNumber:
    case ParamKind::kNormOrder:
      return {with(a, p, Number(7)), with(a, p, Number(7.0)), with(a, p, Number(true)),
              with(a, p, Number(7.5))};
    case ParamKind::kOptNumber:
      return {with(a, p, OptNumber()), with(a, p, OptNumber(7)), with(a, p, OptNumber(7.0))};
    case ParamKind::kDType:
    case ParamKind::kOptDType:
      return {with(a, p, OptDType()), with(a, p, OptDType(DType::kFloat64)),
              with(a, p, OptDType(DType::kBool))};
    case ParamKind::kReduction:
      return {with(a, p, Reduction::none), with(a, p, Reduction::mean), with(a, p, Reduction::sum)};
    case ParamKind::kRounding:
      return {with(a, p, Rounding::none), with(a, p, Rounding::trunc), with(a, p, Rounding::floor)};
    case ParamKind::kGeluForm:
      return {with(a, p, GeluForm::none), with(a, p, GeluForm::tanh)};
    default:
      return {};
  }
}

int failures = 0;

void expect(bool good, const OpDef& op, const char* what, const std::string& text) {
  if (good) return;
  std::printf("%s: %s: %s\n", op.name, what, text.c_str());
  ++failures;
}

void check_attribute(const OpDef& op, const Bytes& defaults, const Param& p) {
  const std::vector<Bytes> values = others(defaults, p);
  expect(values.size() >= 2, op, "no other values of", p.name);
  std::set<std::string> seen;
  for (const Bytes& attrs : values) {
    const graph::Program program = program_of(op, attrs);
    const std::string text = program.to_string();
    expect(seen.insert(text).second, op, "prints as another value does", text);
    const std::string value = attribute_text(p, attrs);
    expect(is_default(*op.schema, p, attrs) || text.find(value) != std::string::npos, op,
           "does not print its value", text);
    for (const Bytes& other : values) {
      const std::string d = program.difference(program_of(op, other));
      const std::string expected = str(p.name, "=", value, ", then ", attribute_text(p, other));
      expect(&other == &attrs ? d.empty() : d.starts_with(expected), op, "differs by", d);
    }
  }
}

void expect_float(double value, const char* text) {
  if (float_text(value) == text) return;
  std::printf("%s is printed as %s\n", text, float_text(value).c_str());
  ++failures;
}

}  // namespace

int main() {
  for (const OpDef* op : all_ops()) {
    const auto* bytes = static_cast<const std::byte*>(op->schema->attr_defaults);
    const Bytes defaults(bytes, bytes + op->schema->attr_bytes);
    const std::string text = program_of(*op, defaults).to_string();
    expect(text.starts_with(str("  %0: float32(2,) = ", op->name, "(")), *op, "prints", text);
    const Signature& signature = op->schema->signatures[0];
    for (const Param& p : std::span(signature.params, signature.count)) {
      if (p.input < 0) check_attribute(*op, defaults, p);
    }
  }
  expect_float(0.1, "0.1");
  expect_float(2, "2.0");
  expect_float(1e15, "1000000000000000.0");
  expect_float(1e16, "1e+16");
  expect_float(0.0001, "0.0001");
  expect_float(1e-8, "1e-08");
  expect_float(-0.0, "-0.0");
  return failures ? 1 : 0;
}
