"""What functions written in Python check of their arguments, as the parser does for native ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._core import Tensor


def require_tensor(op: str, value: Any) -> Tensor:
    """`value`; TypeError unless it is a Tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"[{op}] expected a Tensor; got {type(value).__name__}.")
    return value


def require_number(op: str, name: str, value: Any) -> Any:
    """`value`; TypeError unless it is a number, also one of NumPy or a tensor of one element."""
    try:
        if not isinstance(value, str | bytes):
            float(value)
            return value
    except (TypeError, ValueError):
        pass
    raise TypeError(f"[{op}] expected {name} to be a number; got {value!r:.60}.")


def require_callable(op: str, value: Any) -> Any:
    """`value`; TypeError unless it can be called."""
    if not callable(value):
        raise TypeError(f"[{op}] expected a function; got {type(value).__name__}.")
    return value


def require_length(op: str, value: Any) -> int:
    """How many samples `value` has; TypeError where it does not say."""
    if not hasattr(value, "__len__"):
        raise TypeError(f"[{op}] expected samples of a known number; got {type(value).__name__}.")
    return len(value)


def tensor_list(op: str, tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One tensor or several as a list; TypeError for anything else among them."""
    if isinstance(tensors, Tensor):
        return [tensors]
    if not isinstance(tensors, Iterable):
        raise TypeError(f"[{op}] expected a Tensor or tensors; got {type(tensors).__name__}.")
    return [require_tensor(op, tensor) for tensor in tensors]
