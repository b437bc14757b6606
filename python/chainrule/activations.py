"""Every activation as a row of data: its formula, derivative, range and what holds at kinks.

Formulas are Python expressions of x, with the functions of `math`; after "with" a part has a name.
In a derivative f is the value f(x). Names of settings, such as negative_slope, are in
`row.settings`. Of softmax and its kin, GLU and Maxout x is a vector, the functions are NumPy's, and
the derivative is the matrix with a row for each element of f.

Source: the slide "name, plot, equation, derivative, range" of 002_5fc2916072822600.txt.
"""

from __future__ import annotations

import inspect
import math
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import _core, nn
from ._activation_rows import ROWS

__all__ = ["Activation", "Table", "table"]


def __dir__():
    return __all__


class Activation(NamedTuple):
    """One activation.

    `kinks` has the places where the derivative jumps, with the derivative that holds there;
    `function` and `module` are the activation itself, and `settings` the numbers that the formula
    names, as the module has them by default.
    """

    name: str
    formula: str
    derivative: str
    range: str
    kinks: Mapping[float, float]
    function: Callable[..., Any]
    module: type[nn.Module]
    settings: Mapping[str, float]
    source: str


class Table(list[Activation]):
    """Rows of activations; printed, it is a text table."""

    _WIDTHS = (18, 42, 42, 16, 12)

    def __str__(self):
        lines = [*self._lines("name", "f(x)", "f'(x)", "range", "at kinks")]
        lines += ["  ".join("-" * width for width in self._WIDTHS)]
        for row in self:
            settings = "".join(f", {k} = {v:.5g}" for k, v in row.settings.items())
            kinks = ", ".join(f"f'({k:g}) = {v:.4g}" for k, v in row.kinks.items())
            lines += self._lines(row.name, row.formula + settings, row.derivative, row.range, kinks)
        return "\n".join(lines)

    __repr__ = __str__

    def _lines(self, *cells):
        wrapped = [
            textwrap.wrap(cell, width) for cell, width in zip(cells, self._WIDTHS, strict=True)
        ]
        for i in range(max(map(len, wrapped))):
            parts = [
                (lines[i] if i < len(lines) else "").ljust(width)
                for lines, width in zip(wrapped, self._WIDTHS, strict=True)
            ]
            yield "  ".join(parts).rstrip()


def table() -> Table:
    """All activations, in a new list that prints as a table.

    Example:
        >>> rows = {row.name: row for row in chainrule.activations.table()}
        >>> rows["ReLU"].formula, rows["ReLU"].range, rows["ReLU"].kinks
        ('max(x, 0)', '[0, inf)', {0.0: 0.0})
        >>> [name for name, row in rows.items() if row.range == "(-1, 1)"]
        ['Tanh', 'Softsign']
    """
    return Table(_row(**definition) for definition in ROWS)


def _row(
    module, function, formula, derivative, range, kinks=(), arguments=None, constants=None
) -> Activation:
    made = getattr(nn, module)(**(arguments or {}))
    settings = dict(constants or {})
    for name in re.findall(r"[a-z_]{2,}|\bb\b", f"{formula} {derivative}"):
        if hasattr(made, name) and name not in settings:
            settings[name] = float(getattr(made, name))
    places = [_value(place, settings) for place in kinks]
    shown = ", ".join(f"{k}={v!r}" for k, v in (arguments or {}).items())
    return Activation(
        name=f"{module}({shown})" if shown else module,
        formula=formula,
        derivative=derivative,
        range=range,
        kinks={x: _value(derivative, {**settings, "x": x}) for x in places},
        function=getattr(nn.functional if hasattr(nn.functional, function) else _core, function),
        module=type(made),
        settings=settings,
        source=_source(type(made)),
    )


def _value(expression: str, names: Mapping[str, float]) -> float:
    """One of the expressions of _activation_rows, which need no more than `math`."""
    return float(eval(expression, {**vars(math), **names}))


def _source(module: type) -> str:
    """What the docstring says after "Source:"."""
    found = re.search(r"Source: (.*?)\.?(?:\n\n|\Z)", inspect.getdoc(module) or "", re.DOTALL)
    return " ".join(found[1].split()) if found else ""
