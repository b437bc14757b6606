"""The losses of _margin_losses.py, and multilabel_soft_margin_loss, as modules."""

from __future__ import annotations

from .._core import Tensor, _functional
from ._loss_base import Loss, WeightedLoss, number, power


class SoftMarginLoss(Loss):
    """The logistic loss log(1 + exp(-target * input)) for labels +1 and -1.

    Shapes and `reduction` as in MSELoss. Source: 003_35a9ce6660cbb7d5.txt.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.soft_margin_loss(input, target, reduction=self.reduction)


class LogisticLoss(SoftMarginLoss):
    """SoftMarginLoss under the name that the lectures use.

    Example:
        >>> nn.LogisticLoss(reduction="none")(chainrule.tensor([2.0]), chainrule.tensor([1.0]))
        tensor([0.1269])

    Source: 003_35a9ce6660cbb7d5.txt.
    """


class HingeLoss(Loss):
    """max(0, margin - target * input)^p for labels +1 and -1: a support vector machine's loss.

    `p` is 1 or 2, ValueError otherwise. Shapes and `reduction` as in MSELoss. Source: Cortes,
    Vapnik (1995).
    """

    def __init__(self, p: int = 1, margin: float = 1.0, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.p = power(self, p)
        self.margin = number(self, "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.hinge_loss(
            input, target, p=self.p, margin=self.margin, reduction=self.reduction
        )


class HingeEmbeddingLoss(Loss):
    """input where the target is 1, max(0, margin - input) where it is -1: for distances of pairs.

    Shapes and `reduction` as in MSELoss.
    """

    def __init__(
        self, margin: float = 1.0, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = number(self, "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.hinge_embedding_loss(
            input, target, margin=self.margin, reduction=self.reduction
        )


class MarginRankingLoss(Loss):
    """max(0, margin - target * (input1 - input2)): a target of 1 wants input1 to be the larger one.

    Called with (input1, input2, target), of one shape; `reduction` as in MSELoss.
    """

    def __init__(
        self, margin: float = 0.0, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.margin = number(self, "margin", margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return _functional.margin_ranking_loss(
            input1, input2, target, margin=self.margin, reduction=self.reduction
        )


class MultiMarginLoss(WeightedLoss):
    """The mean over the classes i of max(0, margin - input[target] + input[i])^p, without the
    target's own term: the hinge loss of several classes.

    `p` is 1 or 2, ValueError otherwise; `weight` (C,) multiplies the losses by that of their
    target. Shapes as in functional.multi_margin_loss. Source: Crammer, Singer (2001).
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"[MultiMarginLoss] expected weight of one dimension; got {weight.dim()}."
            )
        self.p = power(self, p)
        self.margin = number(self, "margin", margin)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.multi_margin_loss(
            input, target, self.weight, p=self.p, margin=self.margin, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """The sum of max(0, 1 - (input[j] - input[i])) over the labels j and the classes i that are
    none, divided by the number of classes.

    Shapes and targets as in functional.multilabel_margin_loss.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """The mean over the classes of the binary cross-entropies of logits: several labels at once.

    Shapes: input and target, of 0 and 1, both (N, C) or (C,). `weight` broadcasts to the input.
    """

    def __init__(
        self, weight: Tensor | None = None, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(weight, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.multilabel_soft_margin_loss(
            input, target, self.weight, reduction=self.reduction
        )
