"""What the schedulers check of their arguments, and how they read and write groups."""

from __future__ import annotations

import math

from ..._checks import as_float, index_of, object_hint, type_name
from ..._core import Tensor, no_grad
from .._optimizer import Optimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def number(op: str, name: str, value: Any, least: float | None = None, most: float | None = None):
    """`value`; TypeError unless it is a number, ValueError unless it is finite and in range."""
    if isinstance(value, Tensor):
        raise TypeError(f"[{op}] expected {name} to be a number; got {value!r:.60}.")
    known = as_float(op, name, value)
    low, high = least is None or known >= least, most is None or known <= most
    if not (math.isfinite(known) and low and high):
        raise ValueError(f"[{op}] expected {_range(name, least, most)}; got {value!r:.60}.")
    return value


def _range(name, least, most):
    if least is None and most is None:
        return f"{name} to be finite"
    left = "" if least is None else f"{least} <= "
    return f"{left}{name}" + ("" if most is None else f" <= {most}")


def positive(op: str, name: str, value: Any):
    """`value`; TypeError unless it is a number, ValueError unless it is finite and above 0."""
    if not number(op, name, value) > 0:
        raise ValueError(f"[{op}] expected {name} > 0; got {value!r:.60}.")
    return value


def integer(op: str, name: str, value: Any, least: int | None = 1, kind: type = TypeError) -> int:
    """`value`; `kind` of error unless it is an integer, ValueError unless it is >= `least`."""
    try:
        whole = index_of(op, name, value)
    except TypeError as error:
        raise kind(*error.args) from None
    if least is not None and whole < least:
        raise ValueError(f"[{op}] expected {name} >= {least}; got {value}.")
    return whole


def one_of(op: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value`; ValueError unless it is one of the choices."""
    if value not in choices:
        names = " or ".join(map(repr, choices))
        raise ValueError(f"[{op}] expected {name} to be {names}; got {value!r:.60}.")
    return value


def require_optimizer(op: str, optimizer: Any) -> Optimizer:
    """`optimizer`; TypeError unless it is one, ValueError unless its groups have a learning rate."""
    if not isinstance(optimizer, Optimizer):
        hint = object_hint(optimizer, "net.parameters()")
        raise TypeError(f"[{op}] expected an Optimizer; got {type_name(optimizer)}.{hint}")
    if not all("lr" in group for group in optimizer.param_groups):
        raise ValueError(f"[{op}] expected 'lr' in every group of the optimizer; got none in one.")
    if any(callable(group["lr"]) for group in optimizer.param_groups):
        raise TypeError(
            f"[{op}] expected a number or a tensor as lr of every group; got a schedule, which needs "
            "no scheduler."
        )
    return optimizer


def per_group(op: str, name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One finite number >= 0 for each group; of a list or tuple, its entries."""
    groups = len(optimizer.param_groups)
    several = isinstance(value, list | tuple)
    if several and len(value) != groups:
        raise ValueError(f"[{op}] expected {name} for {groups} groups; got {len(value)} numbers.")
    return [number(op, name, v, 0) for v in (value if several else [value] * groups)]


def values_of(optimizer: Optimizer, key: str) -> list[Any]:
    """The groups' values, with copies of tensors."""
    return [kept(group[key]) for group in optimizer.param_groups]


def kept(value):
    """What stays as it is when the group changes."""
    return value.detach().clone() if isinstance(value, Tensor) else value


def set_lr(op: str, group: dict[str, Any], lr: Any) -> None:
    """Write a learning rate; a tensor is filled, as a compiled step may have it."""
    present = group["lr"]
    if isinstance(present, Tensor):
        with no_grad():
            present.fill_(lr.reshape(()) if isinstance(lr, Tensor) else lr)
        return
    if type(lr) not in (float, int):
        lr = as_float(op, "lr", lr)
    group["lr"] = lr
