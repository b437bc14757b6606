"""save and load: against the safetensors package, round trips of nested state."""

import io
import os

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


# The format's own entry as a key of the user's, also beside the names that it could give way to.
METADATA = {"__metadata__": "T", "x": "T"}


@pytest.mark.parametrize(
    "value",
    [
        NESTED,
        [1, "T"],
        "T",
        {"a.b": "T", "a": {"b": "T"}},
        {},
        7,
        METADATA,
        {"__metadata__'": "T", **METADATA, "y": METADATA, "__metadata__''": 1},
        {"__metadata__": METADATA},
    ],
)
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
    with pytest.raises(ValueError, match="weights_only=True; got False"):
        cr.load(tmp_path / "x", weights_only=False)
    with pytest.raises(FileNotFoundError):
        cr.load(tmp_path / "none")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="/none/x'$"):
        cr.save({}, tmp_path / "none" / "x")


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        (float("inf"), ValueError, "got the key inf in the dict at 'a.0'"),
        (float("nan"), ValueError, "got the key nan in the dict at 'a.0'"),
        ((1, 2), TypeError, "got the key tuple in the dict at 'a.0'"),
    ],
)
def test_keys_that_cannot_be_saved(tmp_path, key, error, words):
    allowed = r"\[save\] expected keys that are strings, finite numbers, bools or None; "
    with pytest.raises(error, match=allowed + words):
        cr.save({"a": [{key: 1}]}, tmp_path / "x")
    with pytest.raises(error, match=allowed + r"got the key \w+\.$"):
        cr.save({key: 1}, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("value", [None, {}, [], [None], {"a": None}, (), 3])
def test_what_holds_no_tensor_comes_back(tmp_path, value):
    cr.save(value, tmp_path / "x")
    loaded = cr.load(tmp_path / "x")
    assert loaded == value and type(loaded) is type(value)
