"""What the optimizers with a native update share: one call of the engine per step.

The engine reads the settings of a group from `hyper`, a small float64 tensor, and never from
Python. `hyper` is brought up to date from `param_groups` before every eager step and before every
replay of a compiled one, so a new learning rate counts at once and nothing has to be compiled
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from types import MappingProxyType

from .. import _core
from .._checks import require_bools, require_callable
from . import _rate
from ._hyper import NOT_NEGATIVE, Hyper, Range, check_lr
from ._optimizer import Optimizer
from ._refresher import Refresher
from ._state import ParamGroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


NONE: Mapping[str, Any] = MappingProxyType({})
STEP = MappingProxyType({"step": (_core.float32, 0.0)})
# Accepted as PyTorch's and without meaning, with the values they may have.
WITHOUT_MEANING = MappingProxyType(
    {
        "foreach": (None, True, False),
        "fused": (None, True, False),
        "capturable": (True, False),
        "differentiable": (True, False),
    }
)


def settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """The defaults of an optimizer: all arguments of its constructor, given as `locals()`.

    A switch, which PyTorch has not, is among them where it is on: groups are PyTorch's else.
    """
    found = {k: v for k, v in arguments.items() if k not in ("self", "params", "__class__")}
    if found.get(arguments["self"]._switch, True) is False:
        del found[arguments["self"]._switch]
    return found


def _reader(*keys: str) -> Callable[[Any], tuple]:
    """The values of these keys of a dict as a tuple."""
    if len(keys) == 1:
        return lambda entries, key=keys[0]: (entries[key],)
    return itemgetter(*keys) if keys else lambda entries: ()


_known_columns: dict[Any, Any] = {}


def _columns(lists: tuple[str | None, ...], optional: frozenset[str]):
    """What reads each list from one parameter's state, and the states that may not be there yet."""
    known = _known_columns.get((lists, optional))
    if known is None:
        readers = tuple(itemgetter(name) if name else None for name in lists)
        known = _known_columns[lists, optional] = readers, optional.intersection(lists)
    return known


