"""Losses with a margin, beyond which a right decision costs nothing, and the logistic loss."""

from __future__ import annotations

from .._core import Tensor, _functional
from ._reduction import reduction_name


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The logistic loss log(1 + exp(-target * input)) for labels +1 and -1, also `logistic_loss`.

    Shapes: input and target equal. Finite for every finite input.

    Example:
        >>> logistic_loss(chainrule.tensor([2.0]), chainrule.tensor([1.0]))
        tensor(0.1269)

    Source: 003_35a9ce6660cbb7d5.txt.
    """
    return _functional.soft_margin_loss(
        input, target, reduction=reduction_name(reduction, size_average, reduce)
    )


logistic_loss = soft_margin_loss


def hinge_loss(
    input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target * input)^p for labels +1 and -1: the loss of a support vector machine.

    `p` is 1 or 2, ValueError otherwise. Shapes: input and target equal. The derivative at the
    margin is 0.

    Example:
        >>> hinge_loss(chainrule.tensor([0.5, -2.0]), chainrule.tensor([1.0, -1.0]))
        tensor(0.2500)

    Source: Cortes, Vapnik (1995).
    """
    return _functional.hinge_loss(input, target, p=p, margin=margin, reduction=reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where the target is 1, max(0, margin - input) where it is -1: for distances of pairs.

    Shapes: input and target equal.
    """
    return _functional.hinge_embedding_loss(
        input, target, margin=margin, reduction=reduction_name(reduction, size_average, reduce)
    )


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target * (input1 - input2)): a target of 1 wants input1 to be the larger one,
    -1 the smaller one.

    Shapes: all three equal.
    """
    return _functional.margin_ranking_loss(
        input1,
        input2,
        target,
        margin=margin,
        reduction=reduction_name(reduction, size_average, reduce),
    )


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes i of max(0, margin - input[target] + input[i])^p, without the
    target's own term: the hinge loss of several classes.

    Shapes: input (N, C) or (C,), target without C, classes in [0, C), IndexError otherwise. `p` is
    1 or 2, ValueError otherwise; `weight` (C,) multiplies the losses by that of their target.
    Source: Crammer, Singer (2001).
    """
    return _functional.multi_margin_loss(
        input,
        target,
        weight,
        p=p,
        margin=margin,
        reduction=reduction_name(reduction, size_average, reduce),
    )


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of max(0, 1 - (input[j] - input[i])) over the labels j and the classes i that are
    none, divided by the number of classes.

    Shapes: input and target both (N, C) or (C,). A row of the target, int64, holds the labels in
    [0, C), and -1 after the last of them; IndexError otherwise.

    Example:
        >>> scores = chainrule.tensor([0.1, 0.2, 0.4, 0.8])
        >>> multilabel_margin_loss(scores, chainrule.tensor([3, 0, -1, 1]))  # of labels 3 and 0
        tensor(0.8500)
    """
    return _functional.multilabel_margin_loss(
        input, target, reduction=reduction_name(reduction, size_average, reduce)
    )
