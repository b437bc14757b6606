"""The benchmarks compute what they say: the same steps in every library, right statistics, whole
records. Nothing here judges a time."""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import chainrule

SMALL = {"relu, adam": ("adam", False, "relu"), "tanh, sgd": ("sgd", True, "tanh")}


@pytest.fixture
def bench(root, monkeypatch):
    """Imports a module of bench."""
    monkeypatch.syspath_prepend(str(root))
    threads = chainrule.get_num_threads()
    yield lambda name: importlib.import_module(f"bench.{name}")
    chainrule.set_num_threads(threads)


@pytest.fixture
def run(root):
    """Runs `python -m bench...` and gives what it printed."""

    def run(*words, status=0):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_every_topic_is_known_and_described(root, bench):
    topics = bench("__main__").TOPICS
    assert sorted(topics) == sorted(
        path.stem.removeprefix("bench_") for path in (root / "bench").glob("bench_*.py")
    )
    listed = re.findall(r"^\| `(\w+)` \|", (root / "bench" / "README.md").read_text(), re.MULTILINE)
    assert listed == list(topics)
    for topic in topics:
        assert callable(bench(f"bench_{topic}").main)


def small(bench, kind, sizes=(3, 8, 4)):
    optimizer, regression, activation = SMALL[kind]
    return bench("networks").Network(sizes, 6, optimizer, regression, activation)


# In a process of its own: this one forks later, beside which these libraries keep threads.
SAME_WORK = """
import importlib, sys
from bench import own
from bench.networks import Network, check
name, optimizer, regression, activation = sys.argv[1:]
network = Network((3, 8, 4), 6, optimizer, regression == "True", activation)
peer = importlib.import_module(f"bench.peers.{name}_peer")
kinds = [peer.KINDS[:2]] if name == "torch" else []  # the third compiles for seconds
steps = own.steps(network) | peer.steps(network, *kinds)
check(steps)
print(*steps, sep=",")
"""


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("peer", ["numpy", "sklearn", "torch", "jax"])
def test_peers_train_the_same_network(root, peer, kind):
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f"no {peer}")
    words = [sys.executable, "-c", SAME_WORK, peer, *map(str, SMALL[kind])]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = done.stdout.strip().split(",")
    assert names[:2] == ["chainrule", "chainrule eager"] and len(names) >= 3


def test_a_peer_that_trains_another_network_is_refused(bench):
    steps = bench("own").steps(small(bench, "relu, adam"))
    other = small(bench, "tanh, sgd")
    steps |= bench("peers.numpy_peer").steps(other)
    with pytest.raises(SystemExit, match="numpy computes other losses"):
        bench("networks").check(steps)
    nan = {"chainrule": lambda: 1.0, "broken": lambda: float("nan")}
    with pytest.raises(SystemExit, match="broken computes other losses"):
        bench("networks").check(nan)


def test_what_is_not_installed_is_named_with_its_remedy(bench, monkeypatch, capsys):
    peers = bench("peers")
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not there
    monkeypatch.delitem(sys.modules, "bench.peers.torch_peer", raising=False)
    assert peers.load("torch_peer") is None
    assert (
        "skipped torch_peer: torch is not installed (pip install torch" in capsys.readouterr().out
    )
    with pytest.raises(SystemExit, match="expected --peers of torch.*; got 'theano'"):
        peers.load_all("theano", 1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r'pip install "chainrule\[plot\]"'):
        bench("picture").require()


def test_flops_are_those_of_the_products(bench):
    network = bench("networks").Network((3, 5, 2), 7, "sgd")
    forward = 2 * 7 * (3 * 5 + 5 * 2)
    weights, inputs = forward, 2 * 7 * 5 * 2  # of the first layer no dX
    assert network.flops == forward + weights + inputs


def test_candidates_take_turns_after_their_preparation(bench):
    seen = []
    functions = {name: (lambda name=name: seen.append(name)) for name in "ab"}
    prepare = {"b": lambda: seen.append("prepare b")}
    found = bench("harness").interleaved(functions, rounds=3, target=1e-6, prepare=prepare)
    order = [word for i, word in enumerate(seen) if i == 0 or word != seen[i - 1]]
    assert order == ["a", "prepare b", "b"] * 4  # finding the counts, then three rounds
    assert all(len(samples.values) == 3 and samples.low > 0 for samples in found.values())


