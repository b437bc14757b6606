"""Rectifiers with a slope below 0: given, learned or random.

`inplace` writes the result into the input (see functional.py). Shapes: any floating input; the
output has the input's.
"""

from __future__ import annotations

from .. import _core
from .._checks import index_of, require_number
from .._core import Parameter, Tensor, _functional
from . import functional
from ._elementwise import InPlace
from ._module import Module
from .init import constant_


class LeakyReLU(InPlace):
    """x where x > 0, else negative_slope * x; the derivative at 0 is negative_slope.

    Shapes: any. Source: 002_5fc2916072822600.txt; Maas et al., "Rectifier nonlinearities improve
    neural network acoustic models" (2013). Keras has 0.2 as the slope.
    """

    negative_slope: float
    _function = staticmethod(_functional.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__(inplace)
        self._keep(negative_slope=negative_slope)


class PReLU(Module):
    """x where x > 0, else weight * x, with a learned `weight`.

    Args:
        num_parameters: size of the weight, 1 for all elements alike or the size of dimension 1 of
            the inputs; at least 1, ValueError otherwise.
        init: what the weight starts as.
        device: where the weight lives.
        dtype: a floating dtype; the default dtype when None.

    Shapes: any floating input; `weight` (num_parameters,). An input whose dimension 1 does not fit
    is a ShapeError. Weight decay would pull the slopes to 0: leave them out of it.

    Source: 002_5fc2916072822600.txt; He et al., "Delving deep into rectifiers" (2015).
    """

    weight: Parameter

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device=None, dtype=None):
        if index_of("PReLU", "num_parameters", num_parameters) < 1:
            raise ValueError(f"[PReLU] expected num_parameters >= 1; got {num_parameters}.")
        super().__init__()
        self.num_parameters = num_parameters
        self.init = require_number("PReLU", "init", init)
        self.weight = Parameter(_core.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """The weight as it started."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return _functional.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class RReLU(InPlace):
    """x where x > 0, else a x; the derivative at 0 is a.

    While training, a is random for each element, uniform in [lower, upper); in evaluation mode it
    is (lower + upper) / 2. A new one is drawn at every call.

    Args:
        lower: the smallest slope, at most `upper`; ValueError otherwise.
        upper: the largest.
        inplace: write the result into the input.

    Shapes: any floating input.

    Source: 002_5fc2916072822600.txt; Xu et al., "Empirical evaluation of rectified activations in
    convolutional network" (2015).
    """

    lower: float
    upper: float

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False):
        super().__init__(inplace)
        self._keep(lower=lower, upper=upper)
        if not lower <= upper:
            raise ValueError(f"[RReLU] expected lower <= upper; got {lower} and {upper}.")

    def forward(self, input: Tensor) -> Tensor:
        return functional.rrelu(input, self.lower, self.upper, self.training, self.inplace)
