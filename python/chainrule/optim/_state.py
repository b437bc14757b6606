"""The containers of an optimizer: dicts and a list that announce when they are written.

A compiled step has the state's tensors in its program. Writing into them it sees; another tensor in
their place is another program, so plans start anew. Settings the native optimizers read before
every replay, so they may be written between calls; those of a user's own optimizer are in the
program as they were. While a step is recorded none may be written, for a replay would not repeat
it. Only calls of the containers' own methods are heard, not `dict.__setitem__(group, "lr", 0.1)`,
which is Python that runs while recording alone.
"""

from collections import defaultdict

from .. import _core

_DICT_WRITERS = (
    "__setitem__",
    "__delitem__",
    "__ior__",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "clear",
)
_REMOVERS = ("__delitem__", "pop", "popitem", "clear")
_LIST_WRITERS = (
    "__setitem__",
    "__delitem__",
    "__iadd__",
    "__imul__",
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "sort",
    "reverse",
    "clear",
)


def _announcing(writers, announce):
    """A class decorator: `announce(container, method, *args)` runs before each of the methods that
    write."""

    def announced(name, write):
        def method(self, *args, **kwargs):
            announce(self, name, *args)
            return write(self, *args, **kwargs)

        method.__name__, method.__doc__ = write.__name__, write.__doc__
        method.__qualname__ = write.__qualname__
        return method

    def decorate(cls):
        for name in writers:
            setattr(cls, name, announced(name, getattr(cls, name)))
        return cls

    return decorate


def _new_state(state, method, *args):
    recording = _core._recording()
    # A step that is recorded may make its state, and never drops any. No replay makes it again, so
    # such a recording is the first of a plan and not the plan.
    if recording is None or method in _REMOVERS:
        _core._invalidate_plans(f"change of an optimizer's state ({method.strip('_')})")
    elif method != "setdefault" or args[0] not in state:
        recording.made_state = True


def _new_default(defaults, method, *args):
    _core._refuse_while_recording(f"change of an optimizer's defaults ({method.strip('_')})")


def _new_setting(group, method, *args):
    # Another list of parameters is another program; other settings are read before a replay.
    one = bool(args) and isinstance(args[0], str) and args[0] != "params"
    if _core._recording() is not None or not one:
        _new_constant(group, method, *args)  # raises while a step is recorded


def _new_constant(group, method, *args):
    what = args[0] if args and isinstance(args[0], str) else method.strip("_")
    _core._invalidate_plans(f"change of param_groups ({what})")


def _new_groups(groups, method, *args):
    _core._invalidate_plans(f"change of param_groups ({method.strip('_')})")


@_announcing(_DICT_WRITERS, _new_state)
class ParamState(dict):
    """The state of one parameter by name."""


@_announcing(_DICT_WRITERS, _new_state)
class State(defaultdict):
    """The states of all parameters."""

    def __setitem__(self, param, entries):
        known = isinstance(entries, ParamState)  # as one that is made where it was missing
        super().__setitem__(param, entries if known else ParamState(entries))


@_announcing(_LIST_WRITERS, _new_groups)
class ParamGroups(list):
    """All groups, or the parameters of one. Another of them, or one fewer, is another program, and a
    CaptureError inside one."""


class _Group(dict):
    def __init__(self, settings):
        super().__init__(settings)
        if "params" in self:
            super().__setitem__("params", ParamGroups(self["params"]))

    def __setitem__(self, key, value):
        super().__setitem__(key, ParamGroups(value) if key == "params" else value)


@_announcing(_DICT_WRITERS, _new_setting)
class ParamGroup(_Group):
    """The settings of one group. Writing them while a step is recorded is a CaptureError."""


@_announcing(_DICT_WRITERS, _new_constant)
class ConstantGroup(_Group):
    """The same of an optimizer whose step is Python: its settings are constants of a program."""


@_announcing(_DICT_WRITERS, _new_default)
class Defaults(dict):
    """The settings of groups that do not give them: no step reads them."""


def new_state(entries=()):
    """The states by parameter; `entries` as a dict of dicts."""
    state = State(ParamState)
    for param, of_one in dict(entries).items():
        dict.__setitem__(state, param, ParamState(of_one))
    return state
