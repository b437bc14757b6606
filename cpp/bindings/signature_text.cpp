#include "bindings/signature_text.h"

#include <string_view>

#include "core/errors.h"

namespace chainrule::bindings {

namespace {

const char* type_text(const Param& p) {
  switch (p.kind) {
    case ParamKind::kTensor:
      return "Tensor";
    case ParamKind::kOptionalTensor:
      return std::string_view(p.name) == "generator" ? "Generator | None" : "Tensor | None";
    case ParamKind::kTensorList:
      return "list[Tensor] | tuple[Tensor, ...]";
    case ParamKind::kOperand:
      return "Tensor | float";
    case ParamKind::kInt:
      return "int";
    case ParamKind::kOptInt:
      return "int | None";
    case ParamKind::kInts:
      return "int | Sequence[int]";
    case ParamKind::kOptInts:
      return "int | Sequence[int] | None";
    case ParamKind::kFloat:
    case ParamKind::kNumber:
      return "float";
    case ParamKind::kOptFloat:
    case ParamKind::kOptNumber:
      return "float | None";
    case ParamKind::kBool:
      return "bool";
    case ParamKind::kDType:
      return "dtype";
    case ParamKind::kOptDType:
      return "dtype | None";
    case ParamKind::kReduction:
    case ParamKind::kGeluForm:
      return "str";
    case ParamKind::kRounding:
      return "str | None";
    case ParamKind::kNormOrder:
      return "float | str | None";
  }
  return "";
}

std::string result_text(const Signature& s) {
  const std::string_view text = s.text;
  const std::string_view result = text.substr(text.rfind("-> ") + 3);
  return result == "Tensor[]" ? "tuple of Tensors" : std::string(result);
}

// What the table knows of shapes, dtypes, memory and gradients, unless the doc has the word.
std::string facts(const OpDef& op) {
  const std::string_view doc = op.doc;
  std::string text;
  const auto add = [&](bool holds, const char* word, const std::string& fact) {
    if (holds && doc.find(word) == std::string_view::npos) text += fact + " ";
  };
  add(op.is(kBroadcasts), "broadcast", "The shapes broadcast against each other.");
  add(op.promotion == Promotion::kFloat, "ntegers",
      "Integers and bools become the default floating dtype.");
  add(op.promotion == Promotion::kNumbers, "ool", "Bools are a DtypeError.");
  add(op.dtypes != kAnyDType, "DtypeError", str("The dtype is ", dtype_names(op.dtypes), "."));
  add(op.is(kView), "view", "The result is a view: it shares the memory of the input.");
  add(op.is(kDynamicShape), "depend", "The shape of the result depends on values.");
  add(op.grad.empty() && !op.compose, "radient", "No gradient goes through it.");
  if (!text.empty()) text.back() = '\n';
  return text;
}

}  // namespace

std::string signature_text(const std::string& name, const Overload& overload) {
  const Signature& s = *overload.signature;
  std::string text;
  bool by_name = false;  // whether what follows can only be given by name
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (int i = 0; i < s.count; ++i) {
    const Param& p = s.params[i];
    if (i == overload.self) continue;
    if (i == overload.sizes && !p.default_text) {
      add(str("*", p.name, ": int"));
      by_name = true;
      continue;
    }
    if (p.keyword_only && !by_name) {
      add("*");
      by_name = true;
    }
    add(str(p.name, ": ", type_text(p), p.default_text ? " = " : "",
            p.default_text ? p.default_text : ""));
  }
  if (overload.factory) {
    add(str(by_name ? "" : "*, ",
            "device: device | str | None = None, requires_grad: bool = False"));
  }
  return str(name, "(", text, ") -> ", result_text(s));
}

std::string make_doc(const std::string& name, const std::vector<Overload>& overloads,
                     bool in_place) {
  std::string doc;
  for (size_t i = 0; i < overloads.size(); ++i) {
    const Overload& o = overloads[i];
    if (i > 0 && overloads[i - 1].op != o.op) doc += "\n";
    doc += signature_text(name, o) + "\n";
    if (i + 1 < overloads.size() && overloads[i + 1].op == o.op) continue;
    doc += str("\n", o.op->doc, "\n");
    if (const std::string known = facts(*o.op); !known.empty()) doc += str("\n", known);
  }
  if (in_place)
    doc += "\nThe in-place form: the result is written into the tensor, which is returned.\n";
  return doc;
}

}  // namespace chainrule::bindings
