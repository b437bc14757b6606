"""Writes ops.h, ops.cpp and registry.cpp from the op blocks of cpp/ops and cpp/optim.

The single source is the schema line of each block, for example
    .name = "max_dim", ...
    .signatures = {"max(Tensor input, int dim, bool keepdim=False) -> (values, indices)"},
From it come the attribute struct, the C++ function, and the tables that the Python parser, its
errors and the docstrings read. Usage: generate.py OUT_DIR
"""

import re
import sys
from pathlib import Path

from schema import Parameter, Signature

ROOT = Path(__file__).resolve().parent.parent
TENSORS = {
    "Tensor": ("kTensor", "const Tensor&"),
    "Tensor?": ("kOptionalTensor", "const Tensor&"),
    "Tensor[]": ("kTensorList", "std::span<const Tensor>"),
    "Operand": ("kOperand", "const Operand&"),
}
ATTRS = {
    "int": ("kInt", "int64_t"),
    "int?": ("kOptInt", "OptInt"),
    "int[]": ("kInts", "Dims"),
    "int[]?": ("kOptInts", "OptDims"),
    "float": ("kFloat", "double"),
    "float?": ("kOptFloat", "OptFloat"),
    "bool": ("kBool", "int64_t"),
    "Number": ("kNumber", "Number"),
    "Number?": ("kOptNumber", "OptNumber"),
    "dtype": ("kDType", "OptDType"),
    "dtype?": ("kOptDType", "OptDType"),
    "Reduction": ("kReduction", "Reduction"),
    "Rounding": ("kRounding", "Rounding"),
    "GeluForm": ("kGeluForm", "GeluForm"),
    "NormOrder": ("kNormOrder", "Number"),
}
CPP_KEYWORDS = {"and": "and_", "or": "or_", "not": "not_", "xor": "xor_"}


class CppParameter(Parameter):
    """One parameter of a signature, with its C++ type and the kind that the parser goes by."""

    def __init__(self, text, keyword_only):
        super().__init__(text, keyword_only)
        types = TENSORS if self.is_tensor else ATTRS
        if self.type not in types:
            raise SystemExit(f"generate.py: '{text}' has a type that is none of {[*types]}")
        self.kind, self.cpp = types[self.type]

    def default_literal(self):
        """The default as a C++ string of what the line says, nullptr without one."""
        return "nullptr" if self.default is None else f'R"({self.default})"'

    def cpp_default(self):
        """The C++ spelling of the Python default."""
        d = self.default
        if d == "None":
            return "Tensor()" if self.is_tensor else f"{self.cpp}()"
        if self.cpp in ("Reduction", "GeluForm", "Rounding"):
            return f"{self.cpp}::{d.strip(chr(39)).strip(chr(34))}"
        if self.type == "NormOrder":
            return "Number(2)" if d == "'fro'" else f"Number({d})"
        if self.type == "Operand":
            return f"Operand({d})"
        if self.type == "Number":
            return f"Number({'true' if d == 'True' else 'false' if d == 'False' else d})"
        if d.startswith("("):
            inner = ", ".join(f"int64_t{{{v}}}" for v in d.strip("()").split(",") if v.strip())
            return f"Dims{{{inner}}}"
        return {"True": "1", "False": "0", "inf": "HUGE_VAL", "-inf": "-HUGE_VAL"}.get(d, d)


