"""One rise and one long fall of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .._optimizer import Optimizer
from ._checks import integer, number, one_of, per_group, positive, require_optimizer
from ._momentum import MovesMomentum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal


class OneCycleLR(MovesMomentum):
    """lr from max_lr / div_factor up to `max_lr`, then down to the first one / final_div_factor;
    momentum the other way.

    Args:
        optimizer: whose groups are written.
        max_lr: the largest lr, >= 0, also one for each group in a list.
        total_steps: steps in all, >= 1; or give the two that follow.
        epochs: passes over the data, >= 1.
        steps_per_epoch: batches in one, >= 1.
        pct_start: the share of the steps that go up, in [0, 1].
        anneal_strategy: "cos" or "linear", the way between two ends.
        cycle_momentum: whether `momentum`, or the first of `betas`, moves. ValueError where the
            optimizer has neither.
        base_momentum: where lr is largest, in [0, 1].
        max_momentum: where lr is least, in [0, 1].
        div_factor: > 0.
        final_div_factor: > 0.
        three_phase: go down to the first lr in as many steps as up, then to the last.
        last_epoch: where to go on; -1 begins.

    Step after every batch; one step more than `total_steps` is a ValueError.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), momentum=0.9)
        >>> scheduler, rates = OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4), []
        >>> for batch in range(5):
        ...     rates += scheduler.get_last_lr()
        ...     optimizer.step()
        ...     scheduler.step()
        >>> [round(rate, 4) for rate in rates]
        [0.04, 1.0, 0.75, 0.25, 0.0]

    Source: Smith and Topin, "Super-convergence" (2017).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ):
        self.optimizer = require_optimizer("OneCycleLR", optimizer)
        self._refuse_while_recording()
        self.total_steps = _steps(total_steps, epochs, steps_per_epoch)
        number("OneCycleLR", "pct_start", pct_start, 0, 1)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        self._anneal_func_type = one_of(
            "OneCycleLR", "anneal_strategy", anneal_strategy, ("cos", "linear")
        )
        max_lrs = per_group("OneCycleLR", "max_lr", optimizer, max_lr)
        for name, factor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            positive("OneCycleLR", name, factor)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        for group, most in zip(optimizer.param_groups, max_lrs, strict=True):
            if last_epoch == -1:
                group["initial_lr"] = most / div_factor
                group["max_lr"], group["min_lr"] = most, group["initial_lr"] / final_div_factor
            elif not {"max_lr", "min_lr"} <= group.keys():
                raise KeyError(
                    "[OneCycleLR] expected 'max_lr' and 'min_lr' in every group of the optimizer, to "
                    "go on; got a group without. Load the optimizer's state dict first."
                )
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """The learning rates for `last_epoch`; writes the momentum that belongs to them."""
        self._warn_outside_step()
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"[OneCycleLR.step] expected at most {self.total_steps} steps; "
                f"got step {self.last_epoch}."
            )
        phase, share = self._place()
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, share))
        return rates

    def _place(self) -> tuple[dict[str, Any], float]:
        """The phase of last_epoch and the share of it that is over."""
        begin, phases = 0.0, self._schedule_phases
        phase = phases[-1]
        for phase in phases:
            if self.last_epoch <= phase["end_step"]:
                break
            begin = phase["end_step"] if phase is not phases[-1] else begin
        length = phase["end_step"] - begin
        return phase, (self.last_epoch - begin) / length if length else 1.0

    def _between(self, start, end, share):
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def _steps(total_steps, epochs, steps_per_epoch):
    if total_steps is not None:
        return integer("OneCycleLR", "total_steps", total_steps, kind=ValueError)
    if epochs is None or steps_per_epoch is None:
        given = "neither"
        if epochs is not None or steps_per_epoch is not None:
            given = "no steps_per_epoch" if steps_per_epoch is None else "no epochs"
        raise ValueError(
            f"[OneCycleLR] expected total_steps, or epochs and steps_per_epoch; got {given}."
        )
    integer("OneCycleLR", "epochs", epochs, kind=ValueError)
    return epochs * integer("OneCycleLR", "steps_per_epoch", steps_per_epoch, kind=ValueError)


def _phases(total, share, three):
    """The ends of each phase, by the names that the groups have for them."""
    last, up = total - 1, float(share * total) - 1
    rise = _phase(up, "initial_lr", "max_lr", "max_momentum", "base_momentum")
    if not three:
        return [rise, _phase(last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
    down = float(2 * share * total) - 2
    fall = _phase(down, "max_lr", "initial_lr", "base_momentum", "max_momentum")
    return [rise, fall, _phase(last, "initial_lr", "min_lr", "max_momentum", "max_momentum")]


def _phase(end_step, start_lr, end_lr, start_momentum, end_momentum):
    return {
        "end_step": end_step,
        "start_lr": start_lr,
        "end_lr": end_lr,
        "start_momentum": start_momentum,
        "end_momentum": end_momentum,
    }
