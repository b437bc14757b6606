"""Files that only claim to be safetensors: each broken rule is an error that names it."""

import io
import json
import struct

import numpy as np
import pytest

import chainrule as cr


def packed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def tree(text, **tensors):
    return {"__metadata__": {"chainrule.tree": text}, **tensors}


FOUR = b"\0" * 4
BAD = {
    "empty file": (b"", "holds 0 bytes"),
    "seven bytes": (b"1234567", "holds 7 bytes"),
    "header beyond the file": (struct.pack("<Q", 100) + b"{}", "2 follow"),
    "huge header": (struct.pack("<Q", 2**63) + b"{}", "at most 100000000"),
    "zip": (b"PK\x03\x04" + b"\0" * 30, "zip archive"),
    "not utf-8": (packed(b'{"\xff": 1}'), "not UTF-8"),
    "not json": (packed(b'{"a": '), "not JSON"),
    "not an object": (packed(b"[1]"), "does not begin"),
    "leading space": (packed(b" {}"), "does not begin"),
    "NaN": (packed(b'{"a": NaN}'), "not JSON"),
    "endless digits": (packed(b'{"a": ' + b"1" * 5000 + b"}"), "not JSON"),
    "nested deeply": (packed(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "too deeply"),
    "duplicate": (
        packed(b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2), FOUR),
        "names 'a' twice",
    ),
    "duplicate field": (
        packed(b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', FOUR),
        "names 'dtype' twice",
    ),
    "entry is no object": (packed({"a": 1}), "exactly the fields"),
    "field missing": (packed({"a": {"dtype": "F32", "shape": [1]}}, FOUR), "exactly the fields"),
    "field too many": (packed({"a": entry(extra=1)}, FOUR), "exactly the fields"),
    "unknown dtype": (packed({"a": entry("F33")}, FOUR), "unknown dtype 'F33'"),
    "unsupported dtype": (packed({"a": entry("F16", (2,))}, FOUR), "unsupported dtype 'F16'"),
    "dtype is a list": (packed({"a": entry(["F32"])}, FOUR), "dtype"),
    "dtype is null": (packed({"a": entry(None)}, FOUR), "dtype"),
    "negative size": (packed({"a": entry(shape=(-1,))}, FOUR), "integers >= 0"),
    "fractional size": (packed({"a": entry(shape=(1.0,))}, FOUR), "integers >= 0"),
    "true size": (packed({"a": entry(shape=(True,))}, FOUR), "integers >= 0"),
    "shape is a number": (packed({"a": entry() | {"shape": 1}}, FOUR), "integers >= 0"),
    "nine dimensions": (packed({"a": entry(shape=(1,) * 9)}, FOUR), "9 dimensions"),
    "overflowing": (packed({"a": entry(shape=(2**40, 2**40))}, FOUR), "no memory"),
    "overflowing zero": (packed({"a": entry(shape=(0, 2**62, 4), offsets=(0, 0))}), "no memory"),
    "wrong count": (packed({"a": entry(shape=(2,))}, FOUR), "needs 8 bytes; its offsets span 4"),
    "reversed offsets": (packed({"a": entry(offsets=(4, 0))}, FOUR), "begin, end"),
    "negative offset": (packed({"a": entry(offsets=(-4, 0))}, FOUR), "begin, end"),
    "three offsets": (packed({"a": entry(offsets=(0, 2, 4))}, FOUR), "begin, end"),
    "truncated data": (packed({"a": entry()}, b"\0\0\0"), "truncated"),
    "beyond the data": (packed({"a": entry(offsets=(2**62, 2**62 + 4))}, FOUR), "ends at byte"),
    "overlap": (packed({"a": entry(), "b": entry()}, FOUR), "overlaps"),
    "partial overlap": (packed({"a": entry(), "b": entry(offsets=(2, 6))}, FOUR * 2), "overlaps"),
    "hole": (packed({"a": entry(offsets=(4, 8))}, FOUR * 2), "leaves a hole"),
    "left over": (packed({"a": entry()}, FOUR * 2), "end at byte 4 of 8"),
    "bool of 2": (packed({"a": entry("BOOL", (1,), (0, 1))}, b"\x02"), "neither 0 nor 1"),
    "metadata list": (packed({"__metadata__": []}), "strings to strings"),
    "metadata number": (packed({"__metadata__": {"a": 1}}), "strings to strings"),
    "tree not json": (packed(tree("{")), "not JSON"),
    "tree lacks a tensor": (packed(tree("[]", a=entry()), FOUR), "does not name the tensor 'a'"),
    "tree names no tensor": (packed(tree('{"tensor": "b"}', a=entry()), FOUR), "missing or named"),
    "tree names it twice": (
        packed(tree('[{"tensor": "a"}, {"tensor": "a"}]', a=entry()), FOUR),
        "named twice",
    ),
    "tree tag": (packed(tree('{"pickle": "x"}')), "no value"),
    "tree two tags": (packed(tree('{"tuple": [], "float": "nan"}')), "no value"),
    "tree tensor list": (packed(tree('{"tensor": []}')), "no value"),
    "tree float": (packed(tree('{"float": []}')), "no value"),
    "tree pairs": (packed(tree('{"dict": [[1]]}')), "pairs of a key and a value"),
    "tree list key": (packed(tree('{"dict": [[[], 1]]}')), "pairs of a key and a value"),
    "tree key twice": (packed(tree('{"dict": [[1, 1], [1, 2]]}')), "key 1 twice"),
    "tree deep": (packed(tree("[" * 500 + "]" * 500)), "too deeply"),
    "tree deeper": (packed(tree("[" * 200_000 + "]" * 200_000)), "too deeply"),
}


def test_bfloat16_both_ways(tmp_path):
    values = np.array([[1.0, -2.5, np.inf], [0.0, -0.0, 3e-39]], dtype=np.float32)
    halves = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    path = tmp_path / "x.safetensors"
    path.write_bytes(packed({"a": entry("BF16", (2, 3), (0, 12))}, halves))
    read = cr.load(path)["a"]
    assert read.dtype == cr.bfloat16
    bits = np.frombuffer(halves, "<u2").astype(np.uint32) << 16
    assert read.float().numpy().tobytes() == bits.tobytes()
    cr.save({"a": read, "b": read[0, 1], "c": read[:0], "d": cr.ones(3)}, path)
    assert halves in path.read_bytes()
    again = cr.load(path)
    assert [again[name].shape for name in "abc"] == [(2, 3), (), (0, 3)]
    assert again["a"].float().tolist() == read.float().tolist() and again["b"].item() == -2.5
    assert all(again[name].dtype == cr.bfloat16 for name in "abc")


@pytest.mark.parametrize("content", [entry("F16", (2,)), entry("F32", (1,) * 9)])
def test_what_only_the_format_has_is_not_called_a_broken_file(content):
    with pytest.raises(ValueError, match="^(?!.*not a valid).*(unsupported|at most 8)"):
        cr.load(io.BytesIO(packed({"a": content}, FOUR)))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_a_value_error_with_file_and_reason(tmp_path, name):
    content, reason = BAD[name]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="bad.safetensors.*" + reason):
        cr.load(path)
    with pytest.raises(ValueError, match=reason):
        cr.load(io.BytesIO(content))


def test_every_truncation_and_every_flipped_header_byte(tmp_path):
    """No prefix loads, and no change of a byte in front of the data does anything but load or
    ValueError."""
    file = io.BytesIO()
    cr.save({"model": {"w": cr.ones(2, 2), "b": cr.tensor([True])}, "n": [1, None]}, file)
    whole = file.getvalue()
    for end in range(len(whole)):
        with pytest.raises(ValueError, match=r"\[load\]"):
            cr.load(io.BytesIO(whole[:end]))
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    loaded = 0
    for position in range(start):
        for flip in (1, 0x20, 0x80):
            changed = bytearray(whole)
            changed[position] ^= flip
            try:
                cr.load(io.BytesIO(bytes(changed)))
                loaded += 1  # a changed name or number of the tree is still a valid file
            except ValueError as error:
                assert "[load]" in str(error)
    assert loaded < start


def test_a_file_that_takes_nothing_is_an_error():
    class Full:
        def write(self, data):
            return 0

    with pytest.raises(OSError, match="took none"):
        cr.save({"w": cr.ones(2)}, Full())
