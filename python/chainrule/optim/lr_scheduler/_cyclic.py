"""A learning rate that goes up and down."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..._checks import require_callable
from .._optimizer import Optimizer
from ._checks import number, one_of, per_group, positive, require_optimizer, set_lr
from ._functions import attributes
from ._momentum import MovesMomentum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal


class CyclicLR(MovesMomentum):
    """lr from `base_lr` up to `max_lr` and down again, in straight lines; the height is scaled by
    the cycle or by the step.

    In cycle c = 1, 2, ... the height max_lr - base_lr is multiplied by 1 ("triangular"), by 1 /
    2^(c - 1) ("triangular2"), or after step i by gamma^i ("exp_range"); `scale_fn` takes the place of
    these. Momentum moves the other way.

    Args:
        optimizer: whose groups are written.
        base_lr: the least lr, >= 0, also one for each group in a list.
        max_lr: the largest, alike.
        step_size_up: steps up, > 0.
        step_size_down: steps down, > 0; as many as up when None.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: of "exp_range", >= 0.
        scale_fn: a function of the cycle's number or of the count of steps.
        scale_mode: which of the two, "cycle" or "iterations".
        cycle_momentum: whether `momentum`, or the first of `betas`, moves. ValueError where the
            optimizer has neither.
        base_momentum: where lr is largest, in [0, 1].
        max_momentum: where lr is least, in [0, 1].
        last_epoch: where to go on; -1 begins.

    Step after every batch.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), momentum=0.9)
        >>> scheduler, rates = CyclicLR(optimizer, base_lr=0.25, max_lr=0.75, step_size_up=2), []
        >>> for batch in range(6):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> rates
        [0.25, 0.5, 0.75, 0.5, 0.25, 0.5]

    Source: Smith, "Cyclical learning rates for training neural networks" (2015).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ):
        self.optimizer = require_optimizer("CyclicLR", optimizer)
        self._refuse_while_recording()
        base_lrs = per_group("CyclicLR", "base_lr", optimizer, base_lr)
        self.max_lrs = per_group("CyclicLR", "max_lr", optimizer, max_lr)
        up = float(positive("CyclicLR", "step_size_up", step_size_up))
        down = up if step_size_down is None else step_size_down
        self.total_size = up + float(positive("CyclicLR", "step_size_down", down))
        self.step_ratio = up / self.total_size
        if scale_fn is None:
            one_of("CyclicLR", "mode", mode, ("triangular", "triangular2", "exp_range"))
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        else:
            require_callable("CyclicLR", scale_fn)
        self.mode = mode
        self.gamma = number("CyclicLR", "gamma", gamma, 0)
        self._scale_fn_custom = scale_fn
        self.scale_mode = one_of("CyclicLR", "scale_mode", scale_mode, ("cycle", "iterations"))
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                optimizer, base_momentum, max_momentum, last_epoch
            )
        if last_epoch == -1:
            for lr, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_lr("CyclicLR", group, lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The factor of the height in cycle x, or at step x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 0.5 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Any]:
        """The learning rates for `last_epoch`; writes the momentum that belongs to them."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        place = 1.0 + self.last_epoch / self.total_size - cycle
        rises = place <= self.step_ratio
        height = place / self.step_ratio if rises else (place - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            for group, (base, most) in zip(self.optimizer.param_groups, bounds, strict=True):
                self._set_momentum(group, most - (most - base) * height * scale)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [base + (most - base) * height * scale for base, most in pairs]

    _unsaved = ("optimizer", "_scale_fn_custom")

    def state_dict(self) -> dict[str, Any]:
        state, custom = super().state_dict(), self._scale_fn_custom
        state["_scale_fn_custom"] = None if custom is None else attributes(custom)
        return state

    state_dict.__doc__ = MovesMomentum.state_dict.__doc__

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._check_state(state_dict)
        vars(self).update({k: v for k, v in state_dict.items() if k != "_scale_fn_custom"})
        if state_dict["_scale_fn_custom"]:
            vars(self._scale_fn_custom).update(state_dict["_scale_fn_custom"])

    load_state_dict.__doc__ = MovesMomentum.load_state_dict.__doc__
