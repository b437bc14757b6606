"""`save` and `load`: tensors in the safetensors format, nothing ever unpickled.

A file is a little-endian u64 length, a JSON header of that length, and the bytes of the tensors
(https://github.com/huggingface/safetensors, "Format"). A flat dict of tensors is written as such,
so any reader of the format opens it; for anything nested the shape of the nest stands in the
header's `__metadata__` (see _tree.py) beside the tensors. A file that breaks one rule of the format
is a ValueError that names the file and the rule, raised before a tensor is made.
"""

import io
import json
import math
import os
from typing import Any

import chainrule as cr

from . import _tree
from ._atomic import atomic_write

# Name in the file -> (name in chainrule, bytes an element).
_DTYPES = {
    "F64": ("float64", 8),
    "I64": ("int64", 8),
    "F32": ("float32", 4),
    "I32": ("int32", 4),
    "BF16": ("bfloat16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
_FOREIGN_DTYPES = ("F16", "I16", "U16", "I8", "U32", "U64", "F8_E4M3", "F8_E5M2", "C64")
_MAX_HEADER = 100_000_000  # the reference implementation's limit
_MAX_DIMS = 8
_TREE_KEY = "chainrule.tree"


def save(obj, f):
    """Save tensors, or nested dicts, lists and tuples of tensors, numbers, strings, bools and None,
    as safetensors.

    `f` is a path (written atomically: the old file or the new one, never a part) or a file opened
    for writing bytes. Tensors are saved detached; one that occurs twice is stored twice.

    Raises TypeError for anything else in `obj`, and OSError where the file cannot be written.

    Example:
        >>> file = io.BytesIO()
        >>> save({"w": chainrule.ones(2), "epoch": 3}, file)
        >>> _ = file.seek(0)
        >>> load(file)
        {'w': tensor([1., 1.]), 'epoch': 3}
    """
    tensors, tree = _tree.flatten(obj)
    header, ordered = _plan(tensors, tree)
    if hasattr(f, "write"):
        _write(f, header, ordered)
        return
    _file_name("save", f)
    with atomic_write(f) as file:
        _write(file, header, ordered)


def load(f, map_location=None, *, weights_only=True) -> Any:
    """Read what `save` wrote, or any safetensors file: a dict of tensors, nested as it was saved.

    `f` is a path or a seekable file opened for reading bytes. `map_location` may be None or the
    CPU. A file that breaks a rule of the format is a ValueError that names file and rule.
    """
    if map_location is not None and str(map_location) != "cpu":
        raise ValueError(f"[load] expected map_location None or 'cpu'; got {map_location!r}.")
    if not weights_only:
        raise ValueError("[load] expected weights_only=True; got False. No file is ever unpickled.")
    if hasattr(f, "read"):
        return _read(f, getattr(f, "name", "<file>"))
    name = _file_name("load", f)  # before open(), which takes a number for an open file
    with open(f, "rb") as file:
        return _read(file, name)


def _file_name(op, path):
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(
            f"[{op}] expected a path or an open binary file; got {type(path).__name__}."
        ) from None


# ---- writing


def _plan(tensors, tree):
    """The header, padded to 8 bytes, and the arrays in file order: widest dtype first, so that
    every tensor is aligned for a reader that maps the file."""
    names = {getattr(cr, ours): theirs for theirs, (ours, _) in _DTYPES.items()}
    arrays = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in names:
            known = ", ".join(ours for ours, _ in _DTYPES.values())
            raise cr.DtypeError(
                f"[save] expected a dtype of {known}; got {tensor.dtype} in {name!r}."
            )
        arrays[name] = (names[tensor.dtype], _array(tensor.detach().contiguous()))
    ordered = sorted(arrays.items(), key=lambda item: (-_DTYPES[item[1][0]][1], item[0]))
    offsets, end = {}, 0
    for name, (_, array) in ordered:
        offsets[name] = [end, end + array.nbytes]
        end += array.nbytes
    header: dict[str, dict] = {}
    if tree is not None:
        header["__metadata__"] = {_TREE_KEY: json.dumps(tree, allow_nan=False)}
    for name, (dtype, array) in arrays.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets[name]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
    try:
        text = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            "[save] expected names that UTF-8 can hold; "
            f"got {text[error.start : error.end]!r} in one."
        ) from None
    text += b" " * (-len(text) % 8)
    if len(text) > _MAX_HEADER:
        raise ValueError(
            f"[save] expected a header of at most {_MAX_HEADER} bytes; got {len(text)}."
        )
    return text, [array for _, (_, array) in ordered]


def _array(tensor):
    """Its elements as an array; NumPy has no bfloat16, which is the upper half of a float32."""
    if tensor.dtype != cr.bfloat16:
        return tensor.numpy()
    return (tensor.float().numpy().view("uint32") >> 16).astype("uint16")


def _write(file, header, arrays):
    _write_whole(file, len(header).to_bytes(8, "little") + header)
    for array in arrays:
        if array.size:
            _write_whole(file, array.data.cast("B") if array.ndim else array.tobytes())


def _write_whole(file, data):
    """An unbuffered file may take a part of the bytes and answers how many; others answer None."""
    left = memoryview(data)
    while left:
        count = file.write(left)
        if count is None and isinstance(file, io.RawIOBase):
            raise BlockingIOError("[save] expected a file that waits; got one that would block.")
        if count == 0:
            raise OSError("[save] expected a file that takes bytes; got one that took none.")
        left = left[count:] if count is not None else left[:0]


# ---- reading


class _Bad(Exception):
    """A broken rule of the format; `load` adds the file's name."""


class _Foreign(_Bad):
    """What the format has and chainrule has not."""


def _read(file, name):
    try:
        entries, tree, start = _read_header(file)
        tensors = {key: _read_tensor(file, start, key, entry) for key, entry in entries.items()}
        return tensors if tree is None else _tree.unflatten(tensors, tree)
    except _Foreign as foreign:
        raise ValueError(f"[load] {name}: {foreign}.") from None
    except (_Bad, _tree.TreeError) as bad:
        raise ValueError(f"[load] {name}: not a valid safetensors file: {bad}.") from None


def _read_header(file):
    """Everything is checked against the real size of the file before anything is allocated."""
    origin = file.tell()
    size = file.seek(0, os.SEEK_END) - origin
    file.seek(origin)
    head, first = file.read(8), file.read(1)
    file.seek(origin + len(head))
    if len(head) < 8:
        raise _Bad(f"it holds {len(head)} bytes; the length of the header alone takes 8")
    length = int.from_bytes(head, "little")
    if head.startswith(b"PK\x03\x04") and first != b"{":
        raise _Bad("it is a zip archive, as torch.save writes; chainrule reads safetensors only")
    if length > _MAX_HEADER:
        raise _Bad(f"its header is said to take {length} bytes; at most {_MAX_HEADER} are allowed")
    if length > size - 8:
        raise _Bad(f"its header is said to take {length} bytes; {size - 8} follow (truncated?)")
    header = _parse_header(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _Bad("its __metadata__ is not a map from strings to strings")
    entries = {key: _check_entry(key, entry) for key, entry in header.items()}
    _check_offsets(entries, size - 8 - length)
    tree = metadata.get(_TREE_KEY)
    return entries, None if tree is None else _parse_json(tree), origin + 8 + length


def _parse_header(text):
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Bad(f"its header is not UTF-8 (byte {error.start})") from None
    if not decoded.startswith("{"):
        raise _Bad("its header does not begin with '{'")
    return _parse_json(decoded)


def _parse_json(text):
    def unique(pairs):
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise _Bad(f"its header names {twice!r} twice")
        return table

    def no_constant(text):
        raise _Bad(f"its header holds {text}, which is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except ValueError as error:
        raise _Bad(f"its header is not JSON ({error})") from None
    except RecursionError:
        raise _Bad("its header is nested too deeply") from None


def _check_entry(name, entry):
    """(dtype, shape, begin, end) of one tensor, checked by itself."""
    fields = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or set(entry) != fields:
        raise _Bad(
            f"tensor {name!r} does not have exactly the fields dtype, shape and data_offsets"
        )
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        kind, error = ("unsupported", _Foreign) if dtype in _FOREIGN_DTYPES else ("unknown", _Bad)
        raise error(
            f"tensor {name!r} has the {kind} dtype {dtype!r}; known are {', '.join(_DTYPES)}"
        )
    if not _are_sizes(shape):
        raise _Bad(f"tensor {name!r} has the shape {shape!r}; expected a list of integers >= 0")
    if len(shape) > _MAX_DIMS:
        raise _Foreign(
            f"tensor {name!r} has {len(shape)} dimensions; at most {_MAX_DIMS} are supported"
        )
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Bad(f"tensor {name!r} has the data_offsets {offsets!r}; expected [begin, end]")
    # Zeros are left out of the bound: the strides of an empty tensor must fit in 64 bits as well.
    if math.prod(max(n, 1) for n in shape) * _DTYPES[dtype][1] >= 2**63:
        raise _Bad(f"tensor {name!r} has the shape {shape!r}, which no memory can hold")
    need, got = math.prod(shape) * _DTYPES[dtype][1], offsets[1] - offsets[0]
    if need != got:
        raise _Bad(f"tensor {name!r} ({dtype} {shape}) needs {need} bytes; its offsets span {got}")
    return dtype, shape, offsets[0], offsets[1]


def _are_sizes(value):
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _check_offsets(entries, size):
    """The tensors must cover the data exactly: no overlap, no hole, nothing beyond, nothing
    left."""
    end = 0
    for name, (_, _, begin, stop) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if stop > size:
            raise _Bad(f"tensor {name!r} ends at byte {stop} of {size} bytes of data (truncated?)")
        if begin != end:
            what = "overlaps the one before" if begin < end else "leaves a hole before it"
            raise _Bad(f"tensor {name!r} begins at byte {begin} and {what}, which ends at {end}")
        end = stop
    if end != size:
        raise _Bad(f"its tensors end at byte {end} of {size} bytes of data")


def _read_tensor(file, start, name, entry):
    """Read straight into the new tensor's memory: the only copy is the one out of the file."""
    dtype, shape, begin, end = entry
    # The halves of bfloat16 are read as bytes and put into float32 on the way (see _array).
    halves = dtype == "BF16"
    tensor = cr.empty(
        (end - begin,) if halves else tuple(shape),
        dtype=cr.uint8 if halves else getattr(cr, _DTYPES[dtype][0]),
    )
    flat = tensor.reshape(-1).numpy()
    if begin < end:
        _read_bytes(file, start + begin, name, flat.data.cast("B"))
    if halves:
        wide = (flat.view("uint16").astype("uint32") << 16).view("float32")
        return cr.from_numpy(wide).to(cr.bfloat16).reshape(tuple(shape))
    if dtype == "BOOL" and flat.size and flat.view("uint8").max() > 1:
        raise _Bad(f"tensor {name!r} (BOOL) holds a byte that is neither 0 nor 1")
    return tensor


def _read_bytes(file, place, name, view):
    file.seek(place)
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise _Bad(f"it ended while tensor {name!r} was read (truncated?)")
        done += count
