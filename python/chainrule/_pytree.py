"""Nested dicts, lists and tuples of tensors: the arguments of `grad` and `value_and_grad`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ._core import Tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def mapped(value: Any, leaf: Callable[..., Any], other: Callable[..., Any], path: str) -> Any:
    """The same structure with leaf(tensor, path) in the place of every tensor, None kept as it is,
    and other(value, path) in the place of everything else.
    """
    if isinstance(value, Tensor):
        return leaf(value, path)
    if value is None:
        return None
    if isinstance(value, dict):
        pairs = [(k, mapped(v, leaf, other, f"{path}[{k!r}]")) for k, v in value.items()]
        own = (value.default_factory,) if isinstance(value, defaultdict) else ()
        kind: Any = type(value)
        return kind(*own, pairs)
    if isinstance(value, (list, tuple)):
        items = [mapped(v, leaf, other, f"{path}[{i}]") for i, v in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return other(value, path)
