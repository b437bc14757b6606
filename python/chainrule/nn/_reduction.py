"""The reductions of losses by name, and PyTorch's old flags for them."""

from __future__ import annotations

from .._warn import warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

REDUCTIONS = ("none", "mean", "sum")


def reduction_name(reduction, size_average, reduce) -> Any:
    """The old flags as PyTorch reads them: reduce=False is "none", size_average=False "sum"."""
    if size_average is None and reduce is None:
        return reduction
    for flag in (size_average, reduce):
        if flag is not None and not isinstance(flag, bool):
            raise TypeError(
                f"[loss] expected size_average and reduce, PyTorch's old flags, as bools; "
                f"got {flag!r:.60}. A reduction is given by name: reduction='sum'."
            )
    if reduce is not None and not reduce:
        meant = "none"
    else:
        meant = "mean" if size_average is None or size_average else "sum"
    warn(
        f"[loss] expected reduction={meant!r}; got size_average or reduce, PyTorch's old spelling.",
    )
    return meant
