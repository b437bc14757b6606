"""Likelihoods, divergences and the halved squared error as modules."""

from __future__ import annotations

from .._checks import require_bool
from .._core import Tensor, _functional
from ._class_losses import kl_div
from ._loss_base import Loss, at_least_zero


class HalfMSELoss(Loss):
    """½ (input - target)², whose derivative is the error itself.

    Shapes and `reduction` as in MSELoss. Source: 000_4bfdbb0e825250a6.txt, 004_207294fe22f678c8.txt.
    """

    def __init__(self, reduction: str = "mean"):
        super().__init__(reduction=reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return _functional.half_mse_loss(input, target, reduction=self.reduction)


class GaussianNLLLoss(Loss):
    """½ (log v + (input - target)² / v), v = max(var, eps): regression with a predicted variance.

    Args:
        full: adds ½ log 2π.
        eps: >= 0, ValueError otherwise.
        reduction: as in MSELoss.

    Called with (input, target, var); shapes as in functional.gaussian_nll_loss, a negative variance
    is a ValueError. Source: Nix, Weigend (1994).
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.full = require_bool(type(self).__name__, "full", full)
        self.eps = at_least_zero(self, "eps", eps)

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return _functional.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class PoissonNLLLoss(Loss):
    """exp(input) - target * input for counts: regression with a predicted logarithm of their mean,
    or with log_input=False, input - target * log(input + eps), of the mean itself.

    `full` adds Stirling's log target! where target > 1; eps >= 0, ValueError otherwise. Shapes and
    `reduction` as in MSELoss.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average=None,
        eps: float = 1e-8,
        reduce=None,
        reduction: str = "mean",
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_input = require_bool(type(self).__name__, "log_input", log_input)
        self.full = require_bool(type(self).__name__, "full", full)
        self.eps = at_least_zero(self, "eps", eps)

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return _functional.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class KLDivLoss(Loss):
    """The Kullback-Leibler divergence target * (log target - input) of log-probabilities `input`.

    `reduction` is "mean", "sum", "none", or "batchmean", the divergence by its definition;
    `log_target`: the target holds logarithms, too. Shapes and warning as in functional.kl_div.
    Source: Kullback, Leibler (1951).
    """

    _reductions = (*Loss._reductions, "batchmean")

    def __init__(
        self, size_average=None, reduce=None, reduction: str = "mean", log_target: bool = False
    ):
        super().__init__(size_average, reduce, reduction)
        self.log_target = require_bool(type(self).__name__, "log_target", log_target)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
