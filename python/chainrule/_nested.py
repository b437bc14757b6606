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

# How the value of each is read, of subclasses too, which may have another repr.
_SCALARS = {
    bool: bool,
    str: str.__str__,
    int: int.__int__,
    float: float.__repr__,  # nan is itself, -0.0 is not 0.0
    type(None): bool,
    bytes: bytes,
}
_SCALAR_TYPES = tuple(_SCALARS)


class Found:
    """What `form` comes across on its way; `attributes`: whether those of objects count."""

    __slots__ = ("attributes", "objects", "records", "tensors", "watched")

    def __init__(self, attributes=True):
        self.attributes = attributes
        self.tensors = []
        self.objects = []  # whose ids are in the form: an id must not go to another object
        self.records = {}  # places of dataclasses, by id
        # (object, its __dict__, [(name, value, length), ...], how many there are), to be compared
        # by a look; None where a look would not do
        self.watched = []


def copied_in(value):
    """NumPy arrays in nested tuples, lists and dicts as tensors; everything else as it is, the
    tuples, lists and dicts without arrays among them."""
    kind: Any = type(value)
    if hasattr(kind, "__array_interface__") and kind.__hash__ is None:  # scalars of NumPy stay
        return _core.tensor(value)
    if kind in (tuple, list) or (isinstance(value, tuple) and hasattr(kind, "_make")):
        items = [copied_in(v) for v in value]
        return value if _all_same(items, value) else getattr(kind, "_make", kind)(items)
    return _dict_copied_in(value) if kind is dict else value


def _dict_copied_in(value):
    items = [copied_in(v) for v in value.values()]
    return value if _all_same(items, value.values()) else dict(zip(value, items, strict=True))


def _all_same(items, others):
    return all(a is b for a, b in zip(items, others, strict=True))


def fields(value):
    """What a dataclass holds, by name; None of anything else."""
    kind = type(value)
    if not hasattr(kind, "__dataclass_fields__") or kind.__new__ is not object.__new__:
        return None
    held = {name: getattr(value, name) for name in _names(kind) if hasattr(value, name)}
    held.update(getattr(value, "__dict__", ()))
    held.pop(Methods.NAME, None)
    return held


def _names(kind):
    """Of a dataclass's fields, and of slots besides."""
    import dataclasses  # which is there already, where the class is

    return [*(f.name for f in dataclasses.fields(kind)), *_slots(kind)]


def _slots(kind):
    """The names in the __slots__ of a class and its bases, as they are stored."""
    found = []
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.__name__.lstrip('_')}{name}"
            if name not in ("__dict__", "__weakref__"):
                found.append(name)
    return found


def form(value, found):
    """A hashable form of the value, equal for values that a program cannot tell apart."""
    if isinstance(value, _core.Tensor):
        found.tensors.append(value)
        return ("tensor",)
    kind = type(value)
    if hasattr(kind, "__array_interface__") and kind.__hash__ is not None:
        return (kind, value.tobytes())  # a scalar of NumPy
    if isinstance(value, _SCALAR_TYPES):
        return _constant(value) if kind in _SCALARS else (_constant(value), _more(value, found))
    if isinstance(value, (tuple, list)):
        return (kind, tuple(form(v, found) for v in value), _more(value, found))
    if isinstance(value, dict):
        return (kind, _items(value, found), _more(value, found))
    if isinstance(value, (set, frozenset)):
        return (kind, frozenset(_key(v) for v in value), _more(value, found))
    if isinstance(value, bytearray):
        found.watched = None
        return (kind, bytes(value))
    if isinstance(value, (_core.dtype, _core.device)):
        return ("type", repr(value))
    held = None if _announces(value) else fields(value)
    if held is not None:
        return _record(value, held, found)
    found.objects.append(value)
    if isinstance(value, MethodType):  # made anew each time it is asked for
        function = form(value.__func__, found)
        return ("method", function, form(value.__self__, found))
    counts = found.attributes and not _announces(value)
    return ("object", kind, id(value), _attributes(value, found) if counts else ())


def _record(value, held, found):
    """Of a dataclass, which may be there twice, also in itself."""
    found.watched = None
    known = found.records.get(id(value))
    if known is not None:
        return ("record", known)
    found.records[id(value)] = len(found.records)
    return (type(value), _items(held, found))


def _more(value, found):
    """The attributes that a list, a dict or a number has besides."""
    if type(value) in (tuple, list, dict):
        return ()
    found.watched = None  # native code looks into those alone
    return _attributes(value, found) if found.attributes else ()


def _items(held, found):
    return tuple((_key(k), form(v, found)) for k, v in list(held.items()))


def _constant(value):
    """Not equal for 1, 1.0 and True, nor for 0.0 and -0.0."""
    kind = type(value)
    read = _SCALARS.get(kind) or next(r for k, r in _SCALARS.items() if isinstance(value, k))
    return (kind, read(value))


def _key(key):
    if isinstance(key, tuple):
        return (type(key), tuple(map(_key, key)))
    return _constant(key) if isinstance(key, _SCALAR_TYPES) else (type(key), key)


def _announces(value):
    """Whether all that may change in it is announced (a module, an optimizer), or nothing does."""
    return getattr(type(value), "_announces", False) or isinstance(value, (type, ModuleType))


def _attributes(value, found):
    """The attributes of an object, without a look into them but for the number of their items."""
    held = getattr(value, "__dict__", None)
    entries = list(held.items()) if isinstance(held, dict) else []
    slots = _slots(type(value))
    entries += [(name, getattr(value, name)) for name in slots if hasattr(value, name)]
    parts, seen = [], []
    for name, attribute in entries:
        if name == Methods.NAME:
            continue
        length = _length(attribute)
        if isinstance(attribute, _SCALAR_TYPES):
            parts.append((name, _constant(attribute)))
        else:
            found.objects.append(attribute)
            parts.append((name, id(attribute), length))
        seen.append((name, attribute, length))
    native = type(held) is dict and type(value).__dictoffset__
    if slots or not (held is None or native):
        found.watched = None
    elif found.watched is not None and held is not None:
        found.watched.append((value, held, seen, len(held)))
    return tuple(parts)


def _length(value):
    """As native code sees it; -1 of what has none."""
    return len(value) if isinstance(value, (list, dict, set, frozenset)) else -1


def held(args, kwargs, attributes=False):
    """What the arguments are and hold, by place or name: the same while nobody changes it.
    `attributes`: those of objects, too."""
    parts = []
    for place, value in [*enumerate(args), *kwargs.items()]:
        found = Found(attributes)
        parts.append((place, form(value, found), [id(t) for t in found.tensors]))
    return parts


def no_end(what):
    return ValueError(
        f"[compile] expected {what} nested to a finite depth; got a list or dict that contains "
        "itself or is too deep."
    )
