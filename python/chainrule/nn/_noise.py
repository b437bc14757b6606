"""Noise on inputs and hidden units. That on weights is nn.utils.weight_noise, that on targets the
`label_smoothing` of CrossEntropyLoss."""

from __future__ import annotations

from .. import _core
from .._checks import require_bool, require_number, require_tensor
from .._core import Tensor
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def require_std(op: str, std: Any) -> float:
    """`std` as a float; TypeError unless it is a number, ValueError unless finite and >= 0."""
    if not 0 <= float(require_number(op, "std", std)) < float("inf"):
        raise ValueError(f"[{op}] expected a finite std >= 0; got {std}.")
    return float(std)


def with_noise(x: Tensor, std: float) -> Tensor:
    """x + std ε with new normal numbers ε; the gradient passes as it is."""
    return x + std * _core.randn_like(x.detach())


def gaussian_noise(input: Tensor, std: float = 0.1, training: bool = True) -> Tensor:
    """x + std ε with normal numbers ε, new at every call; the input when not training.

    `std` is finite and >= 0, ValueError otherwise. Shapes: any floating input; the output has its
    shape, and the gradient passes as it is. Source: 001_bfbf75e1b9730729.txt.
    """
    std = require_std("gaussian_noise", std)
    require_tensor("gaussian_noise", input)
    drawn = require_bool("gaussian_noise", "training", training) and std
    return with_noise(input, std) if drawn else input


class GaussianNoise(Module):
    """Add normal numbers of standard deviation `std` while training: noise on inputs, or on hidden
    units between layers.

    In evaluation mode it returns its input. New numbers are drawn at every call.

    Args:
        std: finite and >= 0; ValueError otherwise.

    Shapes: any floating input; the output has its shape.

    Example:
        >>> net = nn.Sequential(nn.GaussianNoise(0.1), nn.Linear(4, 3))  # on the inputs
        >>> x = chainrule.ones(2, 4)
        >>> bool((net(x) == net(x)).any()), bool((net.eval()(x) == net(x)).all())
        (False, True)

    Source: noise on inputs and on hidden layers' inputs, 001_bfbf75e1b9730729.txt; Bishop,
    "Training with noise is equivalent to Tikhonov regularization" (1995).
    """

    def __init__(self, std: float = 0.1):
        require_std("GaussianNoise", std)
        super().__init__()
        self.std = std

    def forward(self, input: Tensor) -> Tensor:
        return gaussian_noise(input, self.std, self.training)

    def extra_repr(self):
        return f"std={self.std}"
