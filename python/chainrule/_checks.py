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


def tensor_list(op: str, tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """One tensor or several as a list; TypeError for anything else among them."""
    if isinstance(tensors, Tensor):
        return [tensors]
    if not isinstance(tensors, Iterable):
        raise TypeError(f"[{op}] expected a Tensor or tensors; got {type(tensors).__name__}.")
    return [require_tensor(op, tensor) for tensor in tensors]