class NativeOptimizer(Optimizer):
    """An optimizer whose step is one native call per group.

    A subclass names the call, what of a group it reads and what state it writes.
    """

    _run_all: Callable[..., None]  # native: updates the parameters of all groups, or of none
    _group_type = ParamGroup
    _ranges: Mapping[str, Range] = NONE  # of settings other than NOT_NEGATIVE, with or without [i]
    _flag_names: tuple[str, ...] = ("maximize",)  # in the call's order
    _more_flags: tuple[str, ...] = ()  # bools that `_flags` adds to them
    _switch: str | None = None  # a flag that follows; a group without it has it off
    _lists: tuple[str, ...] = ()  # the states in the call's order
    # States of no dimensions: their dtype and what they start with; others are like the parameter
    # and start with zeros.
    _scalars: Mapping[str, tuple[Any, float]] = STEP
    _states: Any = NONE  # never None here

    # Made of these by __init_subclass__:
    _read: Any  # the settings that hyper holds, as a tuple
    _read_flags: Any  # those of _flag_names
    _optional: frozenset[str]  # states that may come later than the others
    # Places and names of those among them that are several numbers, and how many.
    _tuples: tuple[tuple[int, str, int], ...]
    _begun: str | None  # the state that a parameter has after its first step

    def __init_subclass__(cls, **keywords):
        super().__init_subclass__(**keywords)
        keys = [name.partition("[")[0] for name in cls._hyper_names]
        once = list(dict.fromkeys(keys))
        cls._read = staticmethod(_reader(*once))
        cls._read_flags = staticmethod(_reader(*cls._flag_names))
        several = [(once.index(k), k, keys.count(k)) for k in reversed(once)]
        cls._tuples = tuple(entry for entry in several if entry[2] > 1)
        cls._optional = frozenset(name for name in cls._states if not cls._states[name])
        first = (n for n in cls._states if n not in cls._optional and n not in cls._scalars)
        cls._begun = next(first, None)

    def __init__(self, params, defaults):
        self._hypers = []
        self._check_without_meaning(defaults)
        if defaults.get("fused") and (defaults.get("foreach") or defaults.get("differentiable")):
            raise RuntimeError(
                f"[{type(self).__name__}] expected fused without foreach and differentiable; got "
                f"foreach={defaults.get('foreach')}, differentiable={defaults['differentiable']}."
            )
        super().__init__(params, defaults)

    def _settings(self, group) -> tuple:
        """The group's values of `_hyper_names`."""
        values = self._read(group)
        for at, key, count in self._tuples:
            values = (*values[:at], *self._several(key, values[at], count), *values[at + 1 :])
        return values

    def _several(self, key, value, count):
        try:
            numbers = tuple(value)
            if len(numbers) != count:
                raise ValueError
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"[{type(self).__name__}] expected {('two', 'three')[count - 2]} {key}; got "
                f"{value!r:.60}."
            ) from None
        return numbers

    def _flags(self, group) -> tuple:
        """The group's settings that a recorded step has baked in, as the call takes them."""
        flags = self._read_flags(group)
        return flags if self._switch is None else (*flags, group.get(self._switch, False))

    def _used_lists(self, group) -> tuple[str | None, ...]:
        """`_lists` with None for the states that these settings do without."""
        return self._lists

    def _gather(self, group, hyper, calls, fresh) -> None:
        """Append to `calls` the arguments of the native calls for the parameters of one group.

        State that does not exist yet goes into `fresh` as (parameter, entries): it belongs to the
        optimizer once the update has filled it.
        """
        lists = self._used_lists(group)
        readers, optional = _columns(lists, self._optional)
        begun, state_of = self._begun, self.state.get
        params, grads, states = [], [], []
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            state = state_of(param)
            if state is None or begun not in state or (optional and not optional <= state.keys()):
                state = self._started(param, state, group, lists)
                fresh.append((param, state))
            params.append(param)
            grads.append(grad)
            states.append(state)
        if params:
            columns = [[*map(read, states)] if read else () for read in readers]
            calls.append((params, grads, *columns, hyper, *self._flags(group)))

    def _started(self, param, state, group, lists):
        """The state of a parameter with what is missing before its first step, or before its first
        one with these settings."""
        state = dict(state or ())
        begun = self._begun in state
        for name in lists:
            if name and not (begun and (self._states[name] or name in state)):
                state[name] = self._new_state(name, param, group)
        order = [name for name in self._states if name in state]
        return {name: state[name] for name in dict.fromkeys((*order, *state))}

    def _new_state(self, name, param, group):
        if name in self._scalars:
            dtype, start = self._scalars[name]
            return _core.full((), start, dtype=dtype)
        return _core.zeros_like(param)

    def _check_settings(self, group):
        name = type(self).__name__
        values = self._settings(group)
        check_lr(name, values[0])
        for setting, value in zip(self._hyper_names[1:], values[1:], strict=True):
            ranges, key = self._ranges, setting.partition("[")[0]
            ranges.get(setting, ranges.get(key, NOT_NEGATIVE)).check(name, setting, value)
        self._check_flags(group)
        self._check_without_meaning(group)

    def _check_without_meaning(self, group):
        for name, values in WITHOUT_MEANING.items():
            flag = group.get(name, False)
            if not any(flag is value for value in values):
                raise TypeError(
                    f"[{type(self).__name__}] expected {name} to be True"
                    f"{', False or None' if None in values else ' or False'}; got {flag!r:.60}."
                )

    def _check_flags(self, group):
        flags = {name: group[name] for name in (*self._more_flags, *self._flag_names)}
        if self._switch is not None:
            flags[self._switch] = group.get(self._switch, False)
        require_bools(type(self).__name__, **flags)

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
        setting = key.args[0] in self.defaults
        where = "every group" if setting else "the state of every parameter updated before"
        return _core.StateError(
            f"[{type(self).__name__}] expected {key} in {where}; got none in one."
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
