"""The arguments of a compiled function: what of them is part of the signature of a call.

Tuples, lists, dicts and dataclasses count by what is in them. Any other object counts as itself and
by its attributes, numbers by value and the rest by identity; a module or an optimizer as itself
alone, as it announces what changes in it.
"""

from types import MethodType, ModuleType

from . import _core
from ._methods import Methods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SCALARS = (bool, str, int, float, type(None), bytes)


class Found:
    """What `form` comes across on its way; `attributes`: whether those of objects count."""

    __slots__ = ("attributes", "objects", "tensors", "watched")

    def __init__(self, attributes=True):
        self.attributes = attributes
        self.tensors = []
        self.objects = []  # whose ids are in the form: an id must not go to another object
        # (dict, key) of the attributes in it, in which a change is another object or a list of
        # another length; None where a look at these would not do
        self.watched = []


def copied_in(value):
    """NumPy arrays in nested tuples, lists, dicts and dataclasses as tensors; everything else as it
    is, the tuples, lists, dicts and dataclasses without arrays among them."""
    if hasattr(value, "__array_interface__"):
        return _core.tensor(value)
    kind = type(value)
    if kind in (tuple, list) or (isinstance(value, tuple) and hasattr(kind, "_make")):
        items = [copied_in(v) for v in value]
        return value if _all_same(items, value) else getattr(kind, "_make", kind)(items)
    held: Any = value if kind is dict else fields(value)
    if held is None:
        return value
    items = [copied_in(v) for v in held.values()]
    if _all_same(items, held.values()):
        return value
    return (dict if kind is dict else of_fields(kind))(zip(held, items, strict=True))


def _all_same(items, others):
    return all(a is b for a, b in zip(items, others, strict=True))


def fields(value):
    """What a dataclass holds, by name; None of anything else."""
    kind = type(value)
    if not hasattr(kind, "__dataclass_fields__") or kind.__new__ is not object.__new__:
        return None
    held = {n: getattr(value, n) for n in kind.__dataclass_fields__ if hasattr(value, n)}
    held.update(getattr(value, "__dict__", ()))
    held.pop(Methods.NAME, None)
    return held


def of_fields(kind):
    """Makes a dataclass of pairs: as it was left, for the constructor may do more than set them."""

    def make(pairs):
        made = object.__new__(kind)
        for name, value in pairs:
            object.__setattr__(made, name, value)  # of frozen ones too
        return made

    return make


def form(value, found):
    """A hashable form of the value, equal for values that a program cannot tell apart."""
    if isinstance(value, _core.Tensor):
        found.tensors.append(value)
        return ("tensor",)
    if isinstance(value, _SCALARS):
        return _constant(value)
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(form(v, found) for v in value))
    if isinstance(value, dict):
        return (type(value), _items(value, found))
    if isinstance(value, (_core.dtype, _core.device)):
        return ("type", repr(value))
    held = None if _announces(value) else fields(value)
    if held is not None:
        found.watched = None
        return (type(value), _items(held, found))
    found.objects.append(value)
    if isinstance(value, MethodType):  # made anew each time it is asked for
        return ("method", id(value.__func__), form(value.__self__, found))
    counts = found.attributes and not _announces(value)
    return ("object", type(value), id(value), _attributes(value, found) if counts else ())


def _items(held, found):
    return tuple((_key(k), form(v, found)) for k, v in held.items())


def _constant(value):
    """Not equal for 1, 1.0 and True, nor for 0.0 and -0.0; nan is itself."""
    return (type(value), repr(value) if isinstance(value, float) else value)


def _key(key):
    return (type(key), tuple(map(_key, key))) if isinstance(key, tuple) else _constant(key)


def _announces(value):
    """Whether all that may change in it is announced (a module, an optimizer), or nothing does."""
    return getattr(type(value), "_announces", False) or isinstance(value, (type, ModuleType))


def _attributes(value, found):
    """The attributes of an object, without a look into them but for the number of their items."""
    held = getattr(value, "__dict__", None)
    if type(held) is not dict:
        return ()
    parts = []
    for name, attribute in held.items():
        if name == Methods.NAME:
            continue
        if isinstance(attribute, _SCALARS):
            parts.append((name, _constant(attribute)))
        else:
            found.objects.append(attribute)
            parts.append((name, id(attribute), _length(attribute)))
        if found.watched is not None:
            found.watched.append((held, name))
    if found.watched is not None:
        found.watched.append(({"all": held}, "all"))  # for the number of them
    return tuple(parts)


def _length(value):
    return len(value) if isinstance(value, (list, dict, set)) else None


def held(args, kwargs):
    """What the arguments are and hold, by place or name, attributes of objects apart: the same while
    nobody changes it."""
    parts = []
    for place, value in [*enumerate(args), *kwargs.items()]:
        found = Found(attributes=False)
        parts.append((place, form(value, found), [id(t) for t in found.tensors]))
    return parts


def no_end(what):
    return ValueError(
        f"[compile] expected {what} nested to a finite depth; got a list or dict that contains "
        "itself or is too deep."
    )
