"""What one case of an operation is, and the registry that the operation tests run over.

A case names an operation as users reach it, its twin in NumPy, and samples. The twin is called with
NumPy arrays: extended precision for floating inputs, the very dtype for integers and bools. Tests
run every case over instruction sets, dtypes, layouts, eager and replayed (ops/test_ops_matrix.py),
and compare gradients with numerical derivatives of the twin (ops/test_gradients.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

FLOATS = ("float32", "float64")
# Below, at and above the width of every vector unit, with tails of each kind.
LENGTHS = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 67)


@dataclass(frozen=True)
class In:
    """An input tensor: random, of a shape, in a domain."""

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float"  # "float": the dtype of the run; else the dtype itself
    grad: bool = True  # whether the operation is differentiable by it
    away: tuple[float, ...] = ()  # kinks, from which every element keeps a distance of 0.05
    values: Any = None  # given values instead of random ones

    def make(self, rng: np.random.Generator, dtype: str) -> np.ndarray:
        """The array for a run in `dtype`."""
        own = dtype if self.dtype == "float" else self.dtype
        if self.values is not None:
            return np.asarray(self.values, dtype=own)
        if own == "bool":
            return rng.random(self.shape) < 0.5
        if np.dtype(own).kind in "iu":
            return rng.integers(int(self.low), int(self.high), self.shape, endpoint=True).astype(
                own
            )
        x = rng.uniform(self.low, self.high, self.shape)
        for kink in self.away:
            x = np.where(np.abs(x - kink) < 0.05, kink + np.where(x < kink, -0.05, 0.05), x)
        return np.asarray(x, dtype=own)

    @property
    def differentiable(self) -> bool:
        return self.grad and self.dtype in ("float", *FLOATS)


@dataclass(frozen=True)
class Sample:
    """The arguments of one call; `In` stands for a tensor, a list of `In` for a list of tensors."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def inputs(self) -> Iterator[In]:
        for value in (*self.args, *self.kwargs.values()):
            if isinstance(value, In):
                yield value
            elif isinstance(value, list):
                yield from (v for v in value if isinstance(v, In))

    def fill(self, values: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments with `values` in the place of the inputs, in their order."""
        rest = iter(values)

        def put(value):
            if isinstance(value, In):
                return next(rest)
            if isinstance(value, list) and any(isinstance(v, In) for v in value):
                return [put(v) for v in value]
            return value

        return [put(v) for v in self.args], {k: put(v) for k, v in self.kwargs.items()}


@dataclass(frozen=True)
class Bad:
    """A call that must fail, with what its message must say (a regular expression)."""

    error: type[Exception] | tuple[type[Exception], ...]
    match: str
    sample: Sample


@dataclass(frozen=True)
class Case:
    """One operation under test.

    `name` is the attribute path from the package ("linalg.vector_norm", "Tensor.relu_"), `twin`
    takes the same arguments as arrays. A result x is right when |x - twin| <= ulp * spacing(twin) +
    scale * eps * magnitude(inputs): `ulp` is the kernel's stated error, `scale` is for sums, whose
    terms may cancel (`magnitude` is the largest absolute value that the twin was given or
    returned).
    """

    name: str
    twin: Callable[..., Any]
    samples: tuple[Sample, ...]
    ulp: float = 1.0
    scale: float = 0.0
    dtypes: tuple[str, ...] = FLOATS  # of the runs; ("int64",) and the like must be equal
    gradient: bool = True
    second: bool = True  # the second derivative exists on the samples
    dense: bool = False  # a view that exists for dense inputs only
    replays: bool = True  # else its shape or value depends on data and a program refuses it
    bad: tuple[Bad, ...] = ()
    label: str = ""

    @property
    def id(self) -> str:
        return self.name + (f"-{self.label}" if self.label else "")

    def but(self, **changes) -> Case:
        """The same case with other fields."""
        return replace(self, **changes)


def samples(*calls) -> tuple[Sample, ...]:
    """Samples from tuples of arguments; a trailing dict holds the keyword arguments."""
    made = []
    for call in calls:
        call = call if isinstance(call, tuple) else (call,)
        if call and isinstance(call[-1], dict):
            made.append(Sample(call[:-1], call[-1]))
        else:
            made.append(Sample(call))
    return tuple(made)


def all_cases() -> list[Case]:
    """Every registered case, ids unique."""
    import op_cases
    import op_cases_shape

    cases = [*op_cases.CASES, *op_cases_shape.CASES]
    ids = [c.id for c in cases]
    repeated = sorted({i for i in ids if ids.count(i) > 1})
    if repeated:
        raise ValueError(f"cases with one id: {repeated}; give them labels")
    return cases
