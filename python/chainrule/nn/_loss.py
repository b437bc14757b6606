"""Loss functions as modules; the functions themselves stand in functional.py."""

from __future__ import annotations

from .._checks import index_of, require_number
from .._core import Tensor, _functional
from ._loss_base import Loss, WeightedLoss, at_least_zero, number, optional_tensor


class MSELoss(Loss):
    """Mean squared error: the mean of (input - target)², or with reduction="sum" the sum, with
    "none" each.

    Shapes: input and target equal, ShapeError otherwise.

    Example:
        >>> nn.MSELoss()(chainrule.tensor([1.0, 3.0]), chainrule.tensor([1.0, 1.0]))
        tensor(2.)

    Source: 002_5fc2916072822600.txt.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Mean absolute error; shapes and `reduction` as in MSELoss. The derivative at 0 is 0."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """d² / (2 beta) where d = |input - target| < beta, else d - beta / 2: outliers weigh less.

    `beta` >= 0, ValueError otherwise. Shapes and `reduction` as in MSELoss.
    Source: Girshick, "Fast R-CNN" (2015).
    """

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = at_least_zero(self, "beta", beta)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """d² / 2 where d = |input - target| < delta, else delta (d - delta / 2).

    `delta` > 0, ValueError otherwise. Shapes and `reduction` as in MSELoss. Source: Huber (1964).
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        if not number(self, "delta", delta) > 0:
            raise ValueError(f"[HuberLoss] expected delta > 0; got {delta}.")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(WeightedLoss):
    """Cross-entropy of logits against classes or probabilities: the loss of a classifier.

    Args:
        weight: (C,), a factor for each class.
        ignore_index: targets of this value count for nothing.
        reduction: "mean" (divided by the weights of the targets), "sum" or "none".
        label_smoothing: share of the target spread evenly over the classes, in [0, 1]; ValueError
            otherwise.

    Shapes: input (N, C), (C,) or (N, C, d1, ...); target int64 without C, or floating with the
    input's shape. A class outside [0, C) is an IndexError.

    Example:
        >>> logits = chainrule.tensor([[0.0, 0.0], [0.0, 1.0]])  # of a Linear, not a Softmax
        >>> nn.CrossEntropyLoss(reduction="none")(logits, chainrule.tensor([0, 1]))
        tensor([0.6931, 0.3133])

    Source: 000_4bfdbb0e825250a6.txt, 002_5fc2916072822600.txt.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average=None,
        ignore_index: int = -100,
        reduce=None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ):
        require_number("CrossEntropyLoss", "label_smoothing", label_smoothing)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(
                f"[CrossEntropyLoss] expected 0 <= label_smoothing <= 1; got {label_smoothing}."
            )
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = index_of(type(self).__name__, "ignore_index", ignore_index)
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(WeightedLoss):
    """Negative log-likelihood of log-probabilities, what follows a LogSoftmax; arguments as in
    CrossEntropyLoss.

    Source: 001_bfbf75e1b9730729.txt.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average=None,
        ignore_index: int = -100,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = index_of(type(self).__name__, "ignore_index", ignore_index)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.nll_loss(
            input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class BCELoss(WeightedLoss):
    """Binary cross-entropy of probabilities in [0, 1]; `weight` broadcasts to the input.

    Shapes: input and target equal. A Sigmoid comes before it; BCEWithLogitsLoss does both at
    once and cannot overflow. Values outside [0, 1] are a ValueError.

    Source: 002_5fc2916072822600.txt.
    """

    def __init__(
        self, weight: Tensor | None = None, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(weight, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.binary_cross_entropy(
            input, target, self.weight, reduction=self.reduction
        )


class BCEWithLogitsLoss(Loss):
    """Sigmoid and binary cross-entropy in one; the loss of a multi-label classifier.

    `weight` and `pos_weight` (a factor for the positive examples of each class) broadcast to the
    input. Shapes: input and target equal; targets in [0, 1], which is not checked.

    Source: 000_4bfdbb0e825250a6.txt.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average=None,
        reduce=None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ):
        super().__init__(size_average, reduce, reduction)
        for name, value in (("weight", weight), ("pos_weight", pos_weight)):
            self.register_buffer(name, optional_tensor(self, name, value))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
