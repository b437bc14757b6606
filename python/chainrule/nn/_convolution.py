"""Convolution layers."""

from __future__ import annotations

import math

from .. import _core
from .._checks import require_bool
from .._core import Parameter, Tensor
from . import _convolve, init
from ._edges import MODES, with_edges
from ._module import Module
from ._sizes import require_size, require_sizes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Convolution(Module):
    """What convolutions of one and two sides share."""

    sides = 0
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device=None,
        dtype=None,
    ):
        layer = type(self).__name__
        in_channels = require_size(layer, "in_channels", in_channels)
        out_channels = require_size(layer, "out_channels", out_channels)
        groups = _groups_of(layer, groups, in_channels, out_channels)
        require_bool(layer, "bias", bias)
        kernel = require_sizes(layer, "kernel_size", kernel_size, self.sides, 1)
        strides = require_sizes(layer, "stride", stride, self.sides, 1)
        steps = require_sizes(layer, "dilation", dilation, self.sides, 1)
        pads = _padding_of(layer, padding, strides, self.sides)
        if padding_mode not in MODES:
            raise ValueError(
                f"[{layer}] expected padding_mode to be one of {MODES}; got {padding_mode!r:.60}."
            )
        super().__init__()
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel
        self.stride = strides
        self.padding = pads
        self.dilation = steps
        self.transposed = False
        self.output_padding = (0,) * self.sides
        self.groups = groups
        self.padding_mode = padding_mode
        where: Any = {"device": device, "dtype": dtype}
        shape = (out_channels, in_channels // groups, *kernel)
        self.weight = Parameter(_core.empty(shape, **where))
        made = Parameter(_core.empty(out_channels, **where)) if bias else None
        self.register_parameter("bias", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        if self.weight.numel() > 0:
            init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = math.prod(self.weight.shape[1:])
        if self.bias is not None and fan_in > 0:
            bound = 1 / math.sqrt(fan_in)
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        convolve = _convolve.conv1d if self.sides == 1 else _convolve.conv2d
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid" and self._fits(input):
            pads = (
                _convolve.same_padding(self.kernel_size, self.dilation)
                if isinstance(padding, str)
                else [(p, p) for p in padding]
            )
            input = with_edges(type(self).__name__, "padding_mode", input, pads, self.padding_mode)
            padding = 0
        return convolve(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )

    def _fits(self, input):
        """Whether it can have edges; what cannot is refused by the convolution."""
        sides = self.sides
        rank = input.dim() if isinstance(input, Tensor) else 0
        return (
            rank in (sides + 1, sides + 2)
            and input.shape[-sides - 1] == self.weight.shape[1] * self.groups
        )

    def extra_repr(self):
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self.sides:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.sides:
            text += f", dilation={self.dilation}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


def _groups_of(layer, groups, in_channels, out_channels):
    groups = require_size(layer, "groups", groups, 1)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups != 0:
            raise ValueError(
                f"[{layer}] expected groups to divide {name}, {channels}; got {groups}."
            )
    return groups


def _padding_of(layer, padding, stride, sides):
    if not isinstance(padding, str):
        return require_sizes(layer, "padding", padding, sides, 0)
    if padding not in ("same", "valid"):
        hint = f" Use padding_mode={padding!r} and ints as padding." if padding in MODES else ""
        raise ValueError(
            f"[{layer}] expected padding to be ints, 'same' or 'valid'; got {padding!r:.60}.{hint}"
        )
    if padding == "same" and any(s != 1 for s in stride):
        raise ValueError(f"[{layer}] expected stride=1 with padding='same'; got {stride}.")
    return padding


class Conv1d(_Convolution):
    """Convolution of lines: y[n, f, p] = bias[f] + Σ weight[f, c, i] x[n, c, p stride - padding + i dilation].

    Args:
        in_channels: C of the input, >= 0.
        out_channels: F, how many filters, >= 0.
        kernel_size: K, >= 1.
        stride: from one position to the next, >= 1.
        padding: values added at both ends, >= 0; or "valid" for none, "same" for as many as keep
            the length, with a stride of 1.
        dilation: from one value a filter sees to the next, >= 1.
        groups: a divisor of both numbers of channels; filters see the channels of their group.
        bias: whether to add one.
        padding_mode: of what the values are: "zeros"; "reflect", the line mirrored; "replicate",
            its last value; "circular", the line from its other end.
        device, dtype: of the parameters.

    Shapes: input (N, C, L) or (C, L), output (N, F, P) or (F, P) with
    P = ⌊(L + 2 padding - dilation (K - 1) - 1) / stride⌋ + 1; `weight` (F, C / groups, K), `bias`
    (F,). Both start uniform in ±1/sqrt(C / groups · K). Inputs that do not fit are a ShapeError.

    Example:
        >>> nn.Conv1d(2, 8, 5, padding="same")(chainrule.randn(16, 2, 100)).shape
        chainrule.Size([16, 8, 100])
    """

    sides = 1


class Conv2d(_Convolution):
    """Convolution of images: Conv1d along two sides.

    Args:
        in_channels, out_channels, groups, bias, padding_mode, device, dtype: as in Conv1d.
        kernel_size, stride, padding, dilation: an int, or one for the height and one for the width.

    Shapes: input (N, C, H, W) or (C, H, W), output (N, F, PH, PW) or (F, PH, PW), each side as in
    Conv1d; `weight` (F, C / groups, KH, KW), `bias` (F,).

    Example:
        >>> nn.Conv2d(1, 6, 5)(chainrule.randn(64, 1, 28, 28)).shape
        chainrule.Size([64, 6, 24, 24])

    Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition" (1998).
    """

    sides = 2
