"""Nested tuples, lists and dicts that a compiled function takes: what is part of the signature."""

from . import _core

_SCALARS = (bool, str, int, float, type(None), bytes)


def copied_in(value):
    """NumPy arrays in nested tuples, lists and dicts as tensors; everything else as it is, the
    tuples, lists and dicts without arrays among them."""
    if hasattr(value, "__array_interface__"):
        return _core.tensor(value)
    if type(value) in (tuple, list):
        items = [copied_in(v) for v in value]
        return value if _all_same(items, value) else type(value)(items)
    if type(value) is dict:
        items = [copied_in(v) for v in value.values()]
        return value if _all_same(items, value.values()) else dict(zip(value, items, strict=True))
    return value


def _all_same(items, others):
    return all(a is b for a, b in zip(items, others, strict=True))


def form(value, tensors, objects):
    """Collects the tensors and objects of nested tuples, lists, dicts; returns a hashable form."""
    if isinstance(value, _core.Tensor):
        tensors.append(value)
        return ("tensor",)
    if isinstance(value, _SCALARS):
        return _constant(value)
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(form(v, tensors, objects) for v in value))
    if isinstance(value, dict):
        items = tuple((_key(k), form(v, tensors, objects)) for k, v in value.items())
        return (type(value), items)
    if isinstance(value, (_core.dtype, _core.device)):
        return ("type", repr(value))
    # Objects (a module, an optimizer) count by identity; what they hold is guarded by the counter.
    objects.append(value)
    return ("object", id(value))


def _constant(value):
    """Equal for what a program cannot tell apart: not for 1, 1.0 and True, nor for 0.0 and -0.0."""
    return (type(value), repr(value) if isinstance(value, float) else value)


def _key(key):
    return (type(key), tuple(map(_key, key))) if isinstance(key, tuple) else _constant(key)


def held(args, kwargs):
    """What the arguments are and hold, by place or name: the same while nobody changes it."""
    found = []
    for place, value in [*enumerate(args), *kwargs.items()]:
        tensors, objects = [], []
        found.append((place, form(value, tensors, objects), [id(t) for t in tensors]))
    return found


def no_end(what):
    return ValueError(
        f"[compile] expected {what} nested to a finite depth; got a list or dict that contains "
        "itself or is too deep."
    )
