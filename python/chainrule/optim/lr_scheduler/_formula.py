"""Bases of the schedules that are one formula."""

from __future__ import annotations

from ._scheduler import LRScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Closed(LRScheduler):
    """lr as a function of last_epoch and the initial lr alone."""

    def _closed(self, base: Any) -> Any:
        """The learning rate of a group with this initial one."""
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        return [self._closed(base) for base in self.base_lrs]

    get_lr.__doc__ = LRScheduler.get_lr.__doc__


class Chainable(Closed):
    """lr as what a step makes of the present one, so that other schedulers and the user may change
    it, too; `step(epoch)` uses the closed form."""

    def _next(self, lr: Any) -> Any:
        """The learning rate after the present one; last_epoch is the new one already."""
        raise NotImplementedError

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        return [self._next(group["lr"]) for group in self.optimizer.param_groups]

    get_lr.__doc__ = LRScheduler.get_lr.__doc__

    def _get_closed_form_lr(self):
        return [self._closed(base) for base in self.base_lrs]
