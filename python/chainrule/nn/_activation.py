"""Activations as modules; the functions themselves are native (see functional.py)."""

from __future__ import annotations

from .. import _core
from .._core import Tensor, _functional
from . import functional
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ReLU(Module):
    """max(x, 0), element by element; the derivative at 0 is 0.

    `inplace` writes the result into the input. Shapes: any; the output has the input's.

    Source: 000_4bfdbb0e825250a6.txt. The table of 002_5fc2916072822600.txt has 1 as derivative at
    0.
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu(input, inplace=True) if self.inplace else _functional.relu(input)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x.

    Shapes: any. Source: 002_5fc2916072822600.txt; Maas et al., "Rectifier nonlinearities improve
    neural network acoustic models" (2013).
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self):
        inplace = ", inplace=True" if self.inplace else ""
        return f"negative_slope={self.negative_slope}{inplace}"


class GELU(Module):
    """x Φ(x) with the normal distribution function Φ.

    Args:
        approximate: "none" for the exact form, "tanh" for
            0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))).

    Shapes: any floating input. Source: named in 000_4bfdbb0e825250a6.txt; Hendrycks and Gimpel,
    "Gaussian error linear units" (2016).
    """

    def __init__(self, approximate: str = "none"):
        super().__init__()
        self.approximate: Any = approximate

    def forward(self, input: Tensor) -> Tensor:
        return _functional.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x / (1 + e^-x), also called swish.

    Shapes: any floating input. Source: Elfwing et al., "Sigmoid-weighted linear units" (2017).
    """

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input, self.inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, a smooth ReLU; x itself where beta x > threshold.

    Shapes: any floating input. Source: Dugas et al., "Incorporating second-order functional
    knowledge" (2001).
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        return _functional.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Sigmoid(Module):
    """1 / (1 + e^-x), element by element; range [0, 1]. Source: 001_bfbf75e1b9730729.txt."""

    def forward(self, input: Tensor) -> Tensor:
        return _functional.sigmoid(input)


class Tanh(Module):
    """Hyperbolic tangent, element by element; range [-1, 1]. Source: 004_207294fe22f678c8.txt."""

    def forward(self, input: Tensor) -> Tensor:
        return _functional.tanh(input)


class Softmax(Module):
    """e^x / sum(e^x) along `dim`: the results along it are positive and add up to 1.

    Without `dim` it is 0 for inputs of 0, 1 or 3 dimensions and 1 otherwise, with a warning, as in
    PyTorch.
    Shapes: any floating input. Before a CrossEntropyLoss it is one softmax too many: that loss
    takes logits.

    Source: 002_5fc2916072822600.txt.
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.softmax(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """log(softmax(x)) along `dim`, without overflow.

    `dim` as in Softmax. Shapes: any floating input. Source: the log-softmax layer of
    001_bfbf75e1b9730729.txt.
    """

    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return functional.log_softmax(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Identity(Module):
    """Returns its input. Takes and forgets any arguments, so that it can stand in for any layer."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Flatten(Module):
    """Joins the dimensions from `start_dim` to `end_dim` into one; the batch dimension stays.

    Example:
        >>> nn.Flatten()(chainrule.zeros(64, 28, 28)).shape
        chainrule.Size([64, 784])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return _core.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
