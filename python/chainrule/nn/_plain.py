"""Modules that pass elements on as they are."""

from __future__ import annotations

from .. import _core
from .._checks import index_of
from .._core import Tensor
from ._module import Module


class Identity(Module):
    """Returns its input: the linear output of a regression.

    Takes and forgets any arguments, so that it can stand in for any layer. Source: φ(z) = z,
    000_4bfdbb0e825250a6.txt.
    """

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
        index_of("Flatten", "start_dim", start_dim)
        index_of("Flatten", "end_dim", end_dim)
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return _core.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
