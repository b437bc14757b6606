"""Borders of one value or of an input's own, for `pad` and for the padding modes of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._core import Tensor

MODES = ("zeros", "reflect", "replicate", "circular")


def with_edges(
    op: str, name: str, input: Tensor, pads: Sequence[tuple[int, int]], mode: str
) -> Tensor:
    """`input` with (before, after) more values at each of its last dimensions; fewer below 0.

    Mode "reflect" mirrors at the first and last value, which is not repeated, "replicate" repeats
    that, "circular" goes on at the other end of what is left. `name` is the argument of `op` that
    holds the mode.
    """
    if input.dtype is _core.bfloat16 and len(pads) > 1:  # gradients, which add up, are rounded once
        return with_edges(op, name, input.float(), pads, mode).to(_core.bfloat16)
    for i, (before, after) in enumerate(pads):
        dim = input.dim() - len(pads) + i
        size = input.shape[dim]
        _check(op, name, mode, size, before, after)
        if before == after == 0:
            continue
        try:
            input = input.index_select(dim, _places(mode, before, after, size))
        except (_core.OutOfMemory, OverflowError) as error:
            raise _under_name(op, error) from None
    return input


def with_constant(op: str, input: Tensor, pads: Sequence[tuple[int, int]], value: float) -> Tensor:
    """A tensor of its own with (before, after) more values at each of the last dimensions."""
    sizes, window = list(input.shape), input
    places = []
    for dim, (before, after) in enumerate(pads, input.dim() - len(pads)):
        size = sizes[dim]
        left = _left_of(size, before, after)
        _check_rest(op, size, before, after, left)
        if left < size:
            window = window.narrow(dim, max(-before, 0), left)
        sizes[dim] += before + after
        places.append((dim, max(before, 0), left))
    if all(max(pair) <= 0 for pair in pads):
        return window.clone()
    try:
        out = _core.full(sizes, value, dtype=input.dtype)
    except (_core.OutOfMemory, OverflowError, ValueError, TypeError) as error:
        raise _under_name(op, error) from None
    place = out
    for dim, start, length in places:
        place = place.narrow(dim, start, length)
    place.copy_(window)
    return out


def _under_name(op: str, error: Exception) -> Exception:
    """`error` of a function that `op` is made of, as one of `op`: "[full] ..." as "[pad] ..."."""
    return type(error)(f"[{op}]{str(error).partition(']')[2]}")


def _places(mode, before, after, size):
    at = _core.arange(-before, size + after)
    if mode == "reflect":
        return (size - 1) - ((size - 1) - at.abs()).abs()
    if mode == "replicate":
        return at.clamp(0, size - 1)
    first, left = max(-before, 0), _left_of(size, before, after)
    return (at - first).remainder(max(left, 1)) + first


def _check(op, name, mode, size, before, after):
    wanted, left = max(before, after), _left_of(size, before, after)
    most = {"reflect": size - 1, "circular": left}.get(mode, wanted if size > 0 else 0)
    if wanted > max(most, 0):
        raise _core.ShapeError(
            f"[{op}] expected padding of at most {max(most, 0)} with {name}={mode!r} and a side "
            f"of {size}; got {wanted}."
        )
    _check_rest(op, size, before, after, size + before + after)


def _left_of(size: int, before: int, after: int) -> int:
    """How many values negative numbers of padding leave."""
    return size + min(before, 0) + min(after, 0)


def _check_rest(op: str, size: int, before: int, after: int, rest: int) -> None:
    """ShapeError if `rest`, which (before, after) make of a side of `size`, is negative."""
    if rest < 0:
        raise _core.ShapeError(
            f"[{op}] expected padding that takes at most {size} values from a side of {size}; got "
            f"{(before, after)}."
        )
