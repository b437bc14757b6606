"""Schedulers that lead others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ..._checks import object_hint, type_name
from .._optimizer import Optimizer
from ._checks import integer, require_optimizer, set_lr, values_of
from ._plateau import ReduceLROnPlateau
from ._scheduler import LRScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Leads(LRScheduler):
    """Has schedulers of one optimizer, whose states its own state dict holds."""

    _schedulers: list[LRScheduler]
    _unsaved = ("optimizer", "_schedulers")

    def _take(self, schedulers, optimizer) -> Any:
        """Keeps the schedulers; returns their optimizer."""
        name = type(self).__name__
        if not isinstance(schedulers, Iterable):
            raise TypeError(
                f"[{name}] expected an iterable of schedulers; got {type_name(schedulers)}."
            )
        schedulers = list(schedulers)
        if not schedulers:
            raise ValueError(f"[{name}] expected at least one scheduler; got none.")
        for index, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                kind, hint = type_name(scheduler), object_hint(scheduler, "optimizer, ...")
                raise TypeError(f"[{name}] expected schedulers; got {kind} at {index}.{hint}")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(  # noqa: TRY004 - PyTorch's class
                    f"[{name}] expected schedulers whose step() takes no measure; got "
                    f"ReduceLROnPlateau at {index}. Step it by itself."
                )
        optimizer = schedulers[0].optimizer if optimizer is None else optimizer
        require_optimizer(name, optimizer)
        for index, scheduler in enumerate(schedulers):
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    f"[{name}] expected schedulers of one optimizer; got another one's at {index}."
                )
        self._refuse_while_recording()
        self._schedulers = schedulers
        return optimizer

    def _reset_lr(self):
        for group in self.optimizer.param_groups:
            set_lr(type(self).__name__, group, group["initial_lr"])

    def _rewind(self):
        """As before the first steps of all that it leads."""
        for scheduler in self._schedulers:
            if isinstance(scheduler, _Leads):
                scheduler._rewind()
            else:
                scheduler.last_epoch = -1

    def _update_lr(self, epoch=None):  # at a milestone of a SequentialLR
        self._reset_lr()
        self._rewind()
        self._initial_step()

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    state_dict.__doc__ = LRScheduler.state_dict.__doc__

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._check_state(state_dict)
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"[{type(self).__name__}] expected the states of {len(self._schedulers)} schedulers; "
                f"got {len(states)}."
            )
        for scheduler, state in zip(self._schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        vars(self).update({k: v for k, v in state_dict.items() if k != "_schedulers"})

    load_state_dict.__doc__ = LRScheduler.load_state_dict.__doc__


class ChainedScheduler(_Leads):
    """Several schedulers that all step, in their order: factors multiply.

    Args:
        schedulers: of one optimizer. ValueError for ReduceLROnPlateau, whose step takes a measure.
        optimizer: theirs; it may be left out.

    Example:
        >>> from chainrule.optim.lr_scheduler import ConstantLR, ExponentialLR
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
        >>> parts = ConstantLR(optimizer, factor=0.5, total_iters=2), ExponentialLR(optimizer, 0.5)
        >>> scheduler, rates = ChainedScheduler(parts), []
        >>> for epoch in range(4):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        self.optimizer = self._take(schedulers, optimizer)
        self._last_lr = values_of(self.optimizer, "lr")

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Step all of them."""
        self._refuse_while_recording()
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = values_of(self.optimizer, "lr")

    def _initial_step(self):
        for scheduler in self._schedulers:
            scheduler._initial_step()
        self._last_lr = values_of(self.optimizer, "lr")


class SequentialLR(_Leads):
    """Schedulers one after another: the one at i + 1 begins at milestones[i], with its epoch 0.

    Args:
        optimizer: that of the schedulers.
        schedulers: of this optimizer. ValueError for ReduceLROnPlateau, whose step takes a measure.
        milestones: one fewer than schedulers, counts of steps, rising.
        last_epoch: as PyTorch's; -1 begins.

    Example:
        >>> from chainrule.optim.lr_scheduler import CosineAnnealingLR, LinearLR
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=1.0)
        >>> warm_up = LinearLR(optimizer, start_factor=0.5, total_iters=2)
        >>> scheduler = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, 4)], [2])
        >>> rates = []
        >>> for epoch in range(6):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(rate, 4) for rate in rates]
        [0.5, 0.75, 1.0, 0.8536, 0.5, 0.1464]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ):
        require_optimizer("SequentialLR", optimizer)
        self._take(schedulers, optimizer)
        if not isinstance(milestones, Iterable):
            raise TypeError(
                f"[SequentialLR] expected an iterable of milestones; got {type_name(milestones)}."
            )
        milestones = [integer("SequentialLR", "milestones", m, 0) for m in milestones]
        if len(milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"[SequentialLR] expected {len(self._schedulers) - 1} milestones for "
                f"{len(self._schedulers)} schedulers; got {len(milestones)}."
            )
        if milestones != sorted(milestones):
            raise ValueError(f"[SequentialLR] expected rising milestones; got {milestones!r:.60}.")
        self._milestones = milestones
        self.last_epoch = integer("SequentialLR", "last_epoch", last_epoch, -1) + 1
        self.optimizer = optimizer
        self._reset_lr()
        undo(self)
        self._initial_step()

    def _initial_step(self):
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Step the scheduler whose turn it is."""
        self._refuse_while_recording()
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()

    def _rewind(self):
        super()._rewind()
        self.last_epoch = 0


def undo(scheduler):
    """Take back the count of the step that the constructors of the schedulers took."""
    if isinstance(scheduler, _Leads):
        for part in scheduler._schedulers:
            undo(part)
    else:
        scheduler.last_epoch -= 1
