"""`chainrule train` with its defaults reaches what the README promises: means over the seeds 0 to
4."""

import json
import pathlib

import pytest

from chainrule import _fashion_mnist, config
from chainrule.__main__ import main

pytest.importorskip("sklearn")

SEEDS = range(5)
DEBIAN = pathlib.Path(_fashion_mnist.DEBIAN_FOLDER)


def mean_of(name, figure, folder):
    found = []
    for seed in SEEDS:
        out = folder / str(seed)
        arguments = ["--seed", str(seed), "--out", str(out), "--no-plots", "--progress", "none"]
        # One thread: the same bits as any number, and no fight with whatever else runs here.
        assert main(["train", name, "--threads", "1", *arguments]) == 0
        found.append(json.loads((out / "summary.json").read_text())[figure])
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("name", "figure", "least"),
    [
        ("digits", "test_accuracy", 0.97),
        ("iris", "test_accuracy", 0.93),
        ("wine", "test_accuracy", 0.95),
        ("breast-cancer", "test_accuracy", 0.95),
        ("diabetes", "test_r2", 0.40),
    ],
)
def test_small_tables(name, figure, least, tmp_path):
    assert mean_of(name, figure, tmp_path) >= least


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="apt-get install dataset-fashion-mnist")
@pytest.mark.skipif(config.isa() == "reference", reason="naive loops take hours for it")
def test_fashion_mnist_in_ten_epochs(tmp_path):
    assert mean_of("fashion-mnist", "test_accuracy", tmp_path) >= 0.88
    for seed in SEEDS:
        assert json.loads((tmp_path / str(seed) / "summary.json").read_text())["epochs"] <= 10
