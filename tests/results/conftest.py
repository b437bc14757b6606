"""Results that others published, on real data that is no part of the project.

`CHAINRULE_DATA=FOLDER pytest -m slow` trains them all and prints what it measured;
docs/results.md says which files the folder holds.
"""

import os
import statistics
import types
from pathlib import Path

import numpy as np
import pytest


def read(name):
    """The arrays of a file in the folder of CHAINRULE_DATA; a skip where that is not given."""
    folder = os.environ.get("CHAINRULE_DATA")
    if not folder:
        pytest.skip("data are not given: CHAINRULE_DATA=FOLDER pytest -m slow (docs/results.md)")
    with np.load(Path(folder) / name) as file:
        return dict(file)


@pytest.fixture(scope="session")
def mnist():
    """`train` and `test`, pairs of images (rows of 784 bytes) and labels, in the original order."""
    arrays = read("mnist.npz")
    parts = {
        part: (arrays[f"x_{part}"].reshape(-1, 784), arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    }
    assert [len(labels) for _, labels in parts.values()] == [60_000, 10_000]
    return types.SimpleNamespace(**parts)


@pytest.fixture
def uci():
    """uci(name): the arrays of a regression set with its published splits."""
    return lambda name: read(f"uci_{name}.npz")


@pytest.fixture
def measured(record_property):
    """measured(text) notes a figure for the end of the run."""
    return lambda text: record_property("measured", text)


@pytest.fixture
def right(measured):
    """right(network, accuracies): their mean, noted with each seed's."""

    def mean(network, accuracies):
        each = ", ".join(f"{100 * accuracy:.2f}" for accuracy in accuracies)
        mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies)
        measured(f"{network}: {100 * mean:.2f} % right, deviation {100 * spread:.2f} ({each})")
        return mean

    return mean


def pytest_terminal_summary(terminalreporter):
    reports = [r for key in ("passed", "failed") for r in terminalreporter.stats.get(key, ())]
    figures = [text for r in reports for name, text in r.user_properties if name == "measured"]
    if figures:
        terminalreporter.section("measured")
        for text in figures:
            terminalreporter.write_line(text)
