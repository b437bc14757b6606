"""The numbers of a group: their ranges, and the tensor that a native update reads them from."""

from __future__ import annotations

from collections import namedtuple

from .. import _core
from .._checks import as_float
from .._core import Tensor
from . import _rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Range(namedtuple("Range", ("holds", "text"))):
    """What a setting may be, by a function and in words; {} in `text` is its name."""

    __slots__ = ()

    def check(self, optimizer, name, value):
        """Raise unless `value` is a number of this range; nan is in none."""
        if not self.holds(as_number(optimizer, name, value)):
            raise ValueError(f"[{optimizer}] expected {self.text.format(name)}; got {value}.")


NOT_NEGATIVE = Range(lambda x: x >= 0, "{} >= 0")
BELOW_1 = Range(lambda x: 0 <= x < 1, "0 <= {} < 1")
UP_TO_1 = Range(lambda x: 0 <= x <= 1, "0 <= {} <= 1")
FINITE = Range(lambda x: abs(x) < float("inf"), "a finite {}")
ANY = Range(lambda x: True, "{}")


def check_lr(optimizer, lr):
    """lr is a number >= 0, a tensor of one element, or a function of the count of steps."""
    if callable(lr):
        lr = _rate.value_of(optimizer, {"lr": lr})
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError(
                f"[{optimizer}] expected lr to have one element; got shape {tuple(lr.shape)}."
            )
        lr = lr.item()
    NOT_NEGATIVE.check(optimizer, "lr", lr)


def as_number(optimizer, name, value) -> float:
    """The value of a setting; TypeError unless it is a number, ValueError beyond all floats."""
    if isinstance(value, Tensor):
        raise TypeError(
            f"[{optimizer}] expected {name} to be a number; got {value!r:.60}. Only lr may be a "
            "tensor."
        )
    return as_float(optimizer, name, value)


class Hyper:
    """The numbers of one group as a tensor; written only when they have changed."""

    def __init__(self, names):
        self.names = names
        # Plain memory: writing a setting is no operation, so a recorder sees no constant.
        with _core._PauseRecording():
            self.tensor = _core.zeros(len(names), dtype=_core.float64)
            self._numbers: Any = memoryview(self.tensor)
        self._last = None

    def refresh(self, optimizer, values):
        """Write `values`. The first may be a tensor: it is copied by an operation, never read."""
        if isinstance(values[0], Tensor):  # lr
            self.tensor[0].copy_(values[0].detach().reshape(()))
            first, values = 1, values[1:]
        else:
            first = 0
        try:
            if values == self._last:
                return
        except ValueError:  # an array among them, which is no number either
            pass
        numbers = [
            as_number(optimizer, name, value)
            for name, value in zip(self.names[first:], values, strict=True)
        ]
        for index, number in enumerate(numbers, first):
            self._numbers[index] = number
        self._last = tuple(numbers)  # not `values`: an object may become another number
