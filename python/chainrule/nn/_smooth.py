"""Activations with a curve: sigmoids, exponential units and gates.

`inplace` writes the result into the input (see functional.py). Shapes: any floating input; the
output has its shape.
"""

from __future__ import annotations

from .. import _core
from .._checks import require_number
from .._core import Tensor, _functional
from ._elementwise import Elementwise, InPlace
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# ---- Sigmoids.


class Sigmoid(Elementwise):
    """1 / (1 + e^-x), element by element; range [0, 1].

    Source: 001_bfbf75e1b9730729.txt; the soft step of 002_5fc2916072822600.txt.
    """

    _function = staticmethod(_functional.sigmoid)


class Tanh(Elementwise):
    """Hyperbolic tangent, element by element; range [-1, 1]. Source: 004_207294fe22f678c8.txt."""

    _function = staticmethod(_functional.tanh)


class Arctan(Elementwise):
    """Arc tangent, element by element; derivative 1 / (1 + x²), range [-π/2, π/2].

    Not in PyTorch. Source: 002_5fc2916072822600.txt.
    """

    _function = staticmethod(_core.arctan)


class Softsign(Elementwise):
    """x / (1 + |x|), element by element; derivative 1 / (1 + |x|)², range [-1, 1].

    Source: 002_5fc2916072822600.txt; Turian et al., "Quadratic features and deep architectures for
    chunking" (2009).
    """

    _function = staticmethod(_functional.softsign)


class LogSigmoid(Elementwise):
    """log(sigmoid(x)) = -log(1 + e^-x), element by element, without overflow; range [-inf, 0]."""

    _function = staticmethod(_functional.logsigmoid)


class Tanhshrink(Elementwise):
    """x - tanh(x), element by element."""

    _function = staticmethod(_functional.tanhshrink)


# ---- Smooth rectifiers.


class Softplus(Elementwise):
    """log(1 + e^(beta x)) / beta, a smooth ReLU; x itself where beta x > threshold.

    Shapes: any floating input. Source: Dugas et al., "Incorporating second-order functional
    knowledge" (2001).
    """

    beta: float
    threshold: float
    _function = staticmethod(_functional.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self._keep(beta=beta, threshold=threshold)


class Squareplus(Elementwise):
    """(x + sqrt(x² + b)) / 2, a smooth ReLU without exponentials.

    `b` >= 0, ValueError otherwise; it says how round the corner is, and 0 is ReLU with 1/2 as
    derivative at 0. Shapes: any floating input. Not in PyTorch. Source: Barron, "Squareplus: a
    softplus-like algebraic rectifier" (2021).
    """

    b: float
    _function = staticmethod(_functional.squareplus)

    def __init__(self, b: float = 4.0):
        if not require_number("Squareplus", "b", b) >= 0:
            raise ValueError(f"[Squareplus] expected b >= 0; got {b}.")
        super().__init__()
        self._keep(b=b)


class ELU(InPlace):
    """x where x > 0, else alpha (e^x - 1); the derivative at 0 is alpha.

    Shapes: any floating input. Source: Clevert et al., "Fast and accurate deep network learning by
    exponential linear units" (2015).
    """

    alpha: float
    _function = staticmethod(_functional.elu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self._keep(alpha=alpha)


class CELU(InPlace):
    """x where x > 0, else alpha (e^(x / alpha) - 1); the derivative at 0 is 1.

    `alpha` is not 0; ValueError otherwise. Shapes: any floating input. Source: Barron,
    "Continuously differentiable exponential linear units" (2017).
    """

    alpha: float
    _function = staticmethod(_functional.celu)

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        if require_number("CELU", "alpha", alpha) == 0:
            raise ValueError(f"[CELU] expected alpha != 0; got {alpha}.")
        super().__init__(inplace)
        self._keep(alpha=alpha)


class SELU(InPlace):
    """1.0507 (x where x > 0, else 1.6733 (e^x - 1)): keeps mean 0 and variance 1.

    The derivative at 0 is 1.7581, that from the left. Shapes: any floating input. Source: Klambauer
    et al., "Self-normalizing neural networks" (2017).
    """

    _function = staticmethod(_functional.selu)


# ---- Gates, x times a number between 0 and 1.


class GELU(Module):
    """x Φ(x) with the normal distribution function Φ.

    Args:
        approximate: "none" for the exact form, "tanh" for
            0.5 x (1 + tanh(sqrt(2/π) (x + 0.044715 x³))); ValueError otherwise.

    Shapes: any floating input. Source: named in 000_4bfdbb0e825250a6.txt; Hendrycks and Gimpel,
    "Gaussian error linear units" (2016).
    """

    def __init__(self, approximate: str = "none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f"[GELU] expected 'none' or 'tanh'; got {approximate!r:.60}.")
        super().__init__()
        self.approximate: Any = approximate

    def forward(self, input: Tensor) -> Tensor:
        return _functional.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(InPlace):
    """x / (1 + e^-x), also called swish.

    Shapes: any floating input. Source: Elfwing et al., "Sigmoid-weighted linear units" (2017).
    """

    _function = staticmethod(_functional.silu)


class Mish(InPlace):
    """x tanh(log(1 + e^x)).

    Shapes: any floating input. Source: Misra, "Mish: a self regularized non-monotonic activation
    function" (2019).
    """

    _function = staticmethod(_functional.mish)


class Hardswish(InPlace):
    """x times x / 6 + 1 / 2 limited to [0, 1]; the derivative is 0 at -3 and 1 at 3.

    Shapes: any floating input. Source: named in 001_bfbf75e1b9730729.txt; Howard et al., "Searching
    for MobileNetV3" (2019).
    """

    _function = staticmethod(_functional.hardswish)

    def extra_repr(self):
        return ""  # PyTorch's does not show `inplace`
