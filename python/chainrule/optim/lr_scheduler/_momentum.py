"""What the schedules share that move momentum (or the first beta) against the learning rate."""

from __future__ import annotations

from ._checks import number, per_group
from ._scheduler import LRScheduler


class MovesMomentum(LRScheduler):
    """Writes `momentum`, or the first of `betas`, where `cycle_momentum` is set."""

    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(self, optimizer, base_momentum, max_momentum, last_epoch):
        """Sets the groups' momentum and its bounds; returns the bounds, one of each a group."""
        name = type(self).__name__
        if not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"[{name}] expected an optimizer with momentum or betas; got "
                f"{type(optimizer).__name__}. Pass cycle_momentum=False."
            )
        self.use_beta1 = "betas" in optimizer.defaults
        bounds = []
        for what, value in (("base_momentum", base_momentum), ("max_momentum", max_momentum)):
            bounds.append(per_group(name, what, optimizer, value))
            for each in bounds[-1]:
                number(name, what, each, 0, 1)
        if last_epoch == -1:
            for base, most, group in zip(*bounds, optimizer.param_groups, strict=True):
                self._set_momentum(group, most)
                group["max_momentum"], group["base_momentum"] = most, base
        return bounds

    def _set_momentum(self, group, momentum):
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum
