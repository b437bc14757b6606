"""Padding as a function, made of operations that exist anyway."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._checks import index_of, require_number, require_tensor
from .._core import Tensor
from ._edges import MODES, with_constant, with_edges

_THEIR_MODES = (("edge", "replicate"), ("wrap", "circular"), ("zeros", "constant"))


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """`input` with more values at both ends of its last dimensions.

    Args:
        pad: for the last dimension how many come before and how many after, then for the one before
            it, and so on. Negative numbers take values away.
        mode: of what they are. "constant", `value`; "reflect", the input mirrored at its first and
            last value, which is not repeated; "replicate", that value again; "circular", what is at
            the other end.
        value: for "constant" alone, cut to the input's dtype: 1.7 is 1 among integers. One beyond
            its range is a ValueError. 0 when None.

    Shapes: sides of n become n + before + after. "constant" takes any number of dimensions; the
    others take (N, C, *) or (C, *), where * are the 1 to 3 dimensions that are padded. "reflect"
    takes at most n - 1 values, "circular" n. Sizes that do not fit are a ShapeError. Any dtype.

    Example:
        >>> x = chainrule.tensor([[1, 2, 3]])
        >>> pad(x, (1, 2))
        tensor([[0, 1, 2, 3, 0, 0]])
        >>> pad(x, (2, 1), mode="reflect")
        tensor([[3, 2, 1, 2, 3, 2]])
        >>> pad(x, (-1, 1), value=7)
        tensor([[2, 3, 7]])
    """
    pairs = _pairs(require_tensor("pad", input), pad)
    if mode == "constant":
        fill = 0 if value is None else require_number("pad", "value", value)
        return with_constant("pad", input, pairs, fill)
    if mode not in MODES[1:]:
        near = [ours for theirs, ours in _THEIR_MODES if mode == theirs]
        raise ValueError(
            f"[pad] expected mode to be one of {('constant', *MODES[1:])}; got {mode!r:.60}."
            + (f" Use {near[0]!r}." if near else "")
        )
    if value is not None and require_number("pad", "value", value) != 0:
        raise ValueError(f"[pad] expected no value with mode={mode!r}; got {value!r:.60}.")
    if not 1 <= len(pairs) <= 3 or input.dim() - len(pairs) not in (1, 2):
        raise _wrong_rank(input, pad, mode)
    wide = with_edges("pad", "mode", input, pairs, mode)
    return input.clone() if wide is input else wide


def _wrong_rank(input, pad, mode):
    """The ShapeError of a mode that pads another number of dimensions of such an input."""
    rank, given, sizes = input.dim(), len(pad) // 2, tuple(input.shape)
    counts = [count for count in (1, 2, 3) if rank - count in (1, 2)]
    hint = " Use input.unsqueeze(0)." if 1 <= given <= 3 and rank == given else ""
    if not counts:
        return _core.ShapeError(
            f"[pad] expected an input of 2 to 5 dimensions with mode={mode!r}; got {sizes}.{hint}"
        )
    if given < counts[0]:
        hint = f" Use {(*pad, *(0,) * (2 * (counts[0] - given)))}."
    return _core.ShapeError(
        f"[pad] expected {' or '.join(str(2 * count) for count in counts)} numbers, two for each "
        f"padded dimension, for an input of {rank} dimensions with mode={mode!r}; got {len(pad)} for "
        f"{sizes}.{hint}"
    )


def _form_hint(pad):
    """What to write for an int or NumPy's pairs."""
    if isinstance(pad, int):
        return f" Use {(pad,) * 2} for the last dimension, {(pad,) * 4} for the last two."
    if isinstance(pad, tuple | list) and all(
        isinstance(pair, tuple | list) and len(pair) == 2 for pair in pad
    ):
        return f" Use {tuple(n for pair in reversed(pad) for n in pair)}: the last dimension first."
    return ""


def _pairs(input, pad):
    """(before, after) of each padded dimension, in the order of the dimensions."""
    if not isinstance(pad, tuple | list) or any(isinstance(n, tuple | list) for n in pad):
        raise TypeError(
            f"[pad] expected pad to be a tuple of ints; got {pad!r:.60}.{_form_hint(pad)}"
        )
    if len(pad) % 2 != 0 or len(pad) > 2 * input.dim():
        raise _core.ShapeError(
            f"[pad] expected pad to have two numbers for each of at most {input.dim()} dimensions; "
            f"got {len(pad)} numbers."
        )
    numbers = [index_of("pad", f"pad[{i}]", number) for i, number in enumerate(pad)]
    return list(zip(numbers[-2::-2], numbers[::-2], strict=True))
