"""Distances and angles of vectors as modules, and the losses of them."""

from __future__ import annotations

from .._checks import index_of, require_bool, require_callable
from .._core import Tensor, _functional
from ._distances import check_margin, triplet_margin_with_distance_loss
from ._loss_base import Loss, number
from ._module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class CosineSimilarity(Module):
    """The cosine of the angle between x1 and x2 along `dim`; lengths below `eps` count as eps.

    Shapes: x1 and x2 broadcast; the result has no `dim`.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = index_of("CosineSimilarity", "dim", dim)
        self.eps = number(self, "eps", eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return _functional.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps along the last dimension.

    Shapes: x1 and x2 broadcast; the result has no last dimension, or one of size 1 with `keepdim`.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = number(self, "p", p)
        self.eps = number(self, "eps", eps)
        self.keepdim = require_bool(type(self).__name__, "keepdim", keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return _functional.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineEmbeddingLoss(Loss):
    """1 - cos(input1, input2) where the target is 1, max(0, cos(input1, input2) - margin) where it
    is -1.

    Shapes: inputs (N, D) with target (N,), or (D,) with a 0-d target; `reduction` as in MSELoss.
    """

    def __init__(
        self, margin: float = 0.0, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = number(self, "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return _functional.cosine_embedding_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class TripletMarginLoss(Loss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)) with a PairwiseDistance d.

    Args:
        margin: > 0, ValueError otherwise.
        p, eps: of the distance.
        swap: the distance of positive and negative counts where it is smaller than that of anchor
            and negative.
        reduction: as in MSELoss.

    Shapes: all three equal, (N, D) or (D,). Source: Balntas et al. (2016).
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = number(self, "p", p)
        self.eps = number(self, "eps", eps)
        self.swap = require_bool(type(self).__name__, "swap", swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return _functional.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """TripletMarginLoss with any distance: a function of two tensors or a module,
    PairwiseDistance() by default.

    `margin` > 0, ValueError otherwise.
    """

    distance_function: Callable[[Tensor, Tensor], Tensor]

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ):
        super().__init__(reduction=reduction)
        op = "TripletMarginWithDistanceLoss"
        check_margin(op, margin)
        self.distance_function = (
            PairwiseDistance()
            if distance_function is None
            else require_callable(op, distance_function)
        )
        self.margin = margin
        self.swap = require_bool(type(self).__name__, "swap", swap)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
