"""Pooling as functions: those that return places on demand, and sizes of which some stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._checks import require_bool, require_tensor
from .._core import Tensor, _functional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def max_pool1d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest value of each window along (N, C, L) or (C, L).

    Args:
        kernel_size: values of a window, >= 1.
        stride: from one window to the next, >= 1; kernel_size without one.
        padding: -inf at both ends, at most half of kernel_size.
        dilation: from one value of a window to the next, >= 1.
        ceil_mode: a last window may reach behind the end.
        return_indices: also the place of each in its line.

    Shapes: result (N, C, P) or (C, P) with P = ⌊(L + 2 padding - dilation (kernel_size - 1) - 1) /
    stride⌋ + 1, or ⌈⌉. Of equal values the first counts, and gets the gradient; NaN is the largest.

    Example:
        >>> nn.functional.max_pool1d(chainrule.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
        tensor([[5., 3.]])
    """
    require_bool("max_pool1d", "return_indices", return_indices)
    try:
        values, places = _functional.max_pool1d_with_indices(
            input, kernel_size, stride, padding, dilation, ceil_mode
        )
    except Exception as error:
        _name_as_called(error)
        raise
    return (values, places) if return_indices else values


def max_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """max_pool1d along two sides, of (N, C, H, W) or (C, H, W).

    Sizes are an int, or one for the height and one for the width; places count row by row.

    Example:
        >>> nn.functional.max_pool2d(chainrule.arange(16.0).reshape(1, 4, 4), 2)
        tensor([[[ 5.,  7.],
                 [13., 15.]]])
    """
    require_bool("max_pool2d", "return_indices", return_indices)
    try:
        values, places = _functional.max_pool2d_with_indices(
            input, kernel_size, stride, padding, dilation, ceil_mode
        )
    except Exception as error:
        _name_as_called(error)
        raise
    return (values, places) if return_indices else values


def adaptive_max_pool1d(
    input: Tensor, output_size: int | Sequence[int], return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest values of output_size windows of (N, C, L) or (C, L), places as in max_pool1d.

    Window o is from ⌊o L / output_size⌋ to ⌈(o + 1) L / output_size⌉.
    """
    require_bool("adaptive_max_pool1d", "return_indices", return_indices)
    try:
        values, places = _functional.adaptive_max_pool1d_with_indices(input, output_size)
    except Exception as error:
        _name_as_called(error)
        raise
    return (values, places) if return_indices else values


def adaptive_max_pool2d(
    input: Tensor,
    output_size: int | None | Sequence[int | None],
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """adaptive_max_pool1d along two sides, of (N, C, H, W) or (C, H, W).

    output_size is an int or two; None stands for the input's size.
    """
    op = "adaptive_max_pool2d"
    size = with_kept_sizes(op, output_size, lambda: _sides(op, input))
    require_bool(op, "return_indices", return_indices)
    try:
        values, places = _functional.adaptive_max_pool2d_with_indices(input, size)
    except Exception as error:
        _name_as_called(error)
        raise
    return (values, places) if return_indices else values


def adaptive_avg_pool2d(input: Tensor, output_size: int | None | Sequence[int | None]) -> Tensor:
    """The means of windows of (N, C, H, W) or (C, H, W), output_size of them along each side.

    Window o is from ⌊o H / size⌋ to ⌈(o + 1) H / size⌉. output_size is an int or two; None stands
    for the input's size.

    Example:
        >>> nn.functional.adaptive_avg_pool2d(chainrule.arange(6.0).reshape(1, 2, 3), (1, None))
        tensor([[[1.5000, 2.5000, 3.5000]]])
    """
    op = "adaptive_avg_pool2d"
    size = with_kept_sizes(op, output_size, lambda: _sides(op, input))
    return _functional.adaptive_avg_pool2d(input, size)


def _name_as_called(error):
    """The operation that returns places bears a longer name than the one that was called."""
    if error.args and isinstance(error.args[0], str):
        error.args = (error.args[0].replace("_with_indices", ""), *error.args[1:])


def with_kept_sizes(op: str, output_size: Any, sizes: Callable[[], Sequence[int]]) -> Any:
    """`output_size` with what `sizes` gives, those of the input, in the place of None."""
    if output_size is None:
        return sizes()
    if not isinstance(output_size, tuple | list) or all(size is not None for size in output_size):
        return output_size
    if len(output_size) != 2:
        raise TypeError(
            f"[{op}] expected output_size to be an int or 2 of them, None for the input's, as "
            f"(None, None); got {output_size!r:.60}."
        )
    return tuple(
        have if size is None else size for size, have in zip(output_size, sizes(), strict=False)
    )


def _sides(op, input):
    return tuple(require_tensor(op, input).shape)[-2:]
