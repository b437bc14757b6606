"""`LRScheduler`: the count of steps, the state dict, and what is written at a step."""

from __future__ import annotations

import functools
import weakref

from ... import _core
from ..._checks import type_name
from ..._warn import warn
from .._native import NativeOptimizer
from .._optimizer import Optimizer
from ._checks import integer, kept, require_optimizer, set_lr, values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ORDER = (
    "[{}.step] expected optimizer.step() before scheduler.step(); got the opposite order, which "
    "skips the first learning rate of the schedule."
)
_OUTSIDE = "[{}.get_lr] expected a call from within step(); got another. Read get_last_lr()."
_EPOCH = (
    "[{}.step] expected no argument; got epoch={}. It is deprecated and uses the closed form of the "
    "schedule where there is one."
)


class LRScheduler:
    """Base class of the schedulers: at each `step()` it counts `last_epoch` up and writes what
    `get_lr` returns into the groups.

    A subclass defines `get_lr`: one learning rate a group, from `self.last_epoch`, from
    `self.base_lrs` (the groups' `initial_lr`) and from the groups as they are. The first step is
    taken when the scheduler is made, with `last_epoch` 0.

    Args:
        optimizer: whose groups are written. Their `lr` may be numbers or tensors, which are filled.
        last_epoch: -1 begins; a later number continues there and needs `initial_lr` in the groups,
            as an optimizer's loaded state dict has it (KeyError without).

    Example:
        >>> class Halve(LRScheduler):
        ...     def get_lr(self):
        ...         return [lr / 2**self.last_epoch for lr in self.base_lrs]
        >>> optimizer = chainrule.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.8)
        >>> scheduler = Halve(optimizer)
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     scheduler.step()
        >>> scheduler.get_last_lr()
        [0.1]

    Source: "change the learning rate throughout training", 000_4bfdbb0e825250a6.txt.
    """

    optimizer: Optimizer
    base_lrs: list[Any]
    last_epoch: int
    _is_initial = False  # while the constructor takes the first step
    _get_lr_called_within_step = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        name = type(self).__name__
        self.optimizer = require_optimizer(name, optimizer)
        integer(name, "last_epoch", last_epoch, -1)
        self._refuse_while_recording()
        for index, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", kept(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"[{name}] expected 'initial_lr' in group {index} of the optimizer, to go on with "
                    f"last_epoch={last_epoch}; got none. Load the optimizer's state dict first."
                )
        self.base_lrs = values_of(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The learning rates for `last_epoch`, one a group; every subclass defines it. Called by
        `step()`; `get_last_lr()` is for everybody else."""
        raise NotImplementedError(
            f"[{type(self).__name__}] expected a get_lr method; got a class that defines none."
        )

    def get_last_lr(self) -> list[Any]:
        """The learning rates of the groups as the last step left them."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next learning rates; comes after `optimizer.step()`.

        `epoch` jumps there and is deprecated, as in PyTorch. Inside a compiled function it is a
        CaptureError.
        """
        self._refuse_while_recording()
        if self._step_count == 1 and not vars(self.optimizer).get("_opt_called"):
            warn(_ORDER.format(type(self).__name__))
        self._step_count += 1
        if epoch is not None:
            warn(_EPOCH.format(type(self).__name__, epoch))
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = getattr(self, "_get_closed_form_lr", None)
        self._write(self.get_lr if epoch is None or closed is None else closed)

    def _write(self, rates):
        """Put rates() into the groups."""
        name, groups = type(self).__name__, self.optimizer.param_groups
        self._get_lr_called_within_step = True
        try:
            values = rates()
        finally:
            self._get_lr_called_within_step = False
        if len(values) != len(groups):
            raise ValueError(
                f"[{name}.step] expected learning rates for {len(groups)} groups; got {len(values)}."
            )
        for group, value in zip(groups, values, strict=True):
            set_lr(f"{name}.step", group, value)
        self._last_lr = values_of(self.optimizer, "lr")

    def _refuse_while_recording(self):
        # A replay runs no Python: the rates of the recording would stay for ever.
        _core._refuse_while_recording(
            "change of learning rates", "Call scheduler.step() outside the compiled function."
        )

    def _warn_outside_step(self):
        if not self._get_lr_called_within_step:
            warn(_OUTSIDE.format(type(self).__name__))

    # ---- state

    _unsaved: tuple[str, ...] = ("optimizer",)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on, apart from the optimizer: numbers, lists and dicts,
        which `chainrule.save` writes."""
        return {key: value for key, value in vars(self).items() if key not in self._unsaved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of a scheduler of this class. The optimizer's own state dict has the
        learning rates; nothing is written into it here.

        ValueError, and nothing is changed, for the state of another class.
        """
        self._check_state(state_dict)
        vars(self).update(state_dict)

    def _check_state(self, state):
        name, known = type(self).__name__, self.state_dict().keys()
        if not isinstance(state, dict):
            raise TypeError(
                f"[{name}] expected a dict as state of a scheduler; got {type_name(state)}."
            )
        if state.keys() != known:
            lacking, foreign = sorted(known - state.keys()), sorted(map(str, state.keys() - known))
            raise ValueError(
                f"[{name}] expected the state of a {name}; got one that lacks {lacking} and has "
                f"{foreign} beside it."
            )


def _note_steps(optimizer):
    """From here on the optimizer notes that it has stepped; the library's own do so by themselves."""
    step = optimizer.step
    if isinstance(optimizer, NativeOptimizer) or hasattr(step, "_notes"):
        return
    function = getattr(step, "__func__", None)
    if function is None:  # something that its user has put there, of which nobody knows
        vars(optimizer)["_opt_called"] = True
        return
    reference = weakref.ref(optimizer)  # not the bound method: the two would keep each other

    @functools.wraps(function)
    def noting(*args, **kwargs):
        owner: Any = reference()
        vars(owner)["_opt_called"] = True
        return function(owner, *args, **kwargs)

    vars(noting)["_notes"] = True
    vars(optimizer)["step"] = noting
