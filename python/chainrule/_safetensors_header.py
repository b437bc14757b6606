"""The header of a safetensors file: every rule of the format, checked before a tensor is made."""

import json
import math
import os

# Name in the file -> (name in chainrule, bytes an element).
DTYPES = {
    "F64": ("float64", 8),
    "I64": ("int64", 8),
    "F32": ("float32", 4),
    "I32": ("int32", 4),
    "BF16": ("bfloat16", 2),
    "U8": ("uint8", 1),
    "BOOL": ("bool", 1),
}
_FOREIGN_DTYPES = ("F16", "I16", "U16", "I8", "U32", "U64", "F8_E4M3", "F8_E5M2", "C64")
MAX_HEADER = 100_000_000  # the reference implementation's limit
_MAX_DIMS = 8
TREE_KEY = "chainrule.tree"
FLAT = object()  # in place of a tree: the file is a dict of its tensors


class Bad(Exception):
    """A broken rule of the format; `load` adds the file's name."""


class Foreign(Bad):
    """What the format has and chainrule has not."""


def read_header(file):
    """Everything is checked against the real size of the file before anything is allocated."""
    origin = file.tell()
    size = file.seek(0, os.SEEK_END) - origin
    file.seek(origin)
    head, first = file.read(8), file.read(1)
    file.seek(origin + len(head))
    if len(head) < 8:
        raise Bad(f"it holds {len(head)} bytes; the length of the header alone takes 8")
    length = int.from_bytes(head, "little")
    if head.startswith(b"PK\x03\x04") and first != b"{":
        raise Bad("it is a zip archive, as torch.save writes; chainrule reads safetensors only")
    if length > MAX_HEADER:
        raise Bad(f"its header is said to take {length} bytes; at most {MAX_HEADER} are allowed")
    if length > size - 8:
        raise Bad(f"its header is said to take {length} bytes; {size - 8} follow (truncated?)")
    header = _parse_header(file.read(length))
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Bad("its __metadata__ is not a map from strings to strings")
    entries = {key: _check_entry(key, entry) for key, entry in header.items()}
    _check_offsets(entries, size - 8 - length)
    tree = metadata.get(TREE_KEY)
    return entries, FLAT if tree is None else _parse_json(tree), origin + 8 + length


def _parse_header(text):
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad(f"its header is not UTF-8 (byte {error.start})") from None
    if not decoded.startswith("{"):
        raise Bad("its header does not begin with '{'")
    return _parse_json(decoded)


def _parse_json(text):
    def unique(pairs):
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise Bad(f"its header names {twice!r} twice")
        return table

    def no_constant(text):
        raise Bad(f"its header holds {text}, which is not JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except ValueError as error:
        raise Bad(f"its header is not JSON ({error})") from None
    except RecursionError:
        raise Bad("its header is nested too deeply") from None


def _check_entry(name, entry):
    """(dtype, shape, begin, end) of one tensor, checked by itself."""
    fields = {"dtype", "shape", "data_offsets"}
    if not isinstance(entry, dict) or set(entry) != fields:
        raise Bad(f"tensor {name!r} does not have exactly the fields dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        kind, error = ("unsupported", Foreign) if dtype in _FOREIGN_DTYPES else ("unknown", Bad)
        raise error(
            f"tensor {name!r} has the {kind} dtype {dtype!r}; known are {', '.join(DTYPES)}"
        )
    if not _are_sizes(shape):
        raise Bad(f"tensor {name!r} has the shape {shape!r}; expected a list of integers >= 0")
    if len(shape) > _MAX_DIMS:
        raise Foreign(
            f"tensor {name!r} has {len(shape)} dimensions; at most {_MAX_DIMS} are supported"
        )
    if not _are_sizes(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise Bad(f"tensor {name!r} has the data_offsets {offsets!r}; expected [begin, end]")
    # Zeros are left out of the bound: the strides of an empty tensor must fit in 64 bits as well.
    if math.prod(max(n, 1) for n in shape) * DTYPES[dtype][1] >= 2**63:
        raise Bad(f"tensor {name!r} has the shape {shape!r}, which no memory can hold")
    need, got = math.prod(shape) * DTYPES[dtype][1], offsets[1] - offsets[0]
    if need != got:
        raise Bad(f"tensor {name!r} ({dtype} {shape}) needs {need} bytes; its offsets span {got}")
    return dtype, shape, offsets[0], offsets[1]


def _are_sizes(value):
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _check_offsets(entries, size):
    """The tensors must cover the data exactly: no overlap, no hole, nothing beyond, nothing
    left."""
    end = 0
    for name, (_, _, begin, stop) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if stop > size:
            raise Bad(f"tensor {name!r} ends at byte {stop} of {size} bytes of data (truncated?)")
        if begin != end:
            what = "overlaps the one before" if begin < end else "leaves a hole before it"
            raise Bad(f"tensor {name!r} begins at byte {begin} and {what}, which ends at {end}")
        end = stop
    if end != size:
        raise Bad(f"its tensors end at byte {end} of {size} bytes of data")
