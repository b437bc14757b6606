"""The benchmarks compute what they say: the same steps in every library, right statistics, whole
records. Nothing here judges a time."""

import importlib
import importlib.util
import os
import re
import subprocess
import sys

import numpy as np
import pytest

SMALL = {"relu, adam": ("adam", False, "relu"), "tanh, sgd": ("sgd", True, "tanh")}


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
