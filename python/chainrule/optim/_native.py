"""What the optimizers with a native update share: one call of the engine per step.

The engine reads the settings of a group from `hyper`, a small float64 tensor, and never from
Python. `hyper` is brought up to date from `param_groups` before every eager step and before every
replay of a compiled one, so a new learning rate counts at once and nothing has to be compiled
again.
"""

from __future__ import annotations

from collections.abc import Callable

from .. import _core
from .._checks import require_callable
from .._core import Tensor
from . import _rate
from ._optimizer import Optimizer
from ._state import ParamGroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Hyper:
    """The numbers of one group as a tensor; written only when they have changed."""

    def __init__(self, names):
        self.names = names
        # Plain memory: writing a setting is no operation, so a recorder sees no constant.
        with _core._PauseRecording():
            self.tensor = _core.zeros(len(names), dtype=_core.float64)
            self._numbers: Any = memoryview(self.tensor)
        self._last = None

    def refresh(self, optimizer, values):
        """Write `values`. The first may be a tensor: it is copied by an operation, never read."""
        if isinstance(values[0], Tensor):  # lr
            self.tensor[0].copy_(values[0].detach().reshape(()))
            first, values = 1, values[1:]
        else:
            first = 0
        try:
            if values == self._last:
                return
        except ValueError:  # an array among them, which is no number either
            pass
        numbers = [
            as_number(optimizer, name, value)
            for name, value in zip(self.names[first:], values, strict=True)
        ]
        for index, number in enumerate(numbers, first):
            self._numbers[index] = number
        self._last = tuple(numbers)  # not `values`: an object may become another number


class NativeOptimizer(Optimizer):
    """An optimizer that names its settings, reads them from a group and makes native calls."""

    _run_all: Callable[..., None]  # native: updates the parameters of all groups, or of none
    _group_type = ParamGroup

    def __init__(self, params, defaults):
        self._hypers = []
        super().__init__(params, defaults)

    def _settings(self, group) -> tuple:
        """The group's values of `_hyper_names`."""
        raise NotImplementedError

    def _flags(self, group) -> tuple:
        """The group's settings that a recorded step has baked in."""
        raise NotImplementedError

    def _gather(self, group, hyper, calls, fresh) -> None:
        """Append to `calls` the arguments of the native calls for the parameters of one group.

        State that does not exist yet goes into `fresh` as (parameter, entries): it belongs to the
        optimizer once the update has filled it.
        """
        raise NotImplementedError

    def _check_settings(self, group):
        self._check_flags(group)

    def _check_flags(self, group):
        for flag in self._flags(group):
            if not isinstance(flag, bool):
                raise TypeError(
                    f"[{type(self).__name__}] expected flags of a group to be bools; "
                    f"got {flag!r:.60}."
                )

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        super().add_param_group(param_group)
        self._hypers.append(Hyper(self._hyper_names))

    def __setstate__(self, state):
        super().__setstate__(state)
        self._hypers = [Hyper(self._hyper_names) for _ in self.param_groups]

    def _baked(self):
        """All that a step does not read from `hyper`: with another value it is another program."""
        groups = [(len(g["params"]), *_rate.baked(g), *self._flags(g)) for g in self.param_groups]
        return groups, len(self.state)

    def _values(self, group):
        """The settings, with a learning rate that is a function evaluated."""
        values = self._settings(group)
        return (
            _rate.evaluated(type(self).__name__, group, values) if callable(values[0]) else values
        )

    def _refresh(self):
        try:
            for group, hyper in self._groups():
                hyper.refresh(type(self).__name__, self._values(group))
        except KeyError as missing:
            raise self._missing(missing) from None

    def _missing(self, key):
        return _core.StateError(
            f"[{type(self).__name__}] expected {key} in the group and in the state of every "
            "parameter that has been updated before; got none."
        )

    def _groups(self):
        """Each group with its numbers."""
        groups, hypers = self.param_groups, self._hypers
        while len(hypers) < len(groups):  # a group appended by hand
            hypers.append(Hyper(self._hyper_names))
        return zip(groups, hypers)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, or none when one cannot be updated.

        `closure` is called first, with gradients enabled; what it returns, usually the loss, is
        returned.
        """
        self.__dict__["_opt_called"] = True  # a scheduler that steps first warns
        loss = None
        if closure is not None:
            require_callable(type(self).__name__, closure)
            with _core.enable_grad():
                loss = closure()
        calls, fresh = [], []
        try:
            for group, hyper in self._groups():
                hyper.refresh(type(self).__name__, self._values(group))
                self._gather(group, hyper.tensor, calls, fresh)
        except KeyError as missing:
            raise self._missing(missing) from None
        try:
            self._run_all(*calls)
        except TypeError:
            for group in self.param_groups:  # a setting that is at fault is told by its name
                self._check_flags(group)
            raise
        for param, entries in fresh:
            self.state[param].update(entries)
        _rate.advance(self.param_groups)
        recording = _core._recording()
        if recording is not None:
            recording.on_replay(Refresher(self))
        return loss


class Refresher:
    """Called before a replay of a step that was recorded: brings its hyper-parameters up to date."""

    def __init__(self, optimizer):
        self._optimizer = optimizer
        self._recorded = optimizer._baked()

    def __call__(self):
        self._optimizer._refresh()
        if self._optimizer._baked() != self._recorded:
            _core._invalidate_plans()

    def watched(self):
        """(dict, key) of all that a call reads, in which a change is another object or another
        length; None where a setting may change by itself, as a tensor does."""
        own: Any = vars(self._optimizer)
        entries: list[tuple[dict, str]] = [(own, "param_groups"), (own, "state")]
        for group in self._optimizer.param_groups:
            reads = _Reads(group)
            self._optimizer._settings(reads)
            self._optimizer._flags(reads)
            if not all(_is_constant(group[key]) for key in reads.keys_read):
                return None
            entries += [(group, key) for key in ("params", *sorted(reads.keys_read))]
            entries += _rate.watched(group)
        return entries


class _Reads(dict):
    """Notes which settings are read."""

    def __init__(self, group):
        super().__init__(group)
        self.keys_read = set()

    def __getitem__(self, key):
        self.keys_read.add(key)
        return super().__getitem__(key)


def _is_constant(value):
    if type(value) is tuple:
        return all(_is_constant(v) for v in value)
    return type(value) in (float, int, bool, type(None)) or callable(value)


def as_number(optimizer, name, value) -> float:
    """The value of a setting; TypeError unless it is a number."""
    try:
        if not isinstance(value, Tensor | str | bytes):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise TypeError(
        f"[{optimizer}] expected {name} to be a number; got {value!r:.60}. Only lr may be a tensor."
    )


def check_lr(optimizer, lr):
    """lr is a number >= 0, a tensor of one element, or a function of the count of steps."""
    if callable(lr):
        lr = _rate.value_of(optimizer, {"lr": lr})
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError(
                f"[{optimizer}] expected lr to have one element; got shape {tuple(lr.shape)}."
            )
        lr = lr.item()
    check_not_negative(optimizer, "lr", lr)


def check_not_negative(optimizer, name, value):
    """Raise unless value >= 0; nan is not."""
    if not as_number(optimizer, name, value) >= 0:
        raise ValueError(f"[{optimizer}] expected {name} >= 0; got {value}.")