def test_samples_are_medians_quartiles_and_quotients_by_round(bench):
    samples = bench("harness").Samples
    five = samples([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (five.low, five.median, five.high) == (2.0, 3.0, 4.0)
    assert five.over(2).median == 1.5
    assert five.per(samples([1.0] * 5)).values == five.values
    assert str(samples([1.5e-6] * 2)) == "1.5 us (1.5 to 1.5)"
    with pytest.raises(ValueError, match="2 rounds; got 1"):
        samples([1.0])


def test_lines_and_intervals(bench):
    interval = bench("interval")
    sizes = [1, 2, 4, 8]
    fixed, slope, distance = interval.affine_fit(sizes, [3 + 2 * n for n in sizes])
    assert np.allclose([fixed, slope, distance], [3, 2, 0])
    assert interval.affine_fit(sizes, [5, 7, 11, 38])[2] > 0.1
    # Of 1, 2, 3: s = 1, t = 4.303, so 4.303 / sqrt(3) to each side.
    assert np.allclose(interval.mean_interval([1, 2, 3]), [2, 2 - 2.4843, 2 + 2.4843], atol=1e-3)


def test_the_peak_and_the_round_trip_are_measured(bench):
    machine = bench("machine")
    if machine.library() is None:
        pytest.skip("no C++ compiler")
    peak = machine.Peak(1)
    assert set(peak.candidate()) == ({"peak"} if peak.operations else set())
    if peak.operations:
        peak.candidate()["peak"]()
        samples = bench("harness").Samples
        # Half the operations of the peak in the same time.
        timings = {"peak": samples([2.0, 2.0]), "step": samples([2.0, 2.0])}
        assert peak.share(timings, "step", peak.operations / 2).median == 0.5
    trip = machine.round_trip(bursts=2, trips=10)
    assert trip is None if len(os.sched_getaffinity(0)) < 2 else trip.low > 0


def test_a_sweep_records_its_conclusion(bench):
    record = bench("record").Record("sweep", 1)
    sweep = bench("bench_sweep")
    sweep.line(record, "depth", (1, 2, 3), [sweep.deep(4, n) for n in (1, 2, 3)], rounds=2)
    assert record.figures["sweep/1 thread/depth/largest distance from the line"]["unit"] == "excess"


def test_fits_of_the_digits_reach_the_same_accuracy(run, tmp_path):
    pytest.importorskip("sklearn")
    path = tmp_path / "fit.json"
    run("bench", "fit", "--rounds", "2", "--json", path)
    figures = json.loads(path.read_text())["figures"]
    accuracies = [f["median"] for f in figures.values() if f["unit"] == "accuracy"]
    assert len(accuracies) == 3
    assert min(accuracies) > 0.94 and max(accuracies) - min(accuracies) <= 0.01


def test_verdicts(bench):
    compare = bench("compare")

    def figure(low, median, high, unit="s"):
        return {"unit": unit, "low": low, "median": median, "high": high}

    base = figure(9, 10, 11)
    assert compare.verdict_of_records(base, figure(12, 13, 14), 0.05) == "WORSE"
    assert compare.verdict_of_records(base, figure(6, 7, 8), 0.05) == "better"
    assert compare.verdict_of_records(base, figure(10.5, 13, 14), 0.05) == "same"  # they overlap
    assert compare.verdict_of_records(base, figure(12, 13, 14), 0.5) == "same"  # by too little
    faster = figure(12, 13, 14, "x")
    assert compare.verdict_of_records(figure(9, 10, 11, "x"), faster, 0.05) == "better"
    assert compare.verdict_of_records(figure(1, 1, 1, "count"), figure(2, 2, 2), 0.05) is None
    assert compare.verdict_of_pairs([(1.1, 1.2, 1.3), (1.2, 1.3, 1.4)], 0.02) == "WORSE"
    assert compare.verdict_of_pairs([(0.7, 0.8, 0.9)] * 3, 0.02) == "better"
    assert compare.verdict_of_pairs([(1.1, 1.2, 1.3), (0.9, 1.2, 1.3)], 0.02) == "same"
    assert compare.verdict_of_pairs([(1.001, 1.01, 1.02)] * 3, 0.02) == "same"


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