class Op:
    """One op block."""

    def __init__(self, constant, name, signatures):
        self.constant, self.name = constant, name
        self.signatures = [Signature(s, CppParameter) for s in signatures]
        self.first = self.signatures[0]
        self.tensors = [p for p in self.first.parameters if p.is_tensor]
        self.attrs = [p for p in self.first.parameters if not p.is_tensor]
        self.cpp_name = CPP_KEYWORDS.get(name, name)
        camel = "".join(w.capitalize() for w in name.split("_"))
        self.attrs_name = f"{camel}Attrs"

    def attr_struct(self):
        lines = [f"struct {self.attrs_name} {{"]
        for p in self.attrs:
            default = "{}" if p.default is None else f" = {p.cpp_default()}"
            lines.append(f"  {p.cpp} {p.name}{default};")
        if not self.attrs:
            lines.append("  int64_t unused = 0;")
        return "\n".join([*lines, "};"])

    def cpp_signature(self, defaults):
        params = []
        for p in self.ordered():
            text = f"{p.cpp} {p.name}"
            if defaults and p.default is not None:
                text += f" = {p.cpp_default()}"
            params.append(text)
        multi = self.first.outputs is None or len(self.first.outputs) > 1
        return f"{'Tensors' if multi else 'Tensor'} {self.cpp_name}({', '.join(params)})"

    def ordered(self):
        """C++ wants defaulted parameters last."""
        params = self.first.parameters
        return [p for p in params if p.default is None] + [
            p for p in params if p.default is not None
        ]

    def cpp_body(self):
        lines = [f"{self.cpp_signature(False)} {{", f"  {self.attrs_name} attrs;"]
        lines += [f"  attrs.{p.name} = {p.name};" for p in self.attrs]
        multi = self.first.outputs is None or len(self.first.outputs) > 1
        how = "call" if multi else "call_one"
        tensors = self.tensors
        if any(p.type == "Tensor[]" for p in tensors):
            lines.append("  SmallVector<Tensor, 16> inputs;")
            lines.append(f"  int32_t ends[{len(tensors)}];")
            for i, p in enumerate(tensors):
                if p.type == "Tensor[]":
                    lines.append(f"  for (const Tensor& t : {p.name}) inputs.push_back(t);")
                else:
                    lines.append(f"  inputs.push_back({p.name});")
                lines.append(f"  ends[{i}] = static_cast<int32_t>(inputs.size());")
            args = "std::span<const Tensor>(inputs.data(), inputs.size()), &attrs, ends"
        elif tensors:
            names = ", ".join(p.name for p in tensors)
            lines.append(f"  const Borrowed<{len(tensors)}> inputs({names});")
            args = "inputs, &attrs"
        else:
            args = "{}, &attrs"
        return "\n".join([*lines, f"  return {how}(ops::{self.constant}, {args});", "}"])

    def tables(self):
        out = [f"const {self.attrs_name} k{self.attrs_name}Defaults;"]
        fields = {p.name for p in self.attrs}
        tensor_index = {p.name: i for i, p in enumerate(self.tensors)}
        for s, sig in enumerate(self.signatures):
            rows = []
            for p in sig.parameters:
                if (
                    p.is_tensor
                    and p.name not in tensor_index
                    or not p.is_tensor
                    and p.name not in fields
                ):
                    raise SystemExit(
                        f"generate.py: '{sig.text}' names {p.name}, unknown to its first signature"
                    )
                offset = "-1" if p.is_tensor else f"offsetof({self.attrs_name}, {p.name})"
                rows.append(
                    f'    {{"{p.name}", ParamKind::{p.kind}, {str(p.keyword_only).lower()}, '
                    f"{tensor_index.get(p.name, -1)}, {offset}, {p.default_literal()}}},"
                )
            out.append(
                f"const Param {self.constant}Params{s}[] = {{\n"
                + "\n".join(rows or ["    {},"])
                + "\n};"
            )
        rows = [
            f'    {{R"({sig.text})", "{sig.name}", {self.constant}Params{s}, {len(sig.parameters)}, '
            f"{sum(not p.keyword_only for p in sig.parameters)}}},"
            for s, sig in enumerate(self.signatures)
        ]
        out.append(f"const Signature {self.constant}Signatures[] = {{\n" + "\n".join(rows) + "\n};")
        names = self.first.outputs or []
        out.append(
            f"const char* const {self.constant}Outputs[] = {{"
            + ", ".join(f'"{n}"' for n in names or [""])
            + "};"
        )
        has_list = str(any(p.type == "Tensor[]" for p in self.tensors)).lower()
        count = -1 if self.first.outputs is None else len(names)
        out.append(
            f"const OpSchema {self.constant}Schema = {{{self.constant}Signatures, {len(self.signatures)}, "
            f"{len(self.tensors)}, {has_list}, sizeof({self.attrs_name}), "
            f"&k{self.attrs_name}Defaults, {self.constant}Outputs, {count}}};"
        )
        return "\n".join(out)


