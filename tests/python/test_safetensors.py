"""save and load: against the safetensors package, round trips of nested state, hostile files."""

import io
import json
import os
import struct

import numpy as np
import pytest

import chainrule as cr

ARRAYS = {
    "f32": np.arange(6, dtype=np.float32).reshape(2, 3) - 2.5,
    "f64": np.array([np.nan, np.inf, -0.0, 1e-300]),
    "i64": np.array([[2**62], [-(2**62)]]),
    "i32": np.array([1, -1], dtype=np.int32),
    "u8": np.array([0, 255, 7], dtype=np.uint8),
    "bool": np.array([True, False, True]),
    "scalar": np.array(3.25, dtype=np.float32),
    "empty": np.zeros((0, 4), dtype=np.float32),
}


def same(tensor, array):
    got = tensor.numpy()
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert got.tobytes() == array.tobytes()


# ---- against the safetensors package


def test_the_package_reads_what_we_write(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    cr.save({name: cr.from_numpy(array.copy()) for name, array in ARRAYS.items()}, path)
    read = reference.load_file(path)
    assert set(read) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()


def test_we_read_what_the_package_writes(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    reference.save_file(ARRAYS, path, metadata={"made": "elsewhere"})
    read = cr.load(path)
    assert set(read) == set(ARRAYS)
    for name, array in ARRAYS.items():
        same(read[name], array)


def test_the_package_reads_the_tensors_of_a_nested_file(tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    cr.save({"model": {"w": cr.ones(2)}, "epoch": 3}, path)
    assert set(reference.load_file(path)) == {"model.w"}


# ---- round trips


def test_order_views_and_gradients(tmp_path):
    path = tmp_path / "x.safetensors"
    base = cr.from_numpy(np.arange(12, dtype=np.float32).reshape(3, 4))
    leaf = cr.ones(3, requires_grad=True)
    cr.save({"z": base.t(), "a": base[:, 1::2], "leaf": leaf}, path)
    read = cr.load(path)
    assert list(read) == ["z", "a", "leaf"]
    same(read["z"], np.ascontiguousarray(base.numpy().T))
    same(read["a"], np.ascontiguousarray(base.numpy()[:, 1::2]))
    assert not read["leaf"].requires_grad


def test_loaded_tensors_are_their_own_memory(tmp_path):
    path = tmp_path / "x.safetensors"
    cr.save({"a": cr.zeros(3), "b": cr.zeros(3)}, path)
    read = cr.load(path)
    read["a"].fill_(7)
    assert read["b"].tolist() == [0, 0, 0]
    assert cr.load(path)["a"].tolist() == [0, 0, 0]


NESTED = {
    "state": {0: {"step": "T", "exp_avg": "T"}, 1: {"step": "T", "exp_avg": None}},
    "param_groups": [
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "maximize": False, "params": [0, 1]}
    ],
    "": {"empty dict": {}, "empty list": [], "empty tuple": (), "text": 'quote " and ü'},
    True: float("inf"),
    2.5: -(2**70),
    None: [[["T"]]],
    "tensor": {"tensor": "T"},  # the tree's own tags as keys
    "dict": {"dict": [1, {"float": "nan"}]},
}


def fill(value):
    """The nest with tensors for "T"."""
    if isinstance(value, str) and value == "T":
        return cr.full((2,), 1.5)
    if isinstance(value, dict):
        return {key: fill(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(fill(item) for item in value)
    return value


def plain(value):
    """Comparable: tensors as (their list)."""
    if isinstance(value, cr.Tensor):
        return ("T", value.tolist())
    if isinstance(value, dict):
        return [(type(key), key, plain(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return (type(value), [plain(item) for item in value])
    return (type(value), value)


@pytest.mark.parametrize("value", [NESTED, [1, "T"], "T", {"a.b": "T", "a": {"b": "T"}}, {}, 7])
def test_nested_round_trip(tmp_path, value):
    path = tmp_path / "x.safetensors"
    cr.save(fill(value), path)
    assert plain(cr.load(path)) == plain(fill(value))


def test_nan_round_trip():
    file = io.BytesIO()
    cr.save({"loss": float("nan")}, file)
    file.seek(0)
    assert np.isnan(cr.load(file)["loss"])


def test_optimizer_state_round_trip(tmp_path):
    def make():
        cr.manual_seed(0)
        model = cr.nn.Linear(3, 2)
        return model, cr.optim.Adam(model.parameters(), lr=0.01)

    def step(model, optimizer):
        optimizer.zero_grad()
        model(cr.ones(4, 3)).square().sum().backward()
        optimizer.step()

    model, optimizer = make()
    step(model, optimizer)
    cr.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c")
    other, other_optimizer = make()
    checkpoint = cr.load(tmp_path / "c")
    other.load_state_dict(checkpoint["model"])
    other_optimizer.load_state_dict(checkpoint["optimizer"])
    step(model, optimizer)
    step(other, other_optimizer)
    for mine, theirs in zip(model.parameters(), other.parameters()):
        assert mine.tolist() == theirs.tolist()


@pytest.mark.parametrize("junk", [object(), {"a": [object()]}, {"a": np.ones(2)}, {(1, 2): 3}])
def test_what_cannot_be_saved(tmp_path, junk):
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=r"\[save\]"):
        cr.save(junk, path)
    assert not path.exists()


def test_a_cycle_is_an_error(tmp_path):
    loop = {}
    loop["again"] = loop
    with pytest.raises(ValueError, match="nested levels"):
        cr.save(loop, tmp_path / "x")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x"
    cr.save({"a": cr.ones(2)}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        cr.save({"a": cr.zeros(2)}, path)
    monkeypatch.undo()
    assert cr.load(path)["a"].tolist() == [1, 1]
    assert os.listdir(tmp_path) == ["x"]  # no temporary file left behind


def test_a_file_that_takes_a_part_at_a_time(tmp_path):
    class Slow(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, part):
            self.data += bytes(part[:7])
            return min(len(part), 7)

    file = Slow()
    cr.save({"a": cr.arange(10), "b": cr.tensor(2.0)}, file)
    loaded = cr.load(io.BytesIO(file.data))
    assert loaded["a"].tolist() == list(range(10))
    assert loaded["b"].item() == 2

    class Busy(Slow):
        def write(self, part):
            return None

    with pytest.raises(BlockingIOError, match="would block"):
        cr.save({"a": cr.ones(1)}, Busy())


def test_a_path_may_be_bytes_and_nothing_else(tmp_path):
    path = os.fsencode(tmp_path / "x")
    cr.save({"a": cr.ones(2)}, path)
    assert cr.load(path)["a"].tolist() == [1, 1]
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for bad in (descriptor, None, [path]):
            with pytest.raises(TypeError, match=r"\[load\] expected a path or an open binary file"):
                cr.load(bad)
            with pytest.raises(TypeError, match=r"\[save\] expected a path or an open binary file"):
                cr.save({}, bad)
        assert os.read(descriptor, 1)  # still open
    finally:
        os.close(descriptor)


def test_a_name_that_utf8_cannot_hold(tmp_path):
    with pytest.raises(
        ValueError, match=r"\[save\] expected names that UTF-8 can hold; got '.ud800'"
    ):
        cr.save({"\ud800": cr.ones(1)}, tmp_path / "x")
    assert not os.listdir(tmp_path)


def test_arguments(tmp_path):
    cr.save({"a": cr.ones(1)}, tmp_path / "x")
    assert cr.load(tmp_path / "x", map_location="cpu")["a"].item() == 1
    with pytest.raises(ValueError, match="map_location"):
        cr.load(tmp_path / "x", map_location="cuda")
    with pytest.raises(ValueError, match="never unpickles"):
        cr.load(tmp_path / "x", weights_only=False)
    with pytest.raises(FileNotFoundError):
        cr.load(tmp_path / "none")


# ---- hostile files


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="/none/x'$"):
        cr.save({}, tmp_path / "none" / "x")


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
