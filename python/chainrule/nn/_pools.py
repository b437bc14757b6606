"""Pooling layers."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import require_bool, require_int
from .._core import Tensor
from . import functional
from ._module import Module
from ._pooling import with_kept_sizes
from ._sizes import require_sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _sizes(layer, name, given, sides, least):
    """Checked, but kept as given, which is how layers print it."""
    require_sizes(layer, name, given, sides, least)
    return given


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
        kernel = _sizes(layer, "kernel_size", kernel_size, self.sides, 1)
        step = kernel if stride is None else _sizes(layer, "stride", stride, self.sides, 1)
        _sizes(layer, "padding", padding, self.sides, 0)
        _sizes(layer, "dilation", dilation, self.sides, 1)
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
        padding: -inf at both ends, at most half of what the kernel covers.
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


class AvgPool1d(Module):
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
        require_bool("AvgPool1d", "ceil_mode", ceil_mode)
        require_bool("AvgPool1d", "count_include_pad", count_include_pad)
        super().__init__()
        self.kernel_size = kernel
        self.stride = step
        self.padding = pads
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return functional.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(Module):
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
        kernel = _sizes("AvgPool2d", "kernel_size", kernel_size, 2, 1)
        step = kernel if stride is None else _sizes("AvgPool2d", "stride", stride, 2, 1)
        _sizes("AvgPool2d", "padding", padding, 2, 0)
        require_bool("AvgPool2d", "ceil_mode", ceil_mode)
        require_bool("AvgPool2d", "count_include_pad", count_include_pad)
        if divisor_override is not None:
            require_int("AvgPool2d", "divisor_override", divisor_override)
            if divisor_override == 0:
                raise ValueError("[AvgPool2d] expected divisor_override != 0; got 0.")
        super().__init__()
        self.kernel_size = kernel
        self.stride = step
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
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

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _Adaptive(Module):
    sides = 0

    def __init__(self, output_size: Any):
        layer = type(self).__name__
        given = with_kept_sizes(layer, output_size, (0, 0)) if self.sides == 2 else output_size
        _sizes(layer, "output_size", given, self.sides, 0)
        super().__init__()
        self.output_size = output_size

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """The means of output_size windows of (N, C, L) or (C, L).

    Window o is from ⌊o L / output_size⌋ to ⌈(o + 1) L / output_size⌉.

    Args:
        output_size: how many, >= 0.
    """

    sides = 1

    def forward(self, input: Tensor) -> Tensor:
        return functional.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_Adaptive):
    """AdaptiveAvgPool1d along two sides, of (N, C, H, W) or (C, H, W).

    Args:
        output_size: an int or two, >= 0; None keeps the input's size.

    Example:
        >>> nn.AdaptiveAvgPool2d((5, None))(chainrule.randn(2, 3, 8, 9)).shape
        chainrule.Size([2, 3, 5, 9])
    """

    sides = 2

    def forward(self, input: Tensor) -> Tensor:
        return functional.adaptive_avg_pool2d(input, self.output_size)


class _AdaptiveMax(_Adaptive):
    def __init__(self, output_size: Any, return_indices: bool = False):
        require_bool(type(self).__name__, "return_indices", return_indices)
        super().__init__(output_size)
        self.return_indices = return_indices


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The largest values of output_size windows of (N, C, L) or (C, L), which are those of
    AdaptiveAvgPool1d.

    Args:
        output_size: how many, >= 0.
        return_indices: also return the place of each in its line.
    """

    sides = 1

    def forward(self, input: Tensor) -> Any:
        return functional.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """AdaptiveMaxPool1d along two sides, of (N, C, H, W) or (C, H, W).

    Args:
        output_size: an int or two, >= 0; None keeps the input's size.
        return_indices: also return the place of each in its plane, row by row.
    """

    sides = 2

    def forward(self, input: Tensor) -> Any:
        return functional.adaptive_max_pool2d(input, self.output_size, self.return_indices)
