"""Losses of the distances and angles of vectors."""

from __future__ import annotations

from .._checks import require_bool, require_callable, require_number, require_tensor
from .._core import ShapeError, Tensor, _functional
from ._reduction import REDUCTIONS, reduction_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos(input1, input2) where the target is 1, max(0, cos(input1, input2) - margin) where it
    is -1.

    Shapes: inputs (N, D) with target (N,), or (D,) with a 0-d target.
    """
    return _functional.cosine_embedding_loss(
        input1,
        input2,
        target,
        margin=margin,
        reduction=reduction_name(reduction, size_average, reduce),
    )


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d being the pairwise_distance
    with `p` and `eps`.

    Shapes: all three equal, (N, D) or (D,); margin > 0, ValueError otherwise. With `swap` the
    distance of positive and negative takes the place of the second one where it is smaller.
    Source: Balntas et al. (2016).
    """
    return _functional.triplet_margin_loss(
        anchor,
        positive,
        negative,
        margin=margin,
        p=p,
        eps=eps,
        swap=swap,
        reduction=reduction_name(reduction, size_average, reduce),
    )


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with any distance: a function of two tensors, pairwise_distance by
    default.

    Example:
        >>> a, p, n = chainrule.tensor([0.0]), chainrule.tensor([1.0]), chainrule.tensor([1.5])
        >>> triplet_margin_with_distance_loss(a, p, n, distance_function=lambda x, y: abs(x - y))
        tensor(0.5000)
    """
    op = "triplet_margin_with_distance_loss"
    if reduction not in REDUCTIONS:
        raise ValueError(
            f"[{op}] expected reduction to be 'none', 'mean' or 'sum'; got {reduction!r:.60}."
        )
    check_margin(op, margin)
    require_bool(op, "swap", swap)
    sizes = [tuple(require_tensor(op, t).shape) for t in (anchor, positive, negative)]
    if len(set(sizes)) > 1:
        shown = f"{sizes[0]}, {sizes[1]} and {sizes[2]}"
        raise ShapeError(
            f"[{op}] expected anchor, positive and negative of one shape; got {shown}."
        )
    distance = _functional.pairwise_distance
    if distance_function is not None:
        distance = require_callable(op, distance_function)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    loss = (margin + near - far).clamp_min(0)
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


def check_margin(op, margin):
    """ValueError unless the margin is positive, TypeError unless it is a number."""
    if not require_number(op, "margin", margin) > 0:
        raise ValueError(f"[{op}] expected margin > 0; got {margin}.")
