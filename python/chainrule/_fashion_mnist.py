"""Fashion-MNIST from its four original .gz files: finding, downloading, parsing.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking
Machine Learning Algorithms", 2017 (MIT licence). The files are in the IDX format of MNIST.
"""

import gzip
import hashlib
import http.client
import math
import os
import pathlib
import urllib.error
import urllib.request
import zlib

from ._atomic import atomic_write

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
URL_VARIABLE = "CHAINRULE_FASHION_MNIST_URL"  # another place with the same four files
TIMEOUT_SECONDS = 30

# In the order of `read`. SHA-256 of what the .gz holds, not of the .gz: packagers write the gzip
# header anew, the content is the same everywhere (Debian's files with their first header put back
# have the MD5 sums that the authors publish).
CONTENT_SHA256 = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_MAX_DOWNLOAD = 100_000_000  # bytes; the largest file has 26 million
_IMAGES, _LABELS = 0x803, 0x801  # IDX magic: unsigned bytes, three dimensions or one


def find(data_dir=None):
    """The folder that holds the four files; downloads them into the cache as the last resort."""
    if data_dir is not None:
        folder = pathlib.Path(data_dir)
        if not folder.is_dir():
            raise FileNotFoundError(
                f"[fashion-mnist] expected a folder; {folder} is none.{_ways()}"
            )
        missing = _missing(folder)
        if missing:
            raise FileNotFoundError(
                f"[fashion-mnist] {folder} lacks {', '.join(missing)}.{_ways()}"
            )
        return folder
    for folder in (pathlib.Path(DEBIAN_FOLDER), cache_folder()):
        if not _missing(folder):
            return folder
    _download(cache_folder())
    return cache_folder()


def cache_folder():
    """`$XDG_CACHE_HOME/chainrule/fashion-mnist`, by default under ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = pathlib.Path(root) if os.path.isabs(root) else pathlib.Path.home() / ".cache"
    return base / "chainrule" / "fashion-mnist"


def read(folder):
    """(train images, train labels, test images, test labels) as uint8 arrays."""
    train_x, train_y, test_x, test_y = (
        parse_idx(pathlib.Path(folder) / name, _IMAGES if "images" in name else _LABELS)
        for name in CONTENT_SHA256
    )
    for part, images, labels in (("train", train_x, train_y), ("t10k", test_x, test_y)):
        if len(images) != len(labels):
            raise ValueError(
                f"[fashion-mnist] {folder}: {len(images)} {part} images, {len(labels)} labels."
            )
        if len(labels) == 0 or labels.max() >= len(CLASS_NAMES):
            raise ValueError(
                f"[fashion-mnist] {folder}: expected {part} labels from 0 to 9, at least one."
            )
    if train_x.shape[1:] != test_x.shape[1:]:
        sizes = f"{train_x.shape[1:]} and {test_x.shape[1:]}"
        raise ValueError(
            f"[fashion-mnist] {folder}: train and test images differ in size: {sizes}."
        )
    return train_x, train_y, test_x, test_y


def parse_idx(path, magic):
    """A gzipped IDX file as a uint8 array; anything but exactly what its header says is an
    error."""
    import numpy as np

    content = _gunzip(path, path.read_bytes())
    dims = magic & 0xFF
    start = 4 + 4 * dims
    if len(content) < start:
        raise ValueError(
            f"[fashion-mnist] {path}: {len(content)} bytes are too few for an IDX header."
        )
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise ValueError(
            f"[fashion-mnist] {path}: expected the IDX magic {magic:#x}; got {found:#x}."
        )
    shape = [int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims)]
    need, got = math.prod(shape), len(content) - start
    if need != got:
        what = "truncated" if got < need else "longer than that"
        raise ValueError(
            f"[fashion-mnist] {path}: expected {need} bytes for the shape {tuple(shape)}; got {got} ({what})."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _gunzip(path, packed):
    try:
        return gzip.decompress(packed)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"[fashion-mnist] {path}: not a whole gzip file ({error}).") from None


def _missing(folder):
    return [name for name in CONTENT_SHA256 if not (folder / name).is_file()]


def _download(folder):
    """Fetch what the cache lacks; a file enters the cache only after its checksum was right."""
    base = os.environ.get(URL_VARIABLE) or URL
    base = base if base.endswith("/") else base + "/"
    for name in _missing(folder):
        try:
            with urllib.request.urlopen(base + name, timeout=TIMEOUT_SECONDS) as response:
                packed = response.read(_MAX_DOWNLOAD)
        except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FileNotFoundError(
                f"[fashion-mnist] found nowhere, and {base + name} cannot be had ({reason}).{_ways()}"
            ) from None
        content = _gunzip(base + name, packed)
        digest = hashlib.sha256(content).hexdigest()
        if digest != CONTENT_SHA256[name]:
            raise ValueError(
                f"[fashion-mnist] {base + name}: expected content with the SHA-256 "
                f"{CONTENT_SHA256[name]}; got {digest}. Nothing was kept."
            )
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / name) as file:
            file.write(packed)


def _ways():
    return (
        f" Three ways to have it: (1) --data-dir DIR with {', '.join(CONTENT_SHA256)}; "
        "(2) apt-get install dataset-fashion-mnist; "
        f"(3) a network connection: it is downloaded once from {URL} into {cache_folder()}."
    )
