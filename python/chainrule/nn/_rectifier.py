"""Activations of straight pieces: ReLU, steps and limits; those with a slope are in _leaky.py.

`inplace` writes the result into the input (see functional.py). Shapes: any; the output has the
input's.
"""

from __future__ import annotations

from .._checks import require_number
from .._core import Tensor, _functional
from . import functional
from ._activations import subgradient
from ._elementwise import Elementwise, InPlace


class ReLU(InPlace):
    """max(x, 0), element by element.

    Args:
        inplace: write the result into the input.
        derivative_at_zero: the derivative at 0, in [0, 1]; ValueError otherwise. PyTorch has 0
            alone.

    Shapes: any; the output has the input's.

    Source: 000_4bfdbb0e825250a6.txt; the derivative at 0 is 0 in 003_35a9ce6660cbb7d5.txt and 1 in
    the table of 002_5fc2916072822600.txt.
    """

    def __init__(self, inplace: bool = False, *, derivative_at_zero: float = 0.0):
        super().__init__(inplace)
        self.derivative_at_zero = subgradient("ReLU", derivative_at_zero)

    def forward(self, input: Tensor) -> Tensor:
        if self.inplace or self.derivative_at_zero:
            return functional.relu(input, self.inplace, derivative_at_zero=self.derivative_at_zero)
        return _functional.relu(input)

    def extra_repr(self):
        parts = ["inplace=True"] if self.inplace else []
        if self.derivative_at_zero:
            parts.append(f"derivative_at_zero={self.derivative_at_zero}")
        return ", ".join(parts)


class Step(Elementwise):
    """Binary step: 0 where x < 0, 1 where x > 0; the derivative is 0 everywhere, also at 0.

    Args:
        value_at_zero: what 0 becomes. 1 is g(r) = 1 if r >= 0, 0 is the perceptron's strict
            wᵀx > 0.

    Shapes: any. Not in PyTorch, but for `heaviside`. Source: 002_5fc2916072822600.txt, which has
    both; 004_207294fe22f678c8.txt has 1.
    """

    value_at_zero: float
    _function = staticmethod(_functional.step)

    def __init__(self, value_at_zero: float = 1.0):
        super().__init__()
        self._keep(value_at_zero=value_at_zero)


class Threshold(InPlace):
    """x where x > threshold, else value; the derivative is 1 above, else 0.

    Shapes: any. With threshold 0 and value 0 it is ReLU.
    """

    threshold: float
    value: float
    _function = staticmethod(_functional.threshold)

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(inplace)
        self._keep(threshold=threshold, value=value)


class Hardtanh(InPlace):
    """x limited to [min_val, max_val]; the derivative is 1 inside, 0 at the limits and beyond.

    Args:
        min_val: the lower limit, below `max_val`; ValueError otherwise.
        max_val: the upper limit.
        inplace: write the result into the input.

    Shapes: any floating input. Source: Collobert, "Large scale machine learning" (2004).
    """

    min_val: float
    max_val: float
    _function = staticmethod(_functional.hardtanh)

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self._keep(min_val=min_val, max_val=max_val)
        if not min_val < max_val:
            name = type(self).__name__
            raise ValueError(f"[{name}] expected min_val < max_val; got {min_val} and {max_val}.")


class ReLU6(Hardtanh):
    """x limited to [0, 6]; the derivative is 1 inside, 0 at the limits and beyond.

    Shapes: any floating input. Source: Krizhevsky, "Convolutional deep belief networks on CIFAR-10"
    (2010).
    """

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class Hardsigmoid(InPlace):
    """x / 6 + 1 / 2 limited to [0, 1]; the derivative at -3 and 3 is 0.

    Shapes: any floating input. Source: Courbariaux et al., "BinaryConnect" (2015), whose slope is
    1/2; with 1/6, Howard et al., "Searching for MobileNetV3" (2019).
    """

    _function = staticmethod(_functional.hardsigmoid)

    def extra_repr(self):
        return ""  # PyTorch's does not show `inplace`


class Hardshrink(Elementwise):
    """x where |x| > lambd, else 0; the derivative is 1 beyond, 0 at the limits and between.

    Shapes: any floating input.
    """

    lambd: float
    _function = staticmethod(_functional.hardshrink)

    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self._keep(lambd=lambd)

    def extra_repr(self):
        return str(self.lambd)


class Softshrink(Elementwise):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd, where the derivative is 0.

    `lambd` >= 0; ValueError otherwise. Shapes: any floating input.
    """

    lambd: float
    _function = staticmethod(_functional.softshrink)

    def __init__(self, lambd: float = 0.5):
        if not require_number("Softshrink", "lambd", lambd) >= 0:
            raise ValueError(f"[Softshrink] expected lambd >= 0; got {lambd}.")
        super().__init__()
        self._keep(lambd=lambd)

    def extra_repr(self):
        return str(self.lambd)
