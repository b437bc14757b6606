"""Finished runs of the command line, trained once for all tests that read them; Ctrl-C; the batches
that a Trainer takes natively."""

import shutil
import signal

import pytest


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A finished classification and a finished regression, to be copied before they are changed."""
    from chainrule.__main__ import main

    folder = tmp_path_factory.mktemp("runs")
    for name in ("iris", "diabetes"):
        code = main(
            ["train", name, "--out", str(folder / name), "--epochs", "30", "--progress", "none"]
        )
        assert code == 0
    return folder


@pytest.fixture
def ctrl_c():
    """SIGINT interrupts, here and in processes started here, also where the tests themselves were
    started with it ignored, as a shell does for commands in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def iris(runs, tmp_path):
    return shutil.copytree(runs / "iris", tmp_path / "run")


@pytest.fixture
def fails(capsys):
    """fails(arguments, *words): the command fails with one line that holds the words; the standard
    output stays empty."""
    from chainrule.__main__ import main

    def check(arguments, *words, code=2):
        assert main([str(argument) for argument in arguments]) == code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert ": error: " in captured.err
        for word in words:
            assert str(word) in captured.err
        return captured.err

    return check


@pytest.fixture
def taken(monkeypatch):
    """How many batches each native call has taken."""
    import chainrule as cr

    counts, real = [], cr._core._replay_batches

    def replay_batches(*arguments):
        done, sums = real(*arguments)
        counts.append(done)
        return done, sums

    monkeypatch.setattr(cr._core, "_replay_batches", replay_batches)
    return counts
