"""The grammar of a schema line, the one place where it is read.

    max(Tensor input, int dim, bool keepdim=False) -> (values, indices)

A name, parameters `type name` or `type name=default`, `*` before those that Python takes by name
only, and a result: a type, or the names of several outputs. generate.py writes C++ from it and
bindings/stubs.py the type stub.
"""

import re

TENSOR_TYPES = ("Tensor", "Tensor?", "Tensor[]", "Operand")


def split_top(text):
    """The parts between commas that stand outside of brackets, stripped."""
    parts, depth = [""], 0
    for ch in text:
        depth += (ch in "([") - (ch in ")]")
        if ch == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += ch
    return [p.strip() for p in parts if p.strip()]


class Parameter:
    """One parameter: its type and default as the line writes them (no default is None)."""

    def __init__(self, text, keyword_only):
        match = re.fullmatch(r"(\S+)\s+(\w+)(?:=(.+))?", text)
        if not match:
            raise SystemExit(f"schema.py: cannot read parameter '{text}'")
        self.type, self.name, self.default = match[1], match[2], match[3]
        self.keyword_only = keyword_only
        self.is_tensor = self.type in TENSOR_TYPES


class Signature:
    """One schema line."""

    def __init__(self, text, parameter=Parameter):
        match = re.fullmatch(r"(\w+)\((.*)\) -> (.+)", text)
        if not match:
            raise SystemExit(f"schema.py: cannot read signature '{text}'")
        self.text, self.name, self.result = text, match[1], match[3]
        parts = split_top(match[2])
        named = parts.index("*") if "*" in parts else len(parts)
        self.parameters = [parameter(p, False) for p in parts[:named]]
        self.parameters += [parameter(p, True) for p in parts[named + 1 :]]

    @property
    def outputs(self):
        """The names of the results; None when their number is only known at the call."""
        if self.result == "Tensor[]":
            return None
        if self.result.startswith("("):
            return split_top(self.result[1:-1])
        return ["output"]
