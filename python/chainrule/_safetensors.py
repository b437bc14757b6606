"""`save` and `load`: tensors in the safetensors format, nothing ever unpickled.

A file is a little-endian u64 length, a JSON header of that length, and the bytes of the tensors
(https://github.com/huggingface/safetensors, "Format"). A flat dict of tensors is written as such,
so any reader of the format opens it; for anything nested the shape of the nest stands in the
header's `__metadata__` (see _tree.py) beside the tensors. A file that breaks one rule of the format
is a ValueError that names the file and the rule, raised before a tensor is made
(_safetensors_header.py).
"""

import io
import json
import os
from typing import Any

import chainrule as cr

from . import _tree
from ._atomic import atomic_write
from ._checks import type_name
from ._safetensors_header import DTYPES, FLAT, MAX_HEADER, TREE_KEY, Bad, Foreign, read_header


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
            f"[{op}] expected a path or an open binary file; got {type_name(path)}."
        ) from None


# ---- writing


def _plan(tensors, tree):
    """The header, padded to 8 bytes, and the arrays in file order: widest dtype first, so that
    every tensor is aligned for a reader that maps the file."""
    names = {getattr(cr, ours): theirs for theirs, (ours, _) in DTYPES.items()}
    arrays = {}
    for name, tensor in tensors.items():
        if tensor.dtype not in names:
            known = ", ".join(ours for ours, _ in DTYPES.values())
            raise cr.DtypeError(
                f"[save] expected a dtype of {known}; got {tensor.dtype} in {name!r}."
            )
        arrays[name] = (names[tensor.dtype], _array(tensor.detach().contiguous()))
    ordered = sorted(arrays.items(), key=lambda item: (-DTYPES[item[1][0]][1], item[0]))
    offsets, end = {}, 0
    for name, (_, array) in ordered:
        offsets[name] = [end, end + array.nbytes]
        end += array.nbytes
    header: dict[str, dict] = {}
    if tree is not FLAT:
        header["__metadata__"] = {TREE_KEY: json.dumps(tree, allow_nan=False)}
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
    if len(text) > MAX_HEADER:
        raise ValueError(
            f"[save] expected a header of at most {MAX_HEADER} bytes; got {len(text)}."
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


def _read(file, name):
    try:
        entries, tree, start = read_header(file)
        tensors = {key: _read_tensor(file, start, key, entry) for key, entry in entries.items()}
        return tensors if tree is FLAT else _tree.unflatten(tensors, tree)
    except Foreign as foreign:
        raise ValueError(f"[load] {name}: {foreign}.") from None
    except (Bad, _tree.TreeError) as bad:
        raise ValueError(f"[load] {name}: not a valid safetensors file: {bad}.") from None


def _read_tensor(file, start, name, entry):
    """Read straight into the new tensor's memory: the only copy is the one out of the file."""
    dtype, shape, begin, end = entry
    # The halves of bfloat16 are read as bytes and put into float32 on the way (see _array).
    halves = dtype == "BF16"
    tensor = cr.empty(
        (end - begin,) if halves else tuple(shape),
        dtype=cr.uint8 if halves else getattr(cr, DTYPES[dtype][0]),
    )
    flat = tensor.reshape(-1).numpy()
    if begin < end:
        _read_bytes(file, start + begin, name, flat.data.cast("B"))
    if halves:
        wide = (flat.view("uint16").astype("uint32") << 16).view("float32")
        return cr.from_numpy(wide).to(cr.bfloat16).reshape(tuple(shape))
    if dtype == "BOOL" and flat.size and flat.view("uint8").max() > 1:
        raise Bad(f"tensor {name!r} (BOOL) holds a byte that is neither 0 nor 1")
    return tensor


def _read_bytes(file, place, name, view):
    file.seek(place)
    done = 0
    while done < len(view):
        count = file.readinto(view[done:])
        if not count:
            raise Bad(f"it ended while tensor {name!r} was read (truncated?)")
        done += count
