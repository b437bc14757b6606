"""Learning rates along a cosine. Source: Loshchilov and Hutter, "SGDR" (2016)."""

from __future__ import annotations

import math

from .._optimizer import Optimizer
from ._checks import integer, number, positive
from ._formula import Chainable, Closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CosineAnnealingLR(Chainable):
    """lr = eta_min + (initial lr - eta_min) * (1 + cos(π * last_epoch / T_max)) / 2.

    After `T_max` steps it is `eta_min` and goes up again; there is no restart.

    Args:
        optimizer: whose groups are written.
        T_max: steps from the initial lr to `eta_min`, > 0.
        eta_min: the least learning rate, >= 0.
        last_epoch: where to go on; -1 begins.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
        >>> scheduler, rates = CosineAnnealingLR(optimizer, T_max=4), []
        >>> for epoch in range(6):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(rate, 4) for rate in rates]
        [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.1464]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ):
        self.T_max = positive("CosineAnnealingLR", "T_max", T_max)
        self.eta_min = number("CosineAnnealingLR", "eta_min", eta_min, 0)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        at_minimum = (self.last_epoch - 1 - self.T_max) % (2 * self.T_max) == 0
        if self._is_initial or not at_minimum:
            return [self._next(group["lr"]) for group in self.optimizer.param_groups]
        # The lr is eta_min, from which no factor leads away.
        rise = (1 - math.cos(math.pi / self.T_max)) / 2
        pairs = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        return [group["lr"] + (base - self.eta_min) * rise for group, base in pairs]

    def _next(self, lr):
        if self._is_initial:
            return lr
        factor = self._height(self.last_epoch) / self._height(self.last_epoch - 1)
        return factor * (lr - self.eta_min) + self.eta_min

    def _closed(self, base):
        return self.eta_min + (base - self.eta_min) * self._height(self.last_epoch) / 2

    def _height(self, epoch):
        return 1 + math.cos(math.pi * epoch / self.T_max)


class CosineAnnealingWarmRestarts(Closed):
    """lr = eta_min + (initial lr - eta_min) * (1 + cos(π * T_cur / T_i)) / 2, with T_cur the steps
    since the last restart and T_i those between the last and the next one.

    Args:
        optimizer: whose groups are written.
        T_0: steps to the first restart, an integer >= 1.
        T_mult: by which T_i grows at each restart, an integer >= 1.
        eta_min: the least learning rate, >= 0.
        last_epoch: where to go on; -1 begins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ):
        name = "CosineAnnealingWarmRestarts"
        self.T_0 = integer(name, "T_0", T_0, kind=ValueError)
        self.T_i = T_0
        self.T_mult = integer(name, "T_mult", T_mult, kind=ValueError)
        self.eta_min = number(name, "eta_min", eta_min, 0)
        self.T_cur = last_epoch
        super().__init__(optimizer, last_epoch)

    def _closed(self, base):
        height = 1 + math.cos(math.pi * self.T_cur / self.T_i)
        return self.eta_min + (base - self.eta_min) * height / 2

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next learning rate, or to that of `epoch`, which may be a fraction: `step(i +
        batch / batches)` after each batch of epoch i."""
        self._refuse_while_recording()
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._place(number("CosineAnnealingWarmRestarts.step", "epoch", epoch, 0))
        self.last_epoch = math.floor(epoch)
        self._write(self.get_lr)

    def _place(self, epoch):
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            begin, length = 0, self.T_0
            while epoch >= begin + length:
                begin, length = begin + length, length * self.T_mult
            self.T_cur, self.T_i = epoch - begin, length
