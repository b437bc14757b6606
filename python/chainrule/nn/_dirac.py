"""The identity as a convolution."""

from __future__ import annotations

from .. import _core
from .._checks import index_of, require_tensor
from .._core import Tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """The identity of channels in weights (out, in, ...) of a convolution with 1 to 3 dimensions: 1 in
    the middle where out and in are the same channel of a group, else 0.

    ShapeError unless the tensor has 3, 4 or 5 dimensions; ValueError unless `groups` >= 1 divides the
    first size.

    Example:
        >>> dirac_(chainrule.empty(1, 2, 3))
        tensor([[[0., 1., 0.],
                 [0., 0., 0.]]])
    """
    if require_tensor("dirac_", tensor).dim() not in (3, 4, 5):
        raise _core.ShapeError(
            f"[dirac_] expected a tensor of 3, 4 or 5 dimensions; got shape {tuple(tensor.shape)}."
        )
    channels = tensor.shape[0]
    groups = index_of("dirac_", "groups", groups)
    if groups < 1 or channels % groups:
        raise ValueError(f"[dirac_] expected groups >= 1 that divide {channels}; got {groups}.")
    each = channels // groups
    middle = tuple(size // 2 for size in tensor.shape[2:])
    with _core.no_grad():
        tensor.zero_()
        if tensor.numel() == 0:
            return tensor
        for channel in range(channels):
            if channel % each < tensor.shape[1]:
                tensor[(channel, channel % each, *middle)] = 1
    return tensor
