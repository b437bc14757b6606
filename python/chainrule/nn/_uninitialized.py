"""UninitializedParameter: the place of a parameter whose shape nobody knows yet."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._core import Parameter

# What can be asked of a parameter before it has a shape; all else is an error.
_KNOWN = {
    "cpu",
    "data",
    "detach",
    "device",
    "dtype",
    "fits",
    "grad",
    "grad_fn",
    "is_floating_point",
    "is_leaf",
    "materialize",
    "requires_grad",
    "requires_grad_",
    "retains_grad",
    "sizes",
    "to",
}


class UninitializedParameter(Parameter):
    """A Parameter without a shape: `materialize(shape)` makes it an ordinary one, the same object.

    Until then its dtype, device and `requires_grad` can be read, and modules convert it; its shape
    and its methods are a ShapeError. To functions it is a tensor without elements.

    Args:
        requires_grad: whether the parameter will be trained.
        device: where it will live.
        dtype: a floating dtype; the default dtype when None.

    Example:
        >>> weight = nn.UninitializedParameter()
        >>> weight
        <UninitializedParameter>
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, tuple(weight.shape)
        ('Parameter', (2, 3))
    """

    sizes: tuple[int | None, ...] | None  # what is known of the shape: (3, None)

    def __new__(cls, requires_grad: bool = True, device=None, dtype=None):
        empty = _core.empty(0, device=device, dtype=dtype)
        self = super().__new__(cls, empty, requires_grad=requires_grad)
        self.sizes = None
        return self

    def __init__(self, requires_grad: bool = True, device=None, dtype=None):
        super().__init__()

    def __getattribute__(self, name):
        if name in _KNOWN or name.startswith("_") or type(self) is not UninitializedParameter:
            return super().__getattribute__(name)
        raise _core.ShapeError(
            f"[UninitializedParameter] expected a parameter with a shape; got {name!r} of one that "
            "has none yet. Call its module with a batch first."
        )

    def materialize(self, shape: Sequence[int], device=None, dtype=None) -> None:
        """Take memory for this shape, with elements of any value, and become a Parameter."""
        device = self.device if device is None else device
        dtype = self.dtype if dtype is None else dtype
        self.data = _core.empty(tuple(shape), device=device, dtype=dtype)
        del self.sizes
        self.__class__ = Parameter  # pyright: ignore[reportAttributeAccessIssue]

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether `shape` agrees with what is known of it."""
        known = self.sizes
        if known is None:
            return True
        pairs = zip(known, shape, strict=False)
        return len(known) == len(shape) and all(own in (None, size) for own, size in pairs)

    def detach(self):
        """Itself: a state dict holds it as it is."""
        return self

    def __repr__(self):
        return "<UninitializedParameter>"

    def __reduce_ex__(self, protocol):
        return _rebuilt, (self.requires_grad, self.dtype, self.sizes)

    def __deepcopy__(self, memo):
        memo[id(self)] = copied = _rebuilt(self.requires_grad, self.dtype, self.sizes)
        return copied


def _rebuilt(requires_grad, dtype, sizes):
    parameter = UninitializedParameter(requires_grad, dtype=dtype)
    parameter.sizes = sizes
    return parameter
