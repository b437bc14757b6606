"""autocast: products in bfloat16 from float32 parameters, everything that adds up in float32.

The policy of each operation is part of the operation table (`autocast` of cpp/ops/op.h).
"""

from __future__ import annotations

from ._checks import type_name
from ._core import DtypeError, _is_autocast_enabled, _set_autocast, bfloat16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self, TypeVar

    from ._core import dtype as _dtype

    _F = TypeVar("_F", bound=Callable[..., Any])


class autocast:  # PyTorch's name
    """Context manager and decorator: products run in bfloat16, sums and losses in float32.

    `linear`, `matmul` and the other products take their floating inputs in bfloat16 (float64 stays
    as it is), add up in float32 and give bfloat16; reductions, norms, softmax and losses take
    theirs in float32. Every other operation runs in the dtypes it meets. Parameters stay float32,
    and so do their gradients; backward runs in the dtypes of forward, inside the block or after it.

    Example:
        >>> net, x = chainrule.nn.Linear(4, 2), chainrule.ones(3, 4)
        >>> with chainrule.autocast("cpu", dtype=chainrule.bfloat16):
        ...     y = net(x)
        >>> y.sum().backward()
        >>> y.dtype, net.weight.grad.dtype
        (chainrule.bfloat16, chainrule.float32)
    """

    def __init__(
        self, device_type: str = "cpu", dtype: _dtype | None = None, enabled: bool = True
    ) -> None:
        if not isinstance(device_type, str):
            raise TypeError(
                f"[autocast] expected a device type such as 'cpu'; got {device_type!r}. As a "
                "decorator it is written @autocast()."
            )
        if device_type != "cpu":
            raise ValueError(f"[autocast] expected device_type 'cpu'; got {device_type!r}.")
        if dtype is not None and dtype is not bfloat16:
            raise DtypeError(f"[autocast] expected dtype bfloat16; got {dtype!r}.")
        if not isinstance(enabled, bool):
            raise TypeError(f"[autocast] expected a bool for 'enabled'; got {enabled!r}.")
        self._enabled = enabled
        self._saved: list[bool] = []  # one per entry, so that one object may be entered again

    def __enter__(self) -> Self:
        self._saved.append(_set_autocast(self._enabled))
        return self

    def __exit__(self, *error: object) -> None:
        _set_autocast(self._saved.pop())

    def __call__(self, function: _F) -> _F:
        from ._modes import decorate

        if not callable(function):
            raise TypeError(f"[autocast] expected a function; got {type_name(function)}.")
        return decorate(self, function)

    def _fresh(self) -> autocast:
        return autocast(enabled=self._enabled)

    def __repr__(self) -> str:
        return f"autocast(enabled={self._enabled})"


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """Whether autocast is on now, on this thread."""
    return device_type == "cpu" and _is_autocast_enabled()
