"""The shape of nested state dicts, as plain JSON beside the tensors of a safetensors file.

A value is one of: a number, string, bool or null; an array for a list; and one-key objects for the
rest: {"tensor": name}, {"dict": [[key, value], ...]} (keys keep their type: optimiser states are
keyed by integers), {"tuple": [...]}, {"float": "nan" | "inf" | "-inf"} (JSON has no such numbers).
"""

import math
import numbers

import chainrule as cr

from ._checks import type_name
from ._safetensors_header import FLAT

_RESERVED = "__metadata__"  # the format's own entry, which can be no tensor's name
_MAX_DEPTH = 64  # far above any real state; ends a cyclic dict and a hostile file alike


class TreeError(Exception):
    """A tree that is not as described above; the reader adds the file's name."""


def flatten(obj):
    """(tensors by name, tree); the tree is FLAT for a dict of tensors with string names."""
    if isinstance(obj, dict) and all(
        isinstance(k, str) and k != _RESERVED and isinstance(v, cr.Tensor) for k, v in obj.items()
    ):
        return dict(obj), FLAT
    tensors = {}
    return tensors, _encode(obj, "", tensors, 0)


def _encode(value, path, tensors, depth):
    if depth > _MAX_DEPTH:
        raise ValueError(
            f"[save] expected at most {_MAX_DEPTH} nested levels; got more at {path!r}."
        )
    if isinstance(value, cr.Tensor):
        name = path or "tensor"
        while name in tensors or name == _RESERVED:  # {"a.b": x, "a": {"b": y}}
            name += "'"
        tensors[name] = value
        return {"tensor": name}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}

    def child(item, key):
        return _encode(item, f"{path}.{key}" if path else str(key), tensors, depth + 1)

    if isinstance(value, dict):
        for key in value:
            _check_key(key, path)
        return {"dict": [[key, child(item, key)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [child(item, index) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    raise TypeError(
        "[save] expected tensors, dicts, lists, tuples, numbers, strings, bools or None; "
        f"got {type_name(value)} {f'at {path!r}' if path else 'itself'}."
    )


def _check_key(key, path):
    """JSON's numbers are finite, and a NaN would be no key that a reader could look up."""
    kinds = key is None or isinstance(key, bool | int | float | str)
    if kinds and not (isinstance(key, float) and not math.isfinite(key)):
        return
    shown = repr(key) if kinds else type_name(key)
    place = f" in the dict at {path!r}" if path else ""
    raise (ValueError if kinds else TypeError)(
        "[save] expected keys that are strings, finite numbers, bools or None; "
        f"got the key {shown}{place}."
    )


def unflatten(tensors, tree):
    """The value that `flatten` took; every tensor of the file must be named once."""
    left = dict(tensors)
    value = _decode(tree, left, 0)
    if left:
        raise TreeError(f"its tree does not name the tensor {next(iter(left))!r}")
    return value


def _decode(node, left, depth):
    if depth > 2 * _MAX_DEPTH:
        raise TreeError("its tree is nested too deeply")
    if isinstance(node, list):
        return [_decode(item, left, depth + 1) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((kind, content),) = node.items()
        if kind == "tensor" and isinstance(content, str):
            if content not in left:
                raise TreeError(
                    f"its tree names the tensor {content!r}, which is missing or named twice"
                )
            return left.pop(content)
        if kind == "tuple" and isinstance(content, list):
            return tuple(_decode(item, left, depth + 1) for item in content)
        if kind == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if kind == "dict" and isinstance(content, list):
            return _decode_dict(content, left, depth)
    raise TreeError(f"its tree holds {str(node)[:60]!r}, which is no value")


def _decode_dict(pairs, left, depth):
    table = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or isinstance(pair[0], list | dict):
            raise TreeError("its tree holds a dict whose items are not pairs of a key and a value")
        if pair[0] in table:
            raise TreeError(f"its tree holds the key {pair[0]!r} twice")
        table[pair[0]] = _decode(pair[1], left, depth + 1)
    return table
