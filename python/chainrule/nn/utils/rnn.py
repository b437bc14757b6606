"""Sequences of several lengths as one tensor, and back: `nn.utils.rnn`."""

from __future__ import annotations

from collections.abc import Iterable

from ... import _core
from ..._checks import require_bool, require_number, require_tensor, tensor_list
from ..._core import Tensor
from ..._later import absent
from .._edges import with_constant

__all__ = ["pad_sequence", "unpad_sequence"]


def __dir__():
    return __all__


_PADDED = (
    "nn.utils.rnn.pad_sequence(sequences, batch_first=True), mask what is behind the ends, and read "
    "output[chainrule.arange(B), lengths - 1] in place of h_n. The backward half of a bidirectional "
    "layer begins in the padding: give another layer each sequence flipped"
)

__getattr__ = absent(
    __name__,
    dict.fromkeys(
        ("PackedSequence", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence"), _PADDED
    ),
)


def pad_sequence(
    sequences: Tensor | Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences (L, *) of several lengths as columns of one tensor, as long as the longest.

    Args:
        sequences: at least one, of one dtype and with equal sizes after the first. A tensor is its
            rows.
        batch_first: sequences as rows.
        padding_value: what fills up the shorter ones, cut to their dtype: 0.5 is 0 among integers.
            One beyond its range is a ValueError.
        padding_side: "right", behind their ends, or "left".

    Shapes: output (T, B, *), or (B, T, *) with batch_first, for B sequences of which the longest has
    T elements. ShapeError, DtypeError or ValueError for others.

    Example:
        >>> lines = [chainrule.tensor([1, 2, 3]), chainrule.tensor([4])]
        >>> nn.utils.rnn.pad_sequence(lines, batch_first=True, padding_value=-1)
        tensor([[ 1,  2,  3],
                [ 4, -1, -1]])
    """
    op = "pad_sequence"
    rows = list(sequences.unbind()) if isinstance(sequences, Tensor) else tensor_list(op, sequences)
    require_bool(op, "batch_first", batch_first)
    require_number(op, "padding_value", padding_value)
    if padding_side not in ("left", "right"):
        raise ValueError(
            f"[{op}] expected padding_side to be 'left' or 'right'; got {padding_side!r:.60}."
        )
    if not rows:
        raise ValueError(f"[{op}] expected at least one sequence; got none.")
    _check_alike(op, rows)
    longest = max(row.shape[0] for row in rows)
    wide = []
    for row in rows:
        lack = longest - row.shape[0]
        ends = (lack, 0) if padding_side == "left" else (0, lack)
        wide.append(with_constant(op, row, [ends] + [(0, 0)] * (row.dim() - 1), padding_value))
    return _core.stack(wide, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False
) -> list[Tensor]:
    """The sequences that `pad_sequence` made one tensor of, padded on the right.

    Args:
        padded_sequences: (T, B, *), or (B, T, *) with batch_first.
        lengths: (B,), integers in [0, T]. Their values are read, which is not captured.

    Example:
        >>> padded = chainrule.tensor([[1, 2, 3], [4, -1, -1]])
        >>> nn.utils.rnn.unpad_sequence(padded, chainrule.tensor([3, 1]), batch_first=True)
        [tensor([1, 2, 3]), tensor([4])]
    """
    op = "unpad_sequence"
    require_tensor(op, padded_sequences)
    require_bool(op, "batch_first", batch_first)
    if padded_sequences.dim() < 2:
        raise _core.ShapeError(
            f"[{op}] expected padded sequences of at least 2 dimensions; got shape "
            f"{tuple(padded_sequences.shape)}."
        )
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    count, longest = rows.shape[:2]
    if require_tensor(op, lengths).is_floating_point() or lengths.dtype is _core.bool:
        raise _core.DtypeError(f"[{op}] expected integers as lengths; got {lengths.dtype}.")
    if tuple(lengths.shape) != (count,):
        raise _core.ShapeError(
            f"[{op}] expected one length for each of {count} sequences; got shape "
            f"{tuple(lengths.shape)}."
        )
    numbers = lengths.tolist()
    for number in numbers:
        if not 0 <= number <= longest:
            raise ValueError(f"[{op}] expected lengths in [0, {longest}]; got {number}.")
    return [row[:number].clone() for row, number in zip(rows.unbind(), numbers, strict=True)]


def _check_alike(op, rows):
    first = rows[0]
    for row in rows:
        if row.dim() == 0 or row.shape[1:] != first.shape[1:]:
            raise _core.ShapeError(
                f"[{op}] expected sequences of at least 1 dimension and of equal sizes after the "
                f"first; got {tuple(first.shape)} and {tuple(row.shape)}."
            )
        if row.dtype is not first.dtype:
            raise _core.DtypeError(
                f"[{op}] expected sequences of one dtype; got {first.dtype} and {row.dtype}."
            )
