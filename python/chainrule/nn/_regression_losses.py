"""Losses of predicted numbers: squared and absolute errors, likelihoods."""

from __future__ import annotations

from .._core import Tensor, _functional
from ._reduction import reduction_name


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """(input - target)², then the mean ("mean"), the sum ("sum") or every element ("none").

    Shapes: input and target equal, any; ShapeError otherwise. `weight` broadcasts to them, and the
    mean divides by its sum.

    Example:
        >>> mse_loss(chainrule.tensor([1.0, 3.0]), chainrule.tensor([1.0, 1.0]))
        tensor(2.)

    Source: 002_5fc2916072822600.txt; the form with a factor ½, 000_4bfdbb0e825250a6.txt, is half of
    it.
    """
    how = reduction_name(reduction, size_average, reduce)
    return _functional.mse_loss(input, target, reduction=how, weight=weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """|input - target|; shapes, weight and reductions as in mse_loss. The derivative at 0 is 0."""
    how = reduction_name(reduction, size_average, reduce)
    return _functional.l1_loss(input, target, reduction=how, weight=weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """d² / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    Shapes and reductions as in mse_loss; beta >= 0, and 0 gives l1_loss. Source: Girshick, "Fast
    R-CNN" (2015).
    """
    how = reduction_name(reduction, size_average, reduce)
    return _functional.smooth_l1_loss(input, target, reduction=how, beta=beta)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """d² / 2 where d = |input - target| < delta, else delta (d - delta / 2).

    Shapes and reductions as in mse_loss, but the mean divides by the number of elements also with a
    weight; delta > 0. Source: Huber (1964).
    """
    how = reduction_name(reduction, None, None)
    return _functional.huber_loss(input, target, reduction=how, delta=delta, weight=weight)


def half_mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """½ (input - target)², whose derivative is the error itself; shapes and reductions as in
    mse_loss.

    Example:
        >>> half_mse_loss(chainrule.tensor(11.0), chainrule.tensor(0.7))
        tensor(53.0450)

    Source: 000_4bfdbb0e825250a6.txt, 004_207294fe22f678c8.txt.
    """
    return _functional.half_mse_loss(input, target, reduction=reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """½ (log v + (input - target)² / v) with v = max(var, eps): a predicted mean and variance.

    Shapes: input and target equal; `var` the same, or without the last dimension, or with 1 in some
    places of the input's, or a number. Each is >= 0, ValueError otherwise; the gradient reaches
    those below eps, too. `full` adds ½ log 2π; eps >= 0. Source: Nix, Weigend (1994).
    """
    return _functional.gaussian_nll_loss(
        input, target, var, full=full, eps=eps, reduction=reduction
    )


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target * input for counts `target` and the logarithm of their expectation; for
    the expectation itself, log_input=False, input - target * log(input + eps).

    `full` adds Stirling's log target! where target > 1; eps >= 0. Shapes and reductions as in
    mse_loss.
    """
    return _functional.poisson_nll_loss(
        input,
        target,
        log_input=log_input,
        full=full,
        eps=eps,
        reduction=reduction_name(reduction, size_average, reduce),
    )
