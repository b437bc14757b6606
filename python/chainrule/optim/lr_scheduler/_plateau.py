"""A learning rate that falls when a measure gets no better."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..._checks import as_float
from ..._warn import warn
from .._optimizer import Optimizer
from ._checks import integer, number, one_of, per_group, require_optimizer, set_lr, values_of
from ._scheduler import _EPOCH, LRScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, SupportsFloat


class ReduceLROnPlateau(LRScheduler):
    """lr ← max(lr * factor, min_lr) after more than `patience` steps whose measure was not better
    than the best one before.

    Args:
        optimizer: whose groups are written.
        mode: "min" where a smaller measure is better, "max".
        factor: in [0, 1).
        patience: steps without a better measure that are forgiven, >= 0.
        threshold: by how much a measure must be better, >= 0.
        threshold_mode: "rel", by that share of the best; "abs", by that.
        cooldown: steps after a fall that do not count, >= 0.
        min_lr: the least lr, >= 0, also one for each group in a list.
        eps: a fall by no more than this is left out, >= 0.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
        >>> scheduler = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (1.0, 0.9, 0.9, 0.9):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ):
        name = "ReduceLROnPlateau"
        if not 0 <= number(name, "factor", factor) < 1:
            raise ValueError(f"[{name}] expected 0 <= factor < 1; got {factor!r:.60}.")
        self.factor = factor
        self.optimizer = require_optimizer(name, optimizer)
        self.default_min_lr: Any = None if isinstance(min_lr, list | tuple) else min_lr
        self.min_lrs = per_group(name, "min_lr", optimizer, min_lr)
        self.patience = integer(name, "patience", patience, 0)
        self.cooldown = integer(name, "cooldown", cooldown, 0)
        self.eps = number(name, "eps", eps, 0)
        self.last_epoch = 0
        self._last_lr = values_of(optimizer, "lr")
        self.mode_worse = (
            math.inf if one_of(name, "mode", mode, ("min", "max")) == "min" else -math.inf
        )
        self.mode = mode
        self.threshold = number(name, "threshold", threshold, 0)
        self.threshold_mode = one_of(name, "threshold_mode", threshold_mode, ("rel", "abs"))
        self._reset()

    def _reset(self):
        """Forget the measures."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take the measure of an epoch, as its validation loss: a number or a tensor of one element.

        One that is NaN is no better than any. `epoch` is deprecated, as in PyTorch. Inside a compiled
        function it is a CaptureError.
        """
        self._refuse_while_recording()
        measure = as_float("ReduceLROnPlateau.step", "metrics", metrics)
        if epoch is not None:
            warn(_EPOCH.format("ReduceLROnPlateau", epoch))
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(measure):
            self.best = measure
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = values_of(self.optimizer, "lr")

    @property
    def in_cooldown(self) -> bool:
        """Whether the last fall was less than `cooldown` steps ago."""
        return self.cooldown_counter > 0

    def _is_better(self, measure):
        sign = 1 if self.mode == "min" else -1
        if self.threshold_mode == "rel":
            bound = self.best * (1.0 - sign * self.threshold)
        else:
            bound = self.best - sign * self.threshold
        return sign * measure < sign * bound

    def _reduce(self):
        groups = self.optimizer.param_groups
        if len(self.min_lrs) != len(groups):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"[ReduceLROnPlateau.step] expected {len(self.min_lrs)} groups, as when min_lr "
                    f"was given as a list; got {len(groups)}. Change scheduler.min_lrs."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                set_lr("ReduceLROnPlateau.step", group, new)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.mode_worse = math.inf if self.mode == "min" else -math.inf

    load_state_dict.__doc__ = LRScheduler.load_state_dict.__doc__
