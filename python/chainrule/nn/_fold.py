"""Images to columns and back, as modules."""

from __future__ import annotations

from collections.abc import Sequence

from .._core import Tensor
from . import functional
from ._module import Module
from ._sizes import require_sizes


class Unfold(Module):
    """The windows of images as columns: (N, C, H, W) or (C, H, W) to (N, C · KH · KW, P) or without N.

    Args:
        kernel_size: KH and KW, >= 1.
        dilation: from one value of a window to the next, >= 1.
        padding: zeros around, >= 0.
        stride: from one window to the next, >= 1.

    Each is an int or one a side; the P windows stand row by row.

    Example:
        >>> nn.Unfold(2)(chainrule.randn(5, 3, 4, 6)).shape
        chainrule.Size([5, 12, 15])
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ):
        _check("Unfold", kernel_size, dilation, padding, stride)
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Columns as Unfold makes them, added up where they belong in images (N, C, *output_size).

    Args:
        output_size: the images' height and width, >= 1.
        kernel_size, dilation, padding, stride: as in Unfold.
    """

    def __init__(
        self,
        output_size: int | Sequence[int],
        kernel_size: int | Sequence[int],
        dilation: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        stride: int | Sequence[int] = 1,
    ):
        require_sizes("Fold", "output_size", output_size, 2, 1)
        _check("Fold", kernel_size, dilation, padding, stride)
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        return functional.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )


def _check(layer, kernel_size, dilation, padding, stride):
    require_sizes(layer, "kernel_size", kernel_size, 2, 1)
    require_sizes(layer, "dilation", dilation, 2, 1)
    require_sizes(layer, "padding", padding, 2, 0)
    require_sizes(layer, "stride", stride, 2, 1)
