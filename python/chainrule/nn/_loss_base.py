"""What the losses' modules share: their reduction, their weight, checks of their settings."""

from __future__ import annotations

from .._checks import is_array, require_number, shown, tensor_hint, type_name
from .._core import Tensor
from ._module import Module
from ._reduction import REDUCTIONS, reduction_name


class Loss(Module):
    """A loss with a reduction, checked when it is made."""

    _reductions = REDUCTIONS

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean"):
        super().__init__()
        _refuse_tensors(self, size_average, reduce)
        self.reduction = reduction_name(reduction, size_average, reduce)
        if self.reduction not in self._reductions:
            *most, last = (repr(name) for name in self._reductions)
            raise ValueError(
                f"[{type(self).__name__}] expected reduction to be {', '.join(most)} or {last}; "
                f"got {reduction!r}."
            )


class WeightedLoss(Loss):
    """A loss whose weight is a buffer."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None, size_average, reduce, reduction: str):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", optional_tensor(self, "weight", weight))


def optional_tensor(loss, name, value):
    """`value`; TypeError unless it is a Tensor or None."""
    if value is not None and not isinstance(value, Tensor):
        raise TypeError(
            f"[{type(loss).__name__}] expected {name} to be a Tensor or None; got "
            f"{type_name(value)}.{tensor_hint(value, name)}"
        )
    return value


def _refuse_tensors(loss, *settings):
    """TypeError for the tensors that a call of the loss takes, handed to its constructor."""
    for setting in settings:
        if is_array(setting):
            name = type(loss).__name__
            raise TypeError(f"[{name}] expected settings of the loss; got {shown(name, setting)}")


def number(loss, name, value):
    """`value`; TypeError unless it is a number."""
    _refuse_tensors(loss, value)
    return require_number(type(loss).__name__, name, value)


def at_least_zero(loss, name, value):
    """`value`; ValueError unless it is >= 0."""
    if not number(loss, name, value) >= 0:
        raise ValueError(f"[{type(loss).__name__}] expected {name} >= 0; got {value}.")
    return value


def power(loss, p):
    """`p`; ValueError unless it is 1 or 2."""
    if number(loss, "p", p) not in (1, 2):
        raise ValueError(f"[{type(loss).__name__}] expected p to be 1 or 2; got {p}.")
    return p
