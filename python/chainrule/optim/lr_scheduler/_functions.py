"""Schedules that are functions of the user's."""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence

from ..._checks import require_callable
from .._optimizer import Optimizer
from ._checks import require_optimizer, values_of
from ._scheduler import LRScheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _OfFunctions(LRScheduler):
    """Has one function a group. State dicts hold the attributes of callable objects, as of functions
    there is nothing to keep."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ):
        name = type(self).__name__
        self.optimizer = require_optimizer(name, optimizer)
        groups = len(optimizer.param_groups)
        several = isinstance(lr_lambda, list | tuple)
        if several and len(lr_lambda) != groups:
            raise ValueError(
                f"[{name}] expected lr_lambda for {groups} groups; got {len(lr_lambda)} functions."
            )
        functions: Any = lr_lambda if several else [lr_lambda] * groups
        self.lr_lambdas = [require_callable(name, function) for function in functions]
        super().__init__(optimizer, last_epoch)

    _unsaved = ("optimizer", "lr_lambdas")

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        state["lr_lambdas"] = [attributes(function) for function in self.lr_lambdas]
        return state

    state_dict.__doc__ = LRScheduler.state_dict.__doc__

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._check_state(state_dict)
        saved = state_dict["lr_lambdas"]
        if len(saved) != len(self.lr_lambdas):
            raise ValueError(
                f"[{type(self).__name__}] expected the state of {len(self.lr_lambdas)} functions; "
                f"got {len(saved)}."
            )
        vars(self).update({k: v for k, v in state_dict.items() if k != "lr_lambdas"})
        for function, own in zip(self.lr_lambdas, saved, strict=True):
            vars(function).update(own or {})

    load_state_dict.__doc__ = LRScheduler.load_state_dict.__doc__


def attributes(function):
    """What a state dict keeps of a callable: None of a function, a copy of an object's attributes."""
    return None if isinstance(function, types.FunctionType) else dict(vars(function))


class LambdaLR(_OfFunctions):
    """lr = initial lr * lr_lambda(last_epoch).

    Args:
        optimizer: whose groups are written.
        lr_lambda: a function of the count of steps, or a list with one for each group.
        last_epoch: where to go on; -1 begins.

    Example:
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
        >>> scheduler = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> optimizer.step()
        >>> scheduler.step()
        >>> optimizer.param_groups[0]["lr"]
        0.25
    """

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        pairs = zip(self.lr_lambdas, self.base_lrs, strict=True)
        return [base * function(self.last_epoch) for function, base in pairs]


class MultiplicativeLR(_OfFunctions):
    """lr ← lr * lr_lambda(last_epoch), from the first `step()` on.

    Arguments as LambdaLR's; the factor acts on the present lr, whoever has set it.
    """

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        if self._is_initial:
            return values_of(self.optimizer, "lr")
        pairs = zip(self.lr_lambdas, self.optimizer.param_groups, strict=True)
        return [group["lr"] * function(self.last_epoch) for function, group in pairs]
