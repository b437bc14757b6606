"""Convolutions as functions. The native ones take numbers; padding by name is worked out here."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import require_tensor
from .._core import Tensor, _functional
from ._sizes import require_sizes


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """y[n, f, p] = bias[f] + Σ weight[f, c, i] x[n, c, p stride - padding + i dilation], zeros outside.

    Args:
        input: (N, C, L) or (C, L).
        weight: (F, C / groups, K).
        bias: (F,) or None.
        stride, dilation: >= 1.
        padding: zeros at both ends, >= 0; "valid" for none; "same" for as many as keep L, with a
            stride of 1, one more at the end where the number is odd. Two numbers are those of the
            beginning and the end.
        groups: a divisor of C and F; filters of a group see the channels of that group.

    Shapes: result (N, F, P) or (F, P) with P = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1.
    Sizes that do not fit, a P of 0 among them, are a ShapeError.

    Example:
        >>> x = chainrule.tensor([[1.0, 2.0, 4.0, 7.0]])
        >>> nn.functional.conv1d(x, chainrule.tensor([[[-1.0, 1.0]]]))
        tensor([[1., 2., 3.]])
    """
    if isinstance(padding, str):
        padding = _named_padding("conv1d", padding, weight, stride, dilation, 1)
    return _functional.conv1d(input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """conv1d along two sides: of images (N, C, H, W) or (C, H, W), with weight (F, C / groups, KH, KW).

    Each of stride, padding and dilation is an int, or one for the height and one for the width;
    four of padding are those of top, left, bottom and right.
    Shapes: result (N, F, PH, PW) or (F, PH, PW), each side as in conv1d.

    Example:
        >>> x, w = chainrule.ones(1, 3, 3), chainrule.ones(1, 1, 3, 3)
        >>> nn.functional.conv2d(x, w, padding="same")
        tensor([[[4., 6., 4.],
                 [6., 9., 6.],
                 [4., 6., 4.]]])
    """
    if isinstance(padding, str):
        padding = _named_padding("conv2d", padding, weight, stride, dilation, 2)
    return _functional.conv2d(input, weight, bias, stride, padding, dilation, groups)


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """(before, after) of each side, so that it keeps its size at a stride of 1."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(total // 2, total - total // 2) for total in totals]


def _named_padding(op, padding, weight, stride, dilation, sides):
    if padding == "valid":
        return 0
    if padding != "same":
        raise ValueError(f"[{op}] expected padding to be ints, 'same' or 'valid'; got {padding!r}.")
    if any(s != 1 for s in require_sizes(op, "stride", stride, sides, 1)):
        raise ValueError(f"[{op}] expected stride=1 with padding='same'; got {stride}.")
    kernel = tuple(require_tensor(op, weight).shape)[2:]
    if len(kernel) != sides or any(k < 1 for k in kernel):
        return 0  # refused where the sizes are looked at
    pairs = same_padding(kernel, require_sizes(op, "dilation", dilation, sides, 1))
    return [before for before, _ in pairs] + [after for _, after in pairs]
