"""Normalisation as modules: over features, over groups of channels and over batches."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _core
from .._checks import require_bools, require_number
from .._core import Parameter, Tensor
from . import _normalize, functional, init
from ._inputs import channels_hint
from ._module import Module
from ._sizes import require_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Affine(Module):
    """Weight and bias of a shape, or None in their place."""

    weight: Parameter | None
    bias: Parameter | None

    def _make(self, shape, weight, bias, **where):
        for name, wanted in (("weight", weight), ("bias", bias)):
            made = Parameter(_core.empty(shape, **where)) if wanted else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Weights of 1 and biases of 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


def check_eps(name, eps):
    if not require_number(name, "eps", eps) >= 0:
        raise ValueError(f"[{name}] expected eps >= 0; got {eps}.")


def _shape_of(owner, normalized_shape) -> tuple[int, ...]:
    one = hasattr(type(normalized_shape), "__index__") and not hasattr(normalized_shape, "__len__")
    if not one and not isinstance(normalized_shape, Sequence):
        raise TypeError(
            f"[{owner}] expected normalized_shape to be an int or ints; "
            f"got {normalized_shape!r:.60}."
        )
    sizes: Any = (normalized_shape,) if one else tuple(normalized_shape)
    if not sizes:
        raise ValueError(f"[{owner}] expected normalized_shape with at least one size; got ().")
    return tuple(require_size(owner, "normalized_shape", size) for size in sizes)


class LayerNorm(Affine):
    """(x - mean) / sqrt(var + eps) * weight + bias, over the last dimensions of each sample.

    Args:
        normalized_shape: their sizes, an int for one.
        eps: >= 0.
        elementwise_affine: learn weight (ones at first) and bias (zeros), both of that shape.
        bias: False leaves the bias out.

    The variance is the mean of the squared distances. Shapes: (..., *normalized_shape); the output
    has the input's.

    Example:
        >>> nn.LayerNorm(2)(chainrule.tensor([[1.0, 3.0], [10.0, 30.0]]))
        tensor([[-1.0000,  1.0000],
                [-1.0000,  1.0000]], grad_fn=<ViewBackward0>)

    Source: Ba et al., "Layer Normalization" (2016).
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device=None,
        dtype=None,
    ):
        shape = _shape_of("LayerNorm", normalized_shape)
        check_eps("LayerNorm", eps)
        require_bools("LayerNorm", elementwise_affine=elementwise_affine, bias=bias)
        super().__init__()
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        learns = elementwise_affine
        self._make(shape, learns, learns and bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        return functional.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x²) + eps) * weight, over the last dimensions of each sample.

    Args:
        normalized_shape: their sizes, an int for one.
        eps: >= 0; None for the distance from 1 to the next number of float32, or of
            float64 for inputs of that.
        elementwise_affine: learn weight, ones at first, of that shape.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization" (2019).
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device=None,
        dtype=None,
    ):
        shape = _shape_of("RMSNorm", normalized_shape)
        if eps is not None:
            check_eps("RMSNorm", eps)
        require_bools("RMSNorm", elementwise_affine=elementwise_affine)
        super().__init__()
        self.normalized_shape = shape
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        weight = _core.empty(shape, device=device, dtype=dtype)
        self.register_parameter("weight", Parameter(weight) if elementwise_affine else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights of 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return functional.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Affine):
    """Mean and variance of each sample's groups of channels, then weight and bias of each channel.

    Args:
        num_groups: a divisor of num_channels; ValueError otherwise.
        num_channels: C of the input (N, C, ...).
        eps, affine, bias: as in LayerNorm.

    Source: Wu and He, "Group Normalization" (2018).
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device=None,
        dtype=None,
        *,
        bias: bool = True,
    ):
        num_groups = require_size("GroupNorm", "num_groups", num_groups)
        num_channels = require_size("GroupNorm", "num_channels", num_channels)
        require_bools("GroupNorm", affine=affine, bias=bias)
        if num_groups == 0 or num_channels % num_groups != 0:
            raise ValueError(
                f"[GroupNorm] expected num_groups to divide num_channels, {num_channels}; got "
                f"{num_groups}."
            )
        check_eps("GroupNorm", eps)
        super().__init__()
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self._make(num_channels, affine, affine and bias, device=device, dtype=dtype)
        self.reset_parameters()

    def forward(self, input: Tensor) -> Tensor:
        try:
            output = _normalize.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)
        except ValueError:
            self._check_channels(input)
            raise
        if self.weight is None:  # else group_norm has compared it with the channels
            self._check_channels(input)
        return output

    def _check_channels(self, input):
        sizes = input.shape
        if len(sizes) > 1 and sizes[1] != self.num_channels:
            raise _core.ShapeError(
                f"[GroupNorm] expected num_channels={self.num_channels} channels in dimension 1; "
                f"got an input of sizes {tuple(sizes)}.{channels_hint(input, self.num_channels)}"
            ) from None

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )
