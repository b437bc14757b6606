"""The learning rate while weights are averaged; `optim.swa_utils` has its name."""

from __future__ import annotations

import math

from .._optimizer import Optimizer
from ._checks import integer, one_of, per_group, require_optimizer
from ._scheduler import LRScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal


class SWALR(LRScheduler):
    """lr from what it is to `swa_lr` in `anneal_epochs` steps, where it stays.

    Args:
        optimizer: whose groups are written.
        swa_lr: the last learning rate, also one for each group in a list.
        anneal_epochs: steps until then, >= 0.
        anneal_strategy: "cos" or "linear", the way there.
        last_epoch: where to go on; -1 begins.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
        >>> scheduler = SWALR(optimizer, swa_lr=0.1, anneal_epochs=2, anneal_strategy="linear")
        >>> rates = []
        >>> for epoch in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(rate, 4) for rate in rates]
        [0.5, 0.3, 0.1, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ):
        require_optimizer("SWALR", optimizer)
        self._refuse_while_recording()
        rates = per_group("SWALR", "swa_lr", optimizer, swa_lr)
        self._anneal_strategy = one_of(
            "SWALR", "anneal_strategy", anneal_strategy, ("cos", "linear")
        )
        self.anneal_epochs = integer("SWALR", "anneal_epochs", anneal_epochs, 0, kind=ValueError)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, last = group["lr"], group["swa_lr"]
            start = last if before == 1 else (lr - before * last) / (1 - before)
            rates.append(last * now + start * (1 - now))
        return rates

    get_lr.__doc__ = LRScheduler.get_lr.__doc__

    def _share(self, step):
        """How much of the way is done."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2
