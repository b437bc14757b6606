"""Pooling layers for outputs of a size that is given."""

from __future__ import annotations

from .._checks import require_bool
from .._core import Tensor
from . import functional
from ._module import Module
from ._pooling import with_kept_sizes
from ._sizes import require_sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Adaptive(Module):
    sides = 0

    def __init__(self, output_size: Any):
        layer = type(self).__name__
        given = output_size
        if self.sides == 2:
            given = with_kept_sizes(layer, output_size, lambda: (0, 0))
        require_sizes(layer, "output_size", given, self.sides, 0)
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
