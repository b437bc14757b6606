"""What layers check of the sizes they are made with."""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def require_size(layer: str, name: str, size: Any, least: int = 0) -> int:
    """`size` as an int; TypeError unless it is an integer, ValueError below `least`."""
    try:
        whole = operator.index(size)
    except TypeError:
        raise TypeError(f"[{layer}] expected {name} to be an int; got {size!r:.60}.") from None
    if whole < least:
        raise ValueError(f"[{layer}] expected {name} >= {least}; got {size}.")
    return whole
