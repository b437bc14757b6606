"""Writes python/chainrule/_core.pyi: the op table's part after core.pyi.in, which is hand-written.

Usage: python cpp/bindings/stubs.py [--check]
With --check nothing is written; the exit status says whether the file is up to date.
"""

import keyword
import sys
from pathlib import Path

from chainrule import _core

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "ops"))
from schema import Parameter, Signature

STUB = HERE.parent.parent / "python" / "chainrule" / "_core.pyi"
TYPES = {
    "Tensor": "Tensor",
    "Tensor?": "Tensor | None",
    "Tensor[]": "_Tensors",
    "Operand": "_Operand",
    "int": "_Int",
    "int?": "_Int | None",
    "int[]": "_Ints",
    "int[]?": "_Ints | None",
    "float": "_Float",
    "float?": "_Float | None",
    "bool": "_PyBool",
    "Number": "_Float",
    "Number?": "_Float | None",
    "dtype": "_DType",
    "dtype?": "_DType | None",
    "Reduction": "str",
    "Rounding": "str | None",
    "GeluForm": "str",
    "NormOrder": "_Float | str | None",
}
FACTORY = ["device: _Device | None = None", "requires_grad: _PyBool = False"]


class PythonParameter(Parameter):
    """One parameter of a schema line as Python sees it."""

    def __init__(self, text, keyword_only):
        super().__init__(text, keyword_only)
        self.name += "_" if keyword.iskeyword(self.name) else ""

    def text(self):
        type_ = "Generator | None" if self.name == "generator" else TYPES[self.type]
        if self.default is None:
            return f"{self.name}: {type_}"
        default = "..." if self.default.strip("-") == "inf" else self.default.replace("'", '"')
        return f"{self.name}: {type_} = {default}"


class PythonSignature(Signature):
    """One schema line of an op as Python sees it."""

    def __init__(self, op, text):
        super().__init__(text, PythonParameter)
        self.op = op

    def returns(self):
        if self.result == "Tensor[]":
            return "tuple[Tensor, ...]"
        if self.result.startswith("("):
            return f"_{self.op}"
        return "_PyBool" if self.result == "bool" else self.result

    def self_place(self):
        """Which parameter the object of a method is; None when there is none."""
        names = [p.name for p in self.parameters]
        if "input" in names and self.parameters[names.index("input")].is_tensor:
            return names.index("input")
        tensors = [i for i, p in enumerate(self.parameters) if p.type in ("Tensor", "Operand")]
        return tensors[0] if tensors else None

    def is_factory(self):
        names = [p.name for p in self.parameters]
        tensors = any(p.is_tensor for p in self.parameters)
        free = "dtype" in names and (not tensors or "generator" in names)
        return self.name.endswith("_like") or free

    def variants(self, method):
        """Parameter lists as texts: with a sequence of sizes, and with sizes as arguments."""
        own = [p for i, p in enumerate(self.parameters) if not method or i != self.self_place()]
        positional = [p for p in own if not p.keyword_only]
        options = [p.text() for p in own if p.keyword_only]
        options += FACTORY if self.is_factory() else []
        first = ["self"] if method else []
        yield [*first, *(p.text() for p in positional), *(["*", *options] if options else [])]
        if len(positional) == 1 and positional[0].type in ("int[]", "int[]?"):
            yield [*first, f"*{positional[0].name}: _Int", *options]


def definition(name, variants, decorator, indent):
    """One function with its overloads."""
    lines = []
    unique = list(dict.fromkeys(variants))
    for parameters, returns in unique:
        if len(unique) > 1:
            lines.append("@_overload")
        lines += decorator
        lines.append(f"def {name}({', '.join(parameters)}) -> {returns}: ...")
    return [indent + line for line in lines]


def members(table, surface, method=False, suffix="", decorator=(), indent=""):
    names = {}
    for row in table:
        if surface not in row["surfaces"]:
            continue
        for text in row["signatures"]:
            signature = PythonSignature(row["name"], text)
            if method and signature.self_place() is None:
                continue
            returns = "_Self" if suffix else signature.returns()
            variants = names.setdefault(signature.name + suffix, [])
            variants += [(tuple(p), returns) for p in signature.variants(method)]
    lines = []
    for name in sorted(names):
        lines += definition(name, names[name], list(decorator), indent)
    return lines


def results(table):
    """Named tuples of the ops with several outputs."""
    lines = []
    for row in table:
        outputs = Signature(row["signatures"][0]).outputs
        if outputs is not None and len(outputs) > 1:
            lines += ["", f"class _{row['name']}(_NamedTuple):"]
            lines += [f"    {name}: Tensor" for name in outputs]
    return lines


def namespace(table, name, surface):
    lines = members(table, surface, decorator=["@staticmethod"], indent="    ")
    return ["", f"class {name}:", *(lines or ["    pass"])]


def make():
    """The whole stub."""
    table = _core._op_table()
    methods = members(table, "method", method=True, indent="    ")
    methods += members(table, "in_place", method=True, suffix="_", indent="    ")
    text = (HERE / "core.pyi.in").read_text()
    head, tail = text.split("    # METHODS OF THE OP TABLE\n")
    lines = [head.rstrip("\n"), *methods, tail.rstrip("\n"), *results(table), ""]
    lines += members(table, "function")
    lines += namespace(table, "_functional", "functional")
    lines += namespace(table, "_linalg", "linalg")
    lines += namespace(table, "_ops", "private")
    return "\n".join(lines) + "\n"


def main():
    stub = make()
    if "--check" in sys.argv[1:]:
        current = STUB.read_text() == stub
        print(
            f"{STUB.name} is {'up to date' if current else 'out of date: run cpp/bindings/stubs.py'}"
        )
        return 0 if current else 1
    STUB.write_text(stub)
    return 0


if __name__ == "__main__":
    sys.exit(main())
