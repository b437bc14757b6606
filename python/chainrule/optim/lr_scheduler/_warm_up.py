"""Learning rates that begin small."""

from __future__ import annotations

from .._optimizer import Optimizer
from ._checks import integer, number, positive
from ._formula import Chainable


class ConstantLR(Chainable):
    """lr = factor * initial lr in the first `total_iters` steps, then the initial lr.

    Args:
        optimizer: whose groups are written.
        factor: in (0, 1].
        total_iters: >= 1.
        last_epoch: where to go on; -1 begins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        self.factor = number("ConstantLR", "factor", positive("ConstantLR", "factor", factor), 0, 1)
        self.total_iters = integer("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        if self.last_epoch == 0:
            return lr * self.factor
        return lr * (1.0 / self.factor) if self.last_epoch == self.total_iters else lr

    def _closed(self, base):
        over = self.last_epoch >= self.total_iters
        return base * (self.factor + over * (1 - self.factor))


class LinearLR(Chainable):
    """lr from start_factor * initial lr to end_factor * initial lr in a straight line of
    `total_iters` steps: a warm-up.

    Args:
        optimizer: whose groups are written.
        start_factor: in (0, 1].
        end_factor: in [0, 1].
        total_iters: >= 1.
        last_epoch: where to go on; -1 begins.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.8)
        >>> scheduler, rates = LinearLR(optimizer, start_factor=0.25, total_iters=3), []
        >>> for step in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(rate, 6) for rate in rates]
        [0.2, 0.4, 0.6, 0.8, 0.8]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ):
        positive("LinearLR", "start_factor", start_factor)
        self.start_factor = number("LinearLR", "start_factor", start_factor, 0, 1)
        self.end_factor = number("LinearLR", "end_factor", end_factor, 0, 1)
        self.total_iters = integer("LinearLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        if self.last_epoch == 0:
            return lr * self.start_factor
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return lr * (1.0 + rise / before)

    def _closed(self, base):
        share = min(self.total_iters, self.last_epoch) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)
