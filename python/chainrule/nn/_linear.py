"""Layers that multiply by a weight matrix."""

from __future__ import annotations

import math

from .. import _core
from .._checks import require_bool
from .._core import Parameter, Tensor, _functional
from . import init
from ._module import Module
from ._sizes import require_size


class Linear(Module):
    """The affine map y = x Wᵀ + b.

    Args:
        in_features: size of the last dimension of the input, >= 0.
        out_features: size of the last dimension of the output, >= 0.
        bias: whether to add b.
        device: where the parameters live.
        dtype: a floating dtype; the default dtype when None.

    Shapes: input (*, in_features), output (*, out_features); `weight` (out_features, in_features),
    `bias` (out_features,). An input of another width is a ShapeError.

    Both start uniform in ±1/sqrt(in_features), PyTorch's default, which is `init.kaiming_uniform_` with
    a=sqrt(5). Random, as units that start alike stay alike; near zero and less so the fewer inputs
    there are, so that a sum over many inputs is as large as over few: of inputs of variance 1 it has
    variance 1/3, where tanh and sigmoid are steep. `init` has other beginnings; ReLU in deep networks
    wants those of `init.kaiming_normal_`.

    Example:
        >>> nn.Linear(4, 3)(chainrule.randn(150, 4)).shape
        chainrule.Size([150, 3])

    Source: z = Wx + b, 000_4bfdbb0e825250a6.txt; the initial range, LeCun et al., "Efficient
    BackProp" (1998).
    """

    bias: Parameter | None

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device=None, dtype=None
    ):
        columns = require_size("Linear", "in_features", in_features)
        rows = require_size("Linear", "out_features", out_features)
        require_bool("Linear", "bias", bias)
        super().__init__()
        self.in_features = columns
        self.out_features = rows
        self.weight = Parameter(_core.empty(rows, columns, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_core.empty(rows, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return _functional.linear(input, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )
