"""Results of a compiled function: tensors and plain constants, alone or in tuples, lists, dicts and
dataclasses. A replay makes them again around new tensors. What it cannot make again (an object, a
set, a generator) would be that of the recording for ever, and is refused while recording.
"""

import enum
import numbers
from collections import OrderedDict, defaultdict
from typing import Any

from . import _core
from ._nested import fields

_CONSTANTS = (str, bytes, type(None), type(...), range, _core.dtype, _core.device)


def leaves(value, tensors, seen):
    """The tensors of a result, and a function that rebuilds it from an iterator over new ones.

    `seen` gets a word for everything in it: a replay repeats it, so two recordings must agree.
    """
    if isinstance(value, _core.Tensor):
        tensors.append(value)
        seen.append("a tensor")
        return next
    if _is_constant(value):
        seen.append(f"{value!r} ({type(value).__name__})")  # nan is itself, -0.0 is not 0.0
        return lambda it: value
    make, keys, values = _parts(value)
    names = "" if keys is None else f" with {[_key(k) for k in keys]}"
    seen.append(f"a {type(value).__name__} of {len(values)}{names}")
    parts = [leaves(v, tensors, seen) for v in values]
    if keys is None:
        return lambda it: make(p(it) for p in parts)
    named = list(zip(keys, parts, strict=True))
    return lambda it: make((k, p(it)) for k, p in named)


def changed(before, after):
    """The first of two words for a result that differ; empty when none do."""
    pairs = zip(before, after, strict=False)
    return next((f"{a}, then {b} as a result" for a, b in pairs if a != b), "")


def _is_constant(value):
    if type(value) in _CONSTANTS:
        return True
    return isinstance(value, (numbers.Number, enum.Enum)) and not _is_own(value)


def _is_own(value):
    """Whether a subclass of a plain type has attributes besides, which nobody would make again."""
    return bool(getattr(value, "__dict__", None)) and not isinstance(value, enum.Enum)


def _key(key):
    if isinstance(key, tuple):
        return tuple(_key(k) for k in key)
    if _is_constant(key):
        return repr(key)
    raise _refusal(f"{type(key).__name__} as a key")


def _parts(value: Any) -> tuple[Any, Any, list]:
    """How to make the value again, from its items or from pairs; the keys or None; the items."""
    kind: Any = type(value)
    if kind in (tuple, list, _core.Size) or hasattr(kind, "n_sequence_fields"):  # max(x, dim)
        return kind, None, list(value)
    make = getattr(kind, "_make", None)  # of a named tuple
    if make and tuple in kind.__mro__ and not _is_own(value):
        return make, None, list(value)
    if kind in (dict, OrderedDict):
        return kind, list(value), list(value.values())
    if kind is defaultdict and isinstance(value.default_factory, type | None):
        factory = value.default_factory
        return lambda pairs: defaultdict(factory, pairs), list(value), list(value.values())
    held = fields(value)
    if held is not None:
        return lambda pairs: _instance(kind, pairs), list(held), list(held.values())
    raise _refusal(kind.__name__)


def _instance(kind, pairs):
    # As it was left, frozen or not: the constructor may do more than set the fields.
    made = object.__new__(kind)
    for name, value in pairs:
        object.__setattr__(made, name, value)
    return made


def _refusal(got):
    return _core.CaptureError(
        "[compile] expected results of tensors and constants, in tuples, lists, dicts and "
        f"dataclasses; got {got}. Return the tensors in a tuple or a dict."
    )
