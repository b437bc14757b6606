"""Learning rates that fall by steps, exponentially or as a power."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from .._optimizer import Optimizer
from ._checks import integer, number
from ._formula import Chainable


class StepLR(Chainable):
    """lr ← lr * gamma every `step_size` steps.

    Args:
        optimizer: whose groups are written.
        step_size: steps between two changes, >= 1.
        gamma: the factor, >= 0.
        last_epoch: where to go on; -1 begins.

    TypeError unless `step_size` is an integer: a fraction would never be met.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
        >>> scheduler, rates = StepLR(optimizer, step_size=2), []
        >>> for epoch in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.5, 0.05, 0.05, 0.005000000000000001]
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ):
        self.step_size = integer("StepLR", "step_size", step_size)
        self.gamma = number("StepLR", "gamma", gamma, 0)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        falls = self.last_epoch > 0 and self.last_epoch % self.step_size == 0
        return lr * self.gamma if falls else lr

    def _closed(self, base):
        return base * self.gamma ** (self.last_epoch // self.step_size)


class MultiStepLR(Chainable):
    """lr ← lr * gamma at each of the milestones.

    Args:
        optimizer: whose groups are written.
        milestones: counts of steps, integers >= 0; one that stands twice acts twice.
        gamma: the factor, >= 0.
        last_epoch: where to go on; -1 begins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ):
        if not isinstance(milestones, Iterable):
            raise TypeError(
                f"[MultiStepLR] expected milestones as integers in a list; got {milestones!r:.60}."
            )
        self.milestones = Counter(
            integer("MultiStepLR", "milestones", milestone, 0) for milestone in milestones
        )
        self.gamma = number("MultiStepLR", "gamma", gamma, 0)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        times = self.milestones.get(self.last_epoch, 0)
        return lr * self.gamma**times if times else lr

    def _closed(self, base):
        passed = [times for at, times in self.milestones.items() if at <= self.last_epoch]
        return base * self.gamma ** sum(passed)


class ExponentialLR(Chainable):
    """lr ← lr * gamma at each step.

    Args:
        optimizer: whose groups are written.
        gamma: the factor, >= 0, mostly a little below 1.
        last_epoch: where to go on; -1 begins.

    The lecture multiplies after every step of the optimizer: call `scheduler.step()` there. Once an
    epoch is as common.

    Example:
        >>> w = nn.Parameter(chainrule.tensor([1.0]))
        >>> optimizer = chainrule.optim.SGD([w], lr=0.1)
        >>> scheduler = ExponentialLR(optimizer, gamma=0.99)
        >>> for _ in range(100):
        ...     optimizer.zero_grad()
        ...     (w**2).sum().backward()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> round(scheduler.get_last_lr()[0], 6)  # 0.1 * 0.99**100
        0.036603

    Source: "multiply by λ in (0, 1) after every step", 000_4bfdbb0e825250a6.txt.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1):
        self.gamma = number("ExponentialLR", "gamma", gamma, 0)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        return lr if self._is_initial else lr * self.gamma

    def _closed(self, base):
        return base * self.gamma**self.last_epoch


class PolynomialLR(Chainable):
    """lr = initial lr * (1 - last_epoch / total_iters)^power, 0 from `total_iters` on.

    Args:
        optimizer: whose groups are written.
        total_iters: steps until 0, >= 1.
        power: >= 0; 1 falls in a straight line.
        last_epoch: where to go on; -1 begins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ):
        self.total_iters = integer("PolynomialLR", "total_iters", total_iters)
        self.power = number("PolynomialLR", "power", power, 0)
        super().__init__(optimizer, last_epoch)

    def _next(self, lr):
        if self._is_initial or self.last_epoch > self.total_iters:
            return lr
        left, before = self._left(self.last_epoch), self._left(self.last_epoch - 1)
        return lr * (left / before) ** self.power

    def _closed(self, base):
        return base * self._left(min(self.total_iters, self.last_epoch)) ** self.power

    def _left(self, epoch):
        return 1.0 - epoch / self.total_iters
