"""Data sets by name: the bundled tables, Fashion-MNIST's files in every place and state,
splitting."""

import functools
import gzip
import hashlib
import http.server
import json
import pathlib
import socket
import struct
import sys
import threading

import numpy as np
import pytest

from chainrule import _fashion_mnist, datasets
from chainrule.__main__ import main
from chainrule._cli._preprocess import Standardizer
from chainrule._cli._split import split_rows, stratified
from command_line import QUICK

DEBIAN = pathlib.Path(_fashion_mnist.DEBIAN_FOLDER)
needs_debian = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="apt-get install dataset-fashion-mnist"
)


# ---- the bundled tables


@pytest.mark.parametrize(
    ("name", "rows", "features", "classes"),
    [
        ("digits", 1797, 64, 10),
        ("iris", 150, 4, 3),
        ("wine", 178, 13, 3),
        ("breast-cancer", 569, 30, 2),
        ("diabetes", 442, 10, 0),
    ],
)
def test_bundled(name, rows, features, classes):
    pytest.importorskip("sklearn")
    data = datasets.load(name)
    assert data.x.shape == (rows, features)
    assert data.y.shape == (rows,)
    assert len(data.feature_names) == features
    assert len(data.class_names) == classes
    if classes:
        assert data.task == "classification"
        assert sorted(set(data.y.tolist())) == list(range(classes))
    else:
        assert data.task == "regression"
        assert data.x[:, 0].max() > 70  # years of age: in its own units


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("digit", "digits"),
        ("Iris", "iris"),
        ("breast_cancer", "breast-cancer"),
        ("mnist", "fashion-mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("diabtes", "diabetes"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(ValueError, match=f"got '{wrong}'. Did you mean '{near}'"):
        datasets.load(wrong)


@pytest.mark.parametrize("wrong", ["", "zzzzzz", None])
def test_a_name_near_nothing(wrong):
    with pytest.raises(ValueError, match="expected one of digits") as caught:
        datasets.load(wrong)
    assert "Did you mean" not in str(caught.value)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "chainrule\[data\]"'):
        datasets.load("iris")


# ---- Fashion-MNIST: a small copy of the four files


def idx(array):
    array = np.asarray(array, dtype=np.uint8)
    head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    return head + array.tobytes()


def small_files():
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte.gz": idx(rng.integers(0, 256, (30, 4, 5))),
        "train-labels-idx1-ubyte.gz": idx(np.arange(30) % 10),
        "t10k-images-idx3-ubyte.gz": idx(rng.integers(0, 256, (10, 4, 5))),
        "t10k-labels-idx1-ubyte.gz": idx(np.arange(10)),
    }


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(gzip.compress(content))
    return folder


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No Debian folder, an empty cache, and an address where nobody listens."""
    monkeypatch.setattr(_fashion_mnist, "DEBIAN_FOLDER", str(tmp_path / "debian"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(_fashion_mnist.URL_VARIABLE, "http://127.0.0.1:9/")
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_data_dir(nowhere):
    data = datasets.load("fashion-mnist", write(nowhere / "mine", small_files()))
    assert data.x.shape == (40, 20)
    assert data.x.dtype == np.uint8
    assert data.image_shape == (4, 5)
    assert data.official_test == 10
    assert data.y[30:].tolist() == list(range(10))
    assert data.class_names[9] == "Ankle boot"
    assert data.x[0].tobytes() == small_files()["train-images-idx3-ubyte.gz"][16:36]


def test_a_run_finds_its_data_from_another_folder(monkeypatch, nowhere):
    write(nowhere / "mine", small_files())
    monkeypatch.chdir(nowhere)
    assert main(["train", "fashion-mnist", "--data-dir", "mine", "--out", "run", *QUICK]) == 0
    options = json.loads((nowhere / "run" / "model.json").read_text())["options"]
    assert options["data_dir"] == str(nowhere / "mine")
    monkeypatch.chdir("run")
    assert main(["evaluate", "."]) == 0


def test_the_debian_folder_and_the_cache(nowhere):
    write(nowhere / "cache" / "chainrule" / "fashion-mnist", small_files())
    assert len(datasets.load("fashion-mnist").y) == 40
    only = dict(small_files(), **{"t10k-labels-idx1-ubyte.gz": idx([3] * 10)})
    write(nowhere / "debian", only)
    assert datasets.load("fashion-mnist").y[-1] == 3


def test_nowhere_says_all_three_ways(nowhere):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("fashion-mnist")
    for way in (
        "--data-dir DIR",
        "apt-get install dataset-fashion-mnist",
        "downloaded once",
        "cache",
    ):
        assert way in str(caught.value)
    assert not (nowhere / "cache").exists()


def test_a_data_dir_that_lacks_files(nowhere):
    files = small_files()
    del files["t10k-labels-idx1-ubyte.gz"]
    folder = write(nowhere / "mine", files)
    with pytest.raises(FileNotFoundError, match="lacks t10k-labels-idx1-ubyte.gz.*Three ways"):
        datasets.load("fashion-mnist", folder)
    with pytest.raises(FileNotFoundError, match="is none"):
        datasets.load("fashion-mnist", nowhere / "not there")
    with pytest.raises(ValueError, match="scikit-learn ships"):
        datasets.load("iris", folder)


LABELS = "train-labels-idx1-ubyte.gz"
IMAGES = "train-images-idx3-ubyte.gz"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        (LABELS, lambda c: c[:-1], r"expected 30 bytes.*got 29 \(truncated\)"),
        (LABELS, lambda c: c + b"\0", r"got 31 \(longer"),
        (LABELS, lambda c: c[:7], "too few for an IDX header"),
        (LABELS, lambda c: b"", "too few for an IDX header"),
        (LABELS, lambda c: b"\0\0\x0d\x01" + c[4:], "magic 0x801; got 0xd01"),
        (IMAGES, lambda c: b"\0\0\x08\x01" + c[4:], "magic 0x803; got 0x801"),
        (IMAGES, lambda c: c[:4] + b"\xff" * 12 + c[16:], "truncated"),
        (LABELS, lambda c: idx(np.arange(29) % 10), "30 train images, 29 labels"),
        (LABELS, lambda c: idx([10] * 30), "labels from 0 to 9"),
        (IMAGES, lambda c: idx(np.zeros((30, 5, 4))), "differ in size"),
    ],
)
def test_a_bad_idx_file(nowhere, name, change, reason):
    files = small_files()
    files[name] = change(files[name])
    with pytest.raises(ValueError, match=reason):
        datasets.load("fashion-mnist", write(nowhere / "mine", files))


@pytest.mark.parametrize("cut", [0, 5, 20, -1])
def test_a_truncated_gz(nowhere, cut):
    folder = write(nowhere / "mine", small_files())
    whole = (folder / LABELS).read_bytes()
    (folder / LABELS).write_bytes(whole[:cut])
    reason = "not a whole gzip file|too few" if cut == 0 else "not a whole gzip file"
    with pytest.raises(ValueError, match=f"{LABELS}: .*({reason})"):
        datasets.load("fashion-mnist", folder)


def test_something_else_than_gz(nowhere):
    folder = write(nowhere / "mine", small_files())
    (folder / LABELS).write_bytes(b"<html>not found</html>")
    with pytest.raises(ValueError, match="not a whole gzip file"):
        datasets.load("fashion-mnist", folder)


# ---- the download, from a server on this machine


@pytest.fixture
def server(nowhere, monkeypatch):
    """A local web server of nowhere/site, told to the loader; `asked` lists what was fetched."""
    site, asked = nowhere / "site", []
    site.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        monkeypatch.setenv(_fashion_mnist.URL_VARIABLE, f"http://127.0.0.1:{running.server_port}")
        yield site, asked
        running.shutdown()
        thread.join()


def sums(files):
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_download_once_into_the_cache(server, nowhere, monkeypatch):
    site, asked = server
    write(site, small_files())
    monkeypatch.setattr(_fashion_mnist, "CONTENT_SHA256", sums(small_files()))
    assert len(datasets.load("fashion-mnist").y) == 40
    assert sorted(asked) == sorted(f"/{name}" for name in small_files())
    assert len(datasets.load("fashion-mnist").y) == 40
    assert len(asked) == 4  # the second time from the cache
    cache = nowhere / "cache" / "chainrule" / "fashion-mnist"
    assert sorted(path.name for path in cache.iterdir()) == sorted(small_files())
    (cache / LABELS).unlink()
    datasets.load("fashion-mnist")
    assert asked[4:] == [f"/{LABELS}"]  # only what is missing


def test_a_wrong_checksum_keeps_nothing(server, nowhere, monkeypatch):
    site, _ = server
    write(site, small_files())
    wrong = sums(small_files()) | {IMAGES: "0" * 64}
    monkeypatch.setattr(_fashion_mnist, "CONTENT_SHA256", wrong)
    with pytest.raises(ValueError, match=f"{IMAGES}: expected content with the SHA-256 0000"):
        datasets.load("fashion-mnist")
    assert not (nowhere / "cache" / "chainrule" / "fashion-mnist" / IMAGES).exists()


def test_a_file_the_server_lacks(server):
    with pytest.raises(FileNotFoundError, match="404.*Three ways"):
        datasets.load("fashion-mnist")


def test_a_server_that_answers_something_else_than_http(nowhere, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv(_fashion_mnist.URL_VARIABLE, base)
        with pytest.raises(FileNotFoundError, match="cannot be had .*SSH-2.*Three ways"):
            datasets.load("fashion-mnist")
        thread.join()


@needs_debian
def test_the_real_files_from_a_server(server, nowhere):
    """The checksums in the source are those of the real data."""
    site, _ = server
    for name in _fashion_mnist.CONTENT_SHA256:
        (site / name).symlink_to(DEBIAN / name)
    data = datasets.load("fashion-mnist")
    assert data.x.shape == (70_000, 784)
    assert np.bincount(data.y).tolist() == [7000] * 10


@needs_debian
def test_the_real_files_from_the_debian_package():
    data = datasets.load("fashion-mnist")
    assert data.x.shape == (70_000, 784)
    assert data.official_test == 10_000
    assert abs(data.x[:60_000].mean() / 255 - 0.2860) < 1e-4  # the published mean of the images


# ---- splitting and standardising


def test_stratified_parts():
    labels = np.array([0] * 100 + [1] * 50 + [2] * 10 + [3] * 2 + [4])
    rest, a, b = stratified(labels, (0.2, 0.3), seed=3)
    assert sorted([*rest, *a, *b]) == list(range(len(labels)))
    assert np.bincount(labels[a], minlength=5).tolist() == [20, 10, 2, 1, 0]
    assert np.bincount(labels[b], minlength=5).tolist() == [30, 15, 3, 0, 0]
    again = stratified(labels, (0.2, 0.3), seed=3)
    assert all((x == y).all() for x, y in zip((rest, a, b), again))
    other = stratified(labels, (0.2, 0.3), seed=4)
    assert (other[1] != a).any()


def test_official_test_rows_stay_the_test(nowhere):
    data = datasets.load("fashion-mnist", write(nowhere / "mine", small_files()))
    train, validation, test = split_rows(data, 0.34, 0.2, seed=0)
    assert test.tolist() == list(range(30, 40))
    assert sorted([*train, *validation]) == list(range(30))
    assert np.bincount(data.y[validation]).tolist() == [1] * 10


def test_standardizer():
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (100, 3))
    x[:, 1] = 0.1  # its computed deviation is 1e-17, not 0
    fitted = Standardizer.fit(x)
    out = fitted.transform(x)
    assert out.dtype == np.float32
    assert np.abs(out.mean(0)).max() < 1e-6
    np.testing.assert_allclose(out[:, [0, 2]].std(0), 1, rtol=1e-6)
    assert np.abs(out[:, 1]).max() < 1e-6
    np.testing.assert_allclose(fitted.inverse(out), x, rtol=1e-5)
    same = Standardizer.from_dict(fitted.to_dict())
    assert (same.transform(x) == out).all()
    images = rng.integers(0, 256, (10, 6)).astype(np.uint8)
    shared = Standardizer.fit(images, shared=True)
    assert shared.mean.shape == (1,)
    np.testing.assert_allclose(
        shared.transform(images), shared.transform(images.astype(float)), rtol=1e-5, atol=1e-6
    )
    for table in ({"mean": [1.0], "scale": [0.0]}, {"mean": [1.0], "scale": [1.0, 2.0]}):
        with pytest.raises(ValueError, match=r"\[Standardizer\]"):
            Standardizer.from_dict(table)