def read_ops():
    """All op blocks, in the order of file names and places in the file."""
    ops = []
    files = sorted([*(ROOT / "ops").rglob("*.cpp"), *(ROOT / "optim").rglob("*.cpp")])
    for path in files:
        text = path.read_text()
        for block in re.split(r"\n(?=(?:extern )?const OpDef k\w+\s*(?:=\s*)?\{)", text)[1:]:
            constant = re.match(r"(?:extern )?const OpDef (k\w+)", block)[1]
            name = re.search(r'\.name = "(\w+)"', block)[1]
            listing = re.search(r"\.signatures\s*=\s*\{(.*?)\}\s*,\s*\n\s*\.", block, re.DOTALL)
            # Adjacent string literals belong together, as in C++.
            joined = re.sub(r'"\s*\n\s*"', "", listing[1])
            ops.append(Op(constant, name, re.findall(r'"((?:[^"\\]|\\.)*)"', joined)))
    seen = set()
    for op in ops:
        if op.name in seen:
            raise SystemExit(f"generate.py: two op blocks are called '{op.name}'")
        seen.add(op.name)
    return ops


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    ops = read_ops()
    banner = "// Written by cpp/ops/generate.py from the op blocks; do not edit.\n"
    header = [
        banner + "#pragma once\n",
        "#include <cmath>\n#include <span>\n",
        '#include "ops/generator.h"\n#include "ops/op.h"\n',
        "namespace chainrule {\n",
    ]
    header += [op.attr_struct() + "\n" for op in ops]
    header += [op.cpp_signature(True) + ";" for op in ops]
    header += (
        ["\nnamespace ops {"]
        + [f"extern const OpDef {op.constant};" for op in ops]
        + ["}  // namespace ops"]
    )
    header += ["\n}  // namespace chainrule\n"]
    write_if_changed(out / "ops.h", "\n".join(header))

    source = [banner, '#include "generated/ops.h"\n', "namespace chainrule {\n"]
    source += [op.cpp_body() + "\n" for op in ops] + ["}  // namespace chainrule\n"]
    write_if_changed(out / "ops.cpp", "\n".join(source))

    registry = [
        banner,
        "#include <cstddef>\n",
        '#include "generated/ops.h"\n#include "ops/schema.h"\n',
    ]
    registry += ["namespace chainrule {\nnamespace {\n"] + [op.tables() for op in ops]
    registry += (
        ["const OpDef* const kOps[] = {"] + [f"    &ops::{op.constant}," for op in ops] + ["};"]
    )
    registry += (
        ["const OpSchema* const kSchemas[] = {"]
        + [f"    &{op.constant}Schema," for op in ops]
        + ["};\n"]
    )
    registry += [
        "}  // namespace\n",
        "std::span<const OpDef* const> all_ops() {",
        "  static const bool ready = [] {",
        "    for (int i = 0; i < static_cast<int>(std::size(kOps)); ++i) {",
        "      kOps[i]->id = i;",
        "      kOps[i]->schema = kSchemas[i];",
        "    }",
        "    return true;",
        "  }();",
        "  (void)ready;",
        "  return kOps;",
        "}\n",
        "}  // namespace chainrule\n",
    ]
    write_if_changed(out / "registry.cpp", "\n".join(registry))


if __name__ == "__main__":
    main()
