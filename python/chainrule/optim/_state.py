"""The containers of an optimizer's state: dicts that announce when an entry is replaced.

A compiled step has the state's tensors in its program. Writing into them it sees; another tensor in
their place is another program, so plans start anew.
"""

import functools
from collections import defaultdict

from .. import _core

_WRITERS = (
    "__setitem__",
    "__delitem__",
    "__ior__",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "clear",
)


def _announced(write):
    @functools.wraps(write)
    def announce(self, *args, **kwargs):
        if _core._recording() is None:  # a step that makes its state while it is recorded
            _core._invalidate_plans("change of an optimizer's state")
        return write(self, *args, **kwargs)

    return announce


def _announcing(cls):
    for name in _WRITERS:
        setattr(cls, name, _announced(getattr(cls, name)))
    return cls


@_announcing
class ParamState(dict):
    """The state of one parameter by name."""


@_announcing
class State(defaultdict):
    """The states of all parameters."""

    def __setitem__(self, param, entries):
        known = isinstance(entries, ParamState)  # as one that is made where it was missing
        super().__setitem__(param, entries if known else ParamState(entries))


def new_state():
    return State(ParamState)
