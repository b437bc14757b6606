"""Borders made of an input's own values, for the padding modes of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._core import Tensor

MODES = ("zeros", "reflect", "replicate", "circular")


def with_edges(layer: str, input: Tensor, pads: Sequence[tuple[int, int]], mode: str) -> Tensor:
    """`input` with (before, after) more values at each of its last dimensions.

    Mode "reflect" mirrors at the first and last value, which is not repeated, "replicate" repeats
    that, "circular" goes on at the other end.
    """
    for i, (before, after) in enumerate(pads):
        if before == after == 0:
            continue
        dim = input.dim() - len(pads) + i
        size = input.shape[dim]
        _check(layer, mode, size, max(before, after))
        places = _places(mode, _core.arange(-before, size + after), size)
        input = input.index_select(dim, places)
    return input


def _places(mode, at, size):
    if mode == "reflect":
        return (size - 1) - ((size - 1) - at.abs()).abs()
    if mode == "replicate":
        return at.clamp(0, size - 1)
    return at.remainder(size)


def _check(layer, mode, size, wanted):
    most = {"reflect": size - 1, "circular": size}.get(mode, wanted if size > 0 else 0)
    if wanted > most:
        raise _core.ShapeError(
            f"[{layer}] expected padding of at most {max(most, 0)} with padding_mode={mode!r} and a "
            f"side of {size}; got {wanted}."
        )
