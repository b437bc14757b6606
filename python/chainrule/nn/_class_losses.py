"""Losses of predicted classes: cross-entropies, in every form, and divergences."""

from __future__ import annotations

from .._core import Tensor, _functional
from .._warn import warn
from ._reduction import reduction_name


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Softmax and negative log-likelihood of logits in one: -log softmax(input)[target].

    Shapes: input (N, C), (C,) or (N, C, d1, ...); target either classes in [0, C), int64, of the
    shape without C, or probabilities of the input's shape. `weight` (C,) weighs the classes, and
    the mean divides by the weights of the targets; targets equal to `ignore_index` count for
    nothing; `label_smoothing` in [0, 1].

    Example:
        >>> cross_entropy(chainrule.zeros(2, 4), chainrule.tensor([0, 3]))  # log 4
        tensor(1.3863)

    Source: softmax-cross-entropy, 002_5fc2916072822600.txt; label smoothing, Szegedy et al. (2015).
    """
    return _functional.cross_entropy(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction_name(reduction, size_average, reduce),
        label_smoothing=label_smoothing,
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[target] for log-probabilities; shapes, weight and reductions as in cross_entropy with
    classes.

    Source: the negative-log-likelihood layer of 001_bfbf75e1b9730729.txt.
    """
    return _functional.nll_loss(
        input,
        target,
        weight,
        ignore_index=ignore_index,
        reduction=reduction_name(reduction, size_average, reduce),
    )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-y log p - (1 - y) log(1 - p) for probabilities p; the logarithms are kept above -100.

    Shapes: input and target equal; input and target in [0, 1]; `weight` broadcasts to them.
    Source: 002_5fc2916072822600.txt.
    """
    return _functional.binary_cross_entropy(
        input, target, weight, reduction=reduction_name(reduction, size_average, reduce)
    )


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Sigmoid and binary cross-entropy in one, without overflow.

    `pos_weight` multiplies the term of y = 1 and broadcasts to the input, as `weight` does. Shapes:
    input and target equal. Source: BCE on logits, 000_4bfdbb0e825250a6.txt.
    """
    return _functional.binary_cross_entropy_with_logits(
        input,
        target,
        weight,
        reduction=reduction_name(reduction, size_average, reduce),
        pos_weight=pos_weight,
    )


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of binary_cross_entropy_with_logits: several labels at once.

    Shapes: input and target, of 0 and 1, both (N, C) or (C,); the classes are the last dimension,
    and "none" gives (N,). `weight` broadcasts to the input.
    """
    return _functional.multilabel_soft_margin_loss(
        input, target, weight, reduction=reduction_name(reduction, size_average, reduce)
    )


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log target - input), the Kullback-Leibler divergence from log-probabilities
    `input` to the distribution `target`, or with `log_target` to exp(target).

    Shapes: input and target equal. reduction="batchmean" is the sum divided by the first size, the
    divergence by its definition; "mean" divides by all sizes, with a warning, as in PyTorch. Where
    the target is 0 the loss is 0, also at an input of -inf.

    Example:
        >>> p = chainrule.tensor([[0.5, 0.5, 0.0]])
        >>> q = chainrule.tensor([[0.25, 0.75, 0.0]])
        >>> kl_div(q.log(), p, reduction="batchmean")
        tensor(0.1438)

    Source: Kullback, Leibler (1951).
    """
    if size_average is None and reduce is None and reduction == "mean":
        _warn_of_mean()
    how = reduction_name(reduction, size_average, reduce)
    whole = how == "batchmean"
    return _functional.kl_div(
        input,
        target,
        reduction="sum" if whole else how,
        log_target=log_target,
        batchmean=whole,
    )


def _warn_of_mean():
    warn(
        "[kl_div] expected reduction='batchmean', which divides by the batch alone; got 'mean', "
        "which divides by the number of classes as well.",
    )
