"""What layers check of the sizes they are made with."""

from __future__ import annotations

from .._checks import index_of, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def require_size(layer: str, name: str, size: Any, least: int | None = 0) -> int:
    """`size` as an int; TypeError unless it is an integer and no bool, ValueError below `least`,
    if any."""
    whole = index_of(layer, name, size)
    if least is not None and whole < least:
        raise ValueError(f"[{layer}] expected {name} >= {least}; got {size}.")
    return whole


def require_sizes(
    layer: str, name: str, sizes: Any, count: int, least: int | None
) -> tuple[int, ...]:
    """`count` sizes from that many, or from one for all; errors as in require_size."""
    if hasattr(type(sizes), "__index__"):
        return (require_size(layer, name, sizes, least),) * count
    if isinstance(sizes, str) or not hasattr(sizes, "__len__") or len(sizes) not in (1, count):
        form = "an int" if count == 1 else f"an int or {count} of them"
        raise TypeError(f"[{layer}] expected {name} to be {form}; got {shown(layer, sizes)}")
    each = tuple(require_size(layer, name, size, least) for size in sizes)
    return each * count if len(each) < count else each


def sizes_as_given(layer: str, name: str, sizes: Any, count: int, least: int) -> Any:
    """`sizes`, which is how layers print them; errors as in require_sizes."""
    require_sizes(layer, name, sizes, count, least)
    return sizes
