"""Pooling layers at strides."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import index_of, require_bool
from .._core import Tensor
from . import functional
from ._module import Module
from ._sizes import require_sizes, sizes_as_given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _MaxPool(Module):
    sides = 0

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ):
        layer = type(self).__name__
        kernel = sizes_as_given(layer, "kernel_size", kernel_size, self.sides, 1)
        step = kernel if stride is None else sizes_as_given(layer, "stride", stride, self.sides, 1)
        sizes_as_given(layer, "padding", padding, self.sides, 0)
        sizes_as_given(layer, "dilation", dilation, self.sides, 1)
        require_bool(layer, "return_indices", return_indices)
        require_bool(layer, "ceil_mode", ceil_mode)
        super().__init__()
        self.kernel_size = kernel
        self.stride = step
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Tensor) -> Any:
        pool = functional.max_pool1d if self.sides == 1 else functional.max_pool2d
        return pool(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest value of each window along (N, C, L) or (C, L).

    Args:
        kernel_size: values of a window, >= 1.
        stride: from one window to the next, >= 1; kernel_size without one.
        padding: -inf at both ends, at most half of kernel_size.
        dilation: from one value of a window to the next, >= 1.
        return_indices: also return the place of each in its line.
        ceil_mode: a last window may reach behind the end.

    Shapes: output (N, C, P) or (C, P), see `nn.functional.max_pool1d`.
    """

    sides = 1


class MaxPool2d(_MaxPool):
    """MaxPool1d along two sides, of (N, C, H, W) or (C, H, W): sizes are an int or one a side.

    Example:
        >>> nn.MaxPool2d(2)(chainrule.randn(64, 6, 24, 24)).shape
        chainrule.Size([64, 6, 12, 12])
    """

    sides = 2


class _AvgPool(Module):
    def _take(self, kernel, stride, padding, ceil_mode, count_include_pad):
        layer = type(self).__name__
        require_bool(layer, "ceil_mode", ceil_mode)
        require_bool(layer, "count_include_pad", count_include_pad)
        super().__init__()
        self.kernel_size = kernel
        self.stride = stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window along (N, C, L) or (C, L).

    Args:
        kernel_size: values of a window, >= 1.
        stride: from one window to the next, >= 1; kernel_size without one.
        padding: zeros at both ends, at most half of kernel_size.
        ceil_mode: a last window may reach behind the end.
        count_include_pad: whether these zeros count.

    Shapes: output (N, C, P) or (C, P) with P = ⌊(L + 2 padding - kernel_size) / stride⌋ + 1.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        kernel = require_sizes("AvgPool1d", "kernel_size", kernel_size, 1, 1)
        step = kernel if stride is None else require_sizes("AvgPool1d", "stride", stride, 1, 1)
        pads = require_sizes("AvgPool1d", "padding", padding, 1, 0)
        self._take(kernel, step, pads, ceil_mode, count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_AvgPool):
    """AvgPool1d along two sides, of (N, C, H, W) or (C, H, W): sizes are an int or one a side.

    Args:
        kernel_size, stride, padding, ceil_mode, count_include_pad: as in AvgPool1d.
        divisor_override: what sums are divided by in place of the count; not 0.
    """

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        padding: int | Sequence[int] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ):
        kernel = sizes_as_given("AvgPool2d", "kernel_size", kernel_size, 2, 1)
        step = kernel if stride is None else sizes_as_given("AvgPool2d", "stride", stride, 2, 1)
        pads = sizes_as_given("AvgPool2d", "padding", padding, 2, 0)
        if divisor_override is not None:
            index_of("AvgPool2d", "divisor_override", divisor_override)
            if divisor_override == 0:
                raise ValueError("[AvgPool2d] expected divisor_override != 0; got 0.")
        self._take(kernel, step, pads, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )
