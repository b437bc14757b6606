"""A learning rate that is a function of the count of steps, `lr=optim.schedules.exponential(...)`.

The count is a tensor in the group, `lr_step`, which the update advances, and the function is tensor
arithmetic on it: so a replay of a compiled step computes the rate and counts by itself, and one that
fails has not counted. Each group counts its own steps.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import _core
from .._checks import as_float
from .._core import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Rate = float | Tensor | Callable[[Tensor], Tensor | float]  # what `lr=` of an optimizer takes
STEP = "lr_step"


def count(group: dict[str, Any]) -> Tensor:
    """How many steps the group has had, a 0-d float64 tensor; a number that its user has put there
    becomes one."""
    steps = group.get(STEP, 0)
    if not isinstance(steps, Tensor):
        with _core._PauseRecording():  # plain memory, no operation
            steps = _core.tensor(float(steps), dtype=_core.float64)
        dict.__setitem__(group, STEP, steps)  # no change of a setting: nothing has read it
    return steps


def evaluated(op: str, group: dict[str, Any], values: tuple) -> tuple:
    """The settings with the rate of this step, a tensor, in the place of the function."""
    with _core.no_grad():
        lr = group["lr"](count(group))
        if not isinstance(lr, Tensor):
            lr = _core.full((), as_float(op, "what lr returns", lr), dtype=_core.float64)
        elif lr.numel() != 1:
            raise _one_element(op, lr)
    return lr, *values[1:]


def advance(groups: list[dict[str, Any]]) -> None:
    """One more step is done."""
    for group in groups:
        if callable(group["lr"]):
            with _core.no_grad():
                count(group).add_(1)


class Same:
    """Keeps an object, and is equal where it is the same: an id alone may come back."""

    __slots__ = ("_kept",)

    def __init__(self, kept):
        self._kept = kept

    def __eq__(self, other):
        return isinstance(other, Same) and self._kept is other._kept


def baked(group: dict[str, Any]) -> tuple[Same, Same]:
    """What tells a rate apart that a step has baked in: a tensor, or a function and its count; a
    number it has not."""
    lr = group["lr"]
    if callable(lr):
        return Same(lr), Same(group.get(STEP))
    return Same(lr if isinstance(lr, Tensor) else None), Same(None)


def watched(group: dict[str, Any]) -> list[tuple[dict, str]]:
    """(dict, key) of what `evaluated` reads beside the settings."""
    return [(group, STEP)] if callable(group["lr"]) else []


def pack(op: str, group: dict[str, Any], packed: dict[str, Any]) -> None:
    """Into a state dict go the rate of the next step and the count; the function is code, which the
    optimizer that loads it has itself."""
    if callable(group["lr"]):
        packed["lr"] = value_of(op, group)
        packed[STEP] = count(group)


def unpack(op: str, group: dict[str, Any], saved: dict[str, Any]) -> None:
    """Leaves in `saved` what counts for the group: its function goes on at the saved count."""
    if STEP in saved:
        steps = as_float(op, STEP, saved[STEP])
        if not 0 <= steps < float("inf"):
            raise ValueError(f"[{op}] expected {STEP} >= 0; got {steps}.")
        saved[STEP] = _core.tensor(steps, dtype=_core.float64)
    if callable(group["lr"]):
        if STEP not in saved:
            raise ValueError(
                f"[{op}] expected {STEP}, the steps that a schedule given as lr has had; got none. Set "
                '"lr" of the groups after loading.'
            )
        del saved["lr"]


def value_of(op: str, group: dict[str, Any]) -> float:
    """The learning rate of the next step as a number."""
    lr = group["lr"]
    if callable(lr):
        with _core.no_grad():
            lr = lr(count(group).clone())
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise _one_element(op, lr)
        return lr.item()
    return as_float(op, "what lr returns", lr)


def _one_element(op, lr):
    return ValueError(f"[{op}] expected lr to have one element; got shape {tuple(lr.shape)}.")
