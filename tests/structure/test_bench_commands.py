"""The commands of bench/ write whole records, tables and pictures. Nothing here judges a time."""

import json
import os
import re

import numpy as np
import pytest

import chainrule


def test_fits_of_the_digits_reach_the_same_accuracy(run, tmp_path):
    pytest.importorskip("sklearn")
    path = tmp_path / "fit.json"
    run("bench", "fit", "--rounds", "2", "--json", path)
    figures = json.loads(path.read_text())["figures"]
    accuracies = [f["median"] for f in figures.values() if f["unit"] == "accuracy"]
    assert len(accuracies) == 3
    assert min(accuracies) > 0.94 and max(accuracies) - min(accuracies) <= 0.01


def test_records_are_compared(run, tmp_path):
    record = {"environment": {"cpu": "x", "isa": "v3"}, "figures": {}}
    for name, low in (("a", 1.0), ("b", 2.0)):
        spread = {"unit": "s", "low": low, "median": 1.1 * low, "high": 1.2 * low, "rounds": 5}
        alone = {"unit": "s", "low": low, "median": low, "high": low, "rounds": 1}
        record["figures"] = {"step/1 thread/4-10-3/chainrule": spread, "import/1 thread/a/b": alone}
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    assert re.search(r"WORSE +2\.000 x +step/1 thread", run("bench.compare", a, b, status=1))
    assert "1 figures with a spread in both, 1 differ" in run("bench.compare", b, a)
    assert "0 differ beyond noise" in run("bench.compare", a, a)
    a.write_text("{}")
    assert "expected a record" in run("bench.compare", a, b, status=1)


def test_one_build_in_turns_with_itself(run, tmp_path):
    site = os.path.dirname(os.path.dirname(chainrule.__file__))
    words = ("bench.compare", "--sites", site, site, "--rounds", "2", "--processes", "1")
    if chainrule._core.__file__.startswith(os.path.dirname(chainrule.__file__)):
        path = tmp_path / "ratios.json"
        # Far apart is still the same here: it is one build.
        words += ("--only", "replay of one operation", "--threshold", "1e9", "--json", path)
        assert "2 figures measured, 0 differ" in run(*words)
        assert all(len(p) == 1 for p in json.loads(path.read_text())["b_over_a"].values())
    missing = ("bench.compare", "--sites", tmp_path, tmp_path)
    assert "expected a folder that pip install --target filled" in run(*missing, status=1)


def test_the_command_writes_record_table_and_picture(run, tmp_path):
    pytest.importorskip("matplotlib")
    words = (
        "bench",
        "--topics",
        "tiny,replay",
        "--rounds",
        "2",
        "--threads",
        "1",
        "--peers",
        "numpy",
    )
    run(*words, "--out", tmp_path)
    figures = json.loads((tmp_path / "results.json").read_text())["figures"]
    tiny = "tiny/1 thread/4-32-16-4, 10000, adam"
    assert {f"{tiny}/chainrule", f"{tiny}/numpy", f"{tiny}/over numpy"} <= set(figures)
    assert all(f["low"] <= f["median"] <= f["high"] for f in figures.values())
    table = (tmp_path / "table.md").read_text()
    assert "| 4-32-16-4, 10000, adam |" in table and "| replay: a node of a replay" in table
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    assert "expected --topics of" in run("bench", "--topics", "nothing", status=1)
    assert "expected --peers of" in run("bench", "--peers", "nothing", status=1)


def test_epochs_of_images_on_disk(run, tmp_path):
    rng = np.random.default_rng(0)
    made = {f"x_{part}": rng.integers(0, 256, (70, 28, 28), "uint8") for part in ("train", "test")}
    made |= {f"y_{part}": rng.integers(0, 10, 70, "uint8") for part in ("train", "test")}
    np.savez(tmp_path / "digits.npz", **made)
    path = tmp_path / "epoch.json"
    words = ("bench", "epoch", "--data", tmp_path / "digits.npz", "--peers", "", "--json", path)
    run(*words, "--rounds", "2", "--seeds", "2", "--limit", "1", "--target", "1.0")
    figures = json.loads(path.read_text())["figures"]
    assert "epoch/1 thread/epoch of MNIST/chainrule" in figures
    reached = "epoch/1 thread/time to 100 % on MNIST/seeds that reached it, chainrule"
    assert figures[reached]["median"] == 0
    missing = ("bench", "epoch", "--data", tmp_path / "none.npz")
    assert "expected an .npz with x_train" in run(*missing, status=1)


def test_a_crowd_is_measured_and_gone_afterwards(bench, run, tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor")
    path = tmp_path / "crowd.json"
    words = ("bench", "crowd", "--threads", "2", "--peers", "", "--steps", "5", "--rounds", "2")
    run(*words, "--json", path)
    figures = json.loads(path.read_text())["figures"]
    assert sum(name.endswith("2 threads, neighbour, p99") for name in figures) == 3
    neighbour = bench("bench_crowd").Neighbour()
    with neighbour.awake():
        pass
    neighbour.end()
    assert neighbour._process.returncode == -9
