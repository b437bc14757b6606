"""Unflatten: one dimension as several."""

from __future__ import annotations

from .. import _core
from .._checks import index_of, type_name
from .._core import Tensor
from ._module import Module


class Unflatten(Module):
    """Splits the dimension `dim` into the sizes `unflattened_size`; Flatten undoes it.

    Args:
        dim: the dimension, counted from the end when negative.
        unflattened_size: a tuple or list of ints whose product is the size of `dim`; one of them
            may be -1. TypeError for anything else, also of elements.

    Example:
        >>> nn.Unflatten(1, (28, 28))(chainrule.zeros(64, 784)).shape
        chainrule.Size([64, 28, 28])
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...] | list[int]):
        index_of("Unflatten", "dim", dim)
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                "[Unflatten] expected unflattened_size to be a tuple of ints; "
                f"got {type_name(unflattened_size)}."
            )
        for i, size in enumerate(unflattened_size):
            index_of("Unflatten", f"unflattened_size[{i}]", size)
        super().__init__()
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return _core.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self):
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
