"""Padding layers: `nn.functional.pad` with settings of its own."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import require_number
from .._core import Tensor
from . import functional
from ._module import Module
from ._sizes import require_sizes


class _Pad(Module):
    sides = 0
    mode = ""

    def __init__(self, padding: int | Sequence[int]):
        sizes = require_sizes(type(self).__name__, "padding", padding, 2 * self.sides, None)
        super().__init__()
        self.padding = sizes

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, self.mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: int | Sequence[int], value: float):
        require_number(type(self).__name__, "value", value)
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return functional.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """`value` before and after the last dimension, `nn.functional.pad`.

    Args:
        padding: an int, or one for before and one for after; values are taken away where it is
            negative.
        value: cut to the input's dtype: 1.7 is 1 among integers. One beyond its range is a
            ValueError.

    Shapes: (*, L) to (*, L + before + after).
    """

    sides = 1


class ConstantPad2d(_ConstantPad):
    """ConstantPad1d along two sides: padding is an int, or those of left, right, top and bottom."""

    sides = 2


class ConstantPad3d(_ConstantPad):
    """ConstantPad1d along three sides: padding is an int or six, two for each, the last side first."""

    sides = 3


class ZeroPad1d(ConstantPad1d):
    """ConstantPad1d of the value 0.

    Args:
        padding: as in ConstantPad1d.

    Example:
        >>> nn.ZeroPad1d((1, 2))(chainrule.ones(1, 3))
        tensor([[0., 1., 1., 1., 0., 0.]])
    """

    def __init__(self, padding: int | Sequence[int]):
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad2d(ConstantPad2d):
    """ZeroPad1d along two sides: padding as in ConstantPad2d."""

    def __init__(self, padding: int | Sequence[int]):
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ZeroPad3d(ConstantPad3d):
    """ZeroPad1d along three sides: padding as in ConstantPad3d."""

    def __init__(self, padding: int | Sequence[int]):
        super().__init__(padding, 0.0)

    extra_repr = _Pad.extra_repr


class ReflectionPad1d(_Pad):
    """The line of (N, C, L) or (C, L) mirrored at its first and at its last value, not repeated.

    Args:
        padding: an int, or one for before and one for after, less than L; values are taken away
            where it is negative.

    Shapes: (N, C, L) to (N, C, L + before + after), and without N.

    Example:
        >>> nn.ReflectionPad1d(2)(chainrule.tensor([[1.0, 2.0, 3.0]]))
        tensor([[3., 2., 1., 2., 3., 2., 1.]])
    """

    sides = 1
    mode = "reflect"


class ReflectionPad2d(_Pad):
    """ReflectionPad1d along two sides: padding is an int, or those of left, right, top and bottom."""

    sides = 2
    mode = "reflect"


class ReflectionPad3d(_Pad):
    """ReflectionPad1d along three sides: padding is an int or six, two for each, the last side first."""

    sides = 3
    mode = "reflect"


class ReplicationPad1d(_Pad):
    """The first and the last value of (N, C, L) or (C, L) repeated.

    Args:
        padding: an int, or one for before and one for after; values are taken away where it is
            negative.

    Shapes: as in ReflectionPad1d.
    """

    sides = 1
    mode = "replicate"


class ReplicationPad2d(_Pad):
    """ReplicationPad1d along two sides: padding as in ReflectionPad2d."""

    sides = 2
    mode = "replicate"


class ReplicationPad3d(_Pad):
    """ReplicationPad1d along three sides: padding as in ReflectionPad3d."""

    sides = 3
    mode = "replicate"


class CircularPad1d(_Pad):
    """The line of (N, C, L) or (C, L) goes on at its other end.

    Args:
        padding: an int, or one for before and one for after, at most L; values are taken away
            first where it is negative.

    Shapes: as in ReflectionPad1d.

    Example:
        >>> nn.CircularPad1d((2, 1))(chainrule.tensor([[1.0, 2.0, 3.0]]))
        tensor([[2., 3., 1., 2., 3., 1.]])
    """

    sides = 1
    mode = "circular"


class CircularPad2d(_Pad):
    """CircularPad1d along two sides: padding as in ReflectionPad2d."""

    sides = 2
    mode = "circular"


class CircularPad3d(_Pad):
    """CircularPad1d along three sides: padding as in ReflectionPad3d."""

    sides = 3
    mode = "circular"
