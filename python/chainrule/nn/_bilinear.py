"""Bilinear: a form in two inputs."""

from __future__ import annotations

import math

from .. import _core
from .._checks import require_bool, require_tensor
from .._core import Parameter, Tensor, _functional
from . import init
from ._inputs import check_dtype
from ._module import Module
from ._sizes import require_size


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y_o = Σ_ij x1_i W_oij x2_j + b_o.

    Shapes: input1 (*, I) and input2 (*, J) with the same leading sizes, weight (O, I, J), bias
    (O,), output (*, O), all of one dtype; ShapeError or DtypeError otherwise. The sum over j comes
    first and takes memory for (*, O, I).

    Example:
        >>> x, y = chainrule.tensor([[1.0, 2.0]]), chainrule.tensor([[3.0, 4.0]])
        >>> bilinear(x, y, chainrule.eye(2).unsqueeze(0))  # the scalar product
        tensor([[11.]])
    """
    require_tensor("bilinear", weight)
    for name, tensor in (("input1", input1), ("input2", input2), ("bias", bias)):
        if tensor is not None or name != "bias":
            check_dtype("bilinear", name, require_tensor("bilinear", tensor), weight)
    first, second, sizes = tuple(input1.shape), tuple(input2.shape), tuple(weight.shape)
    fits = len(sizes) == 3 and bool(first) and bool(second) and first[:-1] == second[:-1]
    if not fits or (first[-1], second[-1]) != sizes[1:]:
        raise _core.ShapeError(
            "[bilinear] expected inputs (*, I) and (*, J) and a weight (O, I, J); "
            f"got {first}, {second} and {sizes}."
        )
    if weight.dtype == _core.bfloat16:  # else the sums over j would be rounded, too
        wide = None if bias is None else bias.float()
        return bilinear(input1.float(), input2.float(), weight.float(), wide).bfloat16()
    outputs, rows, columns = sizes
    batch = math.prod(first[:-1])
    forms = weight.reshape(outputs * rows, columns)
    halves = _functional.linear(input2.reshape(batch, columns), forms)
    halves = halves.reshape(batch, outputs, rows)
    sums = _core.matmul(halves, input1.reshape(batch, rows, 1)).reshape(*first[:-1], outputs)
    return sums if bias is None else sums + bias


class Bilinear(Module):
    """y_o = x1ᵀ W_o x2 + b_o, a bilinear form for each output.

    Args:
        in1_features: I, >= 1.
        in2_features: J, >= 0.
        out_features: O, >= 0.
        bias: whether to add b.
        device: where the parameters live.
        dtype: a floating dtype; the default dtype when None.

    Shapes: inputs (*, I) and (*, J), output (*, O); `weight` (O, I, J), `bias` (O,). Both start
    uniform in ±1/sqrt(in1_features).

    Example:
        >>> nn.Bilinear(20, 30, 40)(chainrule.randn(128, 20), chainrule.randn(128, 30)).shape
        chainrule.Size([128, 40])
    """

    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        in1_features = require_size("Bilinear", "in1_features", in1_features, least=1)
        in2_features = require_size("Bilinear", "in2_features", in2_features)
        out_features = require_size("Bilinear", "out_features", out_features)
        require_bool("Bilinear", "bias", bias)
        super().__init__()
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        shape = (out_features, in1_features, in2_features)
        self.weight = Parameter(_core.empty(*shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(_core.empty(out_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights and biases."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self):
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )
