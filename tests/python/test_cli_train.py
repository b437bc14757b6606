"""`chainrule train`: what a run leaves, which options reach it, and how it ends."""

import csv
import itertools
import json
import math
import os
import signal
import struct
import sys

import pytest

import chainrule as cr
from chainrule import _history, _step
from chainrule.__main__ import main
from chainrule._cli import _main, _plots, _training
from command_line import QUICK, start

pytest.importorskip("sklearn")


def test_a_classification_leaves_everything(runs):
    folder = runs / "iris"
    assert sorted(os.listdir(folder)) == [
        *("confusion.png", "curves.png", "metrics.csv"),
        *("model.json", "model.safetensors", "summary.json"),
    ]
    summary = json.loads((folder / "summary.json").read_text())
    assert not any(isinstance(value, dict | list) for value in summary.values())
    assert summary["test_accuracy"] > 0.8
    assert 1 <= summary["best_epoch"] <= summary["epochs"] == 30
    assert summary["seed"] == 0
    assert summary["seconds"] > 0
    assert summary["chainrule_version"] == cr.__version__
    assert {"test_loss", "numpy_version", "python_version"} <= summary.keys()
    with open(folder / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 31))
    best = min(rows, key=lambda row: float(row["val_loss"]))
    assert int(best["epoch"]) == summary["best_epoch"]
    model = json.loads((folder / "model.json").read_text())
    assert model["class_names"] == ["setosa", "versicolor", "virginica"]
    assert model["architecture"]["hidden"] == [128, 64]
    state = cr.load(folder / "model.safetensors")
    assert state["0.weight"].shape == (128, 4)


def test_a_regression_leaves_everything(runs):
    names = os.listdir(runs / "diabetes")
    assert "predictions.png" in names
    assert "confusion.png" not in names
    summary = json.loads((runs / "diabetes" / "summary.json").read_text())
    assert {"test_r2", "test_loss", "test_rmse"} <= summary.keys()
    assert "test_accuracy" not in summary


@pytest.mark.parametrize("name", ["iris/curves", "iris/confusion", "diabetes/predictions"])
def test_pictures_are_png_of_a_sensible_size(runs, name):
    head = (runs / f"{name}.png").read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:24])
    assert 600 <= width <= 3000
    assert 500 <= height <= 3000


def drawn(monkeypatch, tmp_path, *arguments):
    """The axes of curves.png and the entries of their legends."""
    from matplotlib.figure import Figure

    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    options = ["--out", str(tmp_path), "--progress", "none"]
    assert main(["train", *arguments, *options]) == 0
    return [
        (axes, [text.get_text() for text in axes.get_legend().get_texts()])
        for axes in figures[0].axes
    ]


@pytest.mark.parametrize("epochs", ["1", "20"])
def test_curves_name_their_loss_and_cover_nothing(monkeypatch, tmp_path, epochs):
    (loss, entries), (accuracy, _) = drawn(monkeypatch, tmp_path, "iris", "--epochs", epochs)
    scale = " (logarithmic)" if loss.get_yscale() == "log" else ""
    assert loss.get_ylabel() == "cross-entropy" + scale
    assert entries[:2] == ["training", "validation"]
    assert entries[2].startswith("kept: epoch")
    for axes in (loss, accuracy):
        legend = axes.get_legend().get_window_extent()
        assert not legend.overlaps(axes.get_window_extent())
        rings = [line for line in axes.lines if line.get_markersize() == 9]
        assert all(line.get_markerfacecolor() == "none" for line in rings)
    ((loss, _),) = drawn(monkeypatch, tmp_path, "diabetes", "--epochs", epochs)
    assert loss.get_ylabel().startswith("mean squared error\nof the standardised target")


@pytest.mark.parametrize("low", [0.03, 4e-4, 1e-8, 1e-20, 1e-40])
def test_labels_of_a_logarithmic_loss_do_not_overlap(monkeypatch, tmp_path, low):
    from matplotlib.figure import Figure

    history = _history.History()
    history.rows = [{"epoch": 1, "train_loss": 3.0}, {"epoch": 2, "train_loss": low}]
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    _plots.curves(tmp_path / "curves.png", history, "title", "loss")
    (figure,) = figures
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    labels = [tick.label1 for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    assert len(boxes) >= 3
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(boxes))


def test_the_same_seed_gives_the_same_weights(tmp_path):
    def weights(name, seed):
        out = str(tmp_path / name)
        assert main(["train", "iris", "--out", out, "--seed", str(seed), *QUICK]) == 0
        return (tmp_path / name / "model.safetensors").read_bytes()

    first = weights("a", 1)
    cr.rand(3)
    assert weights("b", 1) == first
    assert weights("c", 2) != first


def test_options_reach_the_network(capsys, tmp_path):
    arguments = ["--hidden", "7", "--activation", "tanh", "--dropout", "0.5"]
    arguments += ["--optimizer", "sgd", "--lr", "0.01"]
    assert main(["train", "wine", "--out", str(tmp_path), *arguments, *QUICK]) == 0
    model = json.loads((tmp_path / "model.json").read_text())
    assert model["architecture"] == {
        "inputs": 13,
        "hidden": [7],
        "outputs": 3,
        "activation": "tanh",
        "dropout": 0.5,
    }
    assert model["options"]["lr"] == 0.01
    assert main(["train", "wine", "--out", str(tmp_path), "--hidden", "none", *QUICK]) == 0
    assert set(cr.load(tmp_path / "model.safetensors")) == {"0.weight", "0.bias"}
    words = capsys.readouterr().err
    assert "network 13-7-3 tanh, 122 parameters" in words
    assert "network 13-3, 42 parameters" in words


def test_default_folders_are_new_each_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert main(["train", "iris", *QUICK]) == 0
        assert f"run folder: {os.path.join('runs', f'iris-{number}')}\n" in capsys.readouterr().out
    assert sorted(os.listdir("runs")) == ["iris-1", "iris-2"]


def diverges(tmp_path, *arguments):
    out = str(tmp_path / "new" / "run")
    quiet = ["--epochs", "50", "--no-plots", "--progress", "none"]
    return main(["train", *arguments, "--optimizer", "sgd", "--out", out, *quiet])


def test_divergence_in_the_first_epoch_leaves_nothing(capsys, tmp_path):
    assert diverges(tmp_path, "diabetes", "--lr", "100") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "expected a finite loss; got" in captured.err
    assert "in epoch 1 " in captured.err
    assert "Nothing was written: no epoch was finished" in captured.err
    assert "Traceback" not in captured.err
    assert os.listdir(tmp_path) == []


def test_divergence_later_keeps_the_run_and_is_said_first(capfd, monkeypatch, tmp_path):
    run = _step.Step.__call__

    def third_epoch_fails(step, inputs, targets):
        if len(step._trainer.history) == 2:
            raise _step.NotFinite(math.inf)
        return run(step, inputs, targets)

    monkeypatch.setattr(_step.Step, "__call__", third_epoch_fails)
    monkeypatch.setattr("sys.stdout", sys.stderr)  # one order for both
    assert diverges(tmp_path, "iris") == 1
    error = capfd.readouterr().err
    assert error.index("expected a finite loss; got inf in epoch 3") < error.index("test_accuracy")
    summary = json.loads((tmp_path / "new" / "run" / "summary.json").read_text())
    assert summary["stopped"] == "diverged"
    assert 1 <= summary["best_epoch"] <= 2
    state = cr.load(tmp_path / "new" / "run" / "model.safetensors")
    assert all(bool(cr.isfinite(value).all()) for value in state.values())


def test_what_is_kept_is_said(capsys):
    history = _history.History()
    for stopped, best, kept in (
        ("interrupted", 0, "interrupted; kept the weights of the unfinished first epoch"),
        (None, 3, "stopped; kept the weights of epoch 3"),
    ):
        history.stopped, history.best_epoch = stopped, best
        _main._tell({}, history, _training.Options("iris"), "run")
        assert capsys.readouterr().err == kept + "\n"


def test_the_loss_is_named(capsys, tmp_path):
    for name, loss in (
        ("iris", "cross-entropy"),
        ("diabetes", "mean squared error of the standardised target"),
    ):
        assert main(["train", name, "--out", str(tmp_path), *QUICK]) == 0
        assert f"\nloss: {loss}\n" in capsys.readouterr().err
    assert main(["train", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "mean squared error of the standardised target" in text


def test_progress_lines(capsys, tmp_path):
    arguments = ["train", "iris", "--out", str(tmp_path), "--epochs", "2", "--no-plots"]
    assert main([*arguments, "--progress", "plain"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2
    for word in ("training: loss", "accuracy", "validation: loss", "samples/s"):
        assert word in lines[0]
    pytest.importorskip("tqdm")
    assert main([*arguments, "--progress", "bar"]) == 0
    error = capsys.readouterr().err
    assert "epoch 2/2" in error
    assert all("epoch" in frame for frame in error.split("\r") if "samples/s" in frame)
    assert "samples/s" in error
    assert "accuracy" in error


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_the_best_weights_and_says_where(tmp_path):
    arguments = [
        "train",
        "digits",
        "--epochs",
        "100000",
        "--patience",
        "0",
        "--out",
        tmp_path / "run",
    ]
    process = start([*arguments, "--progress", "plain"])
    for line in process.stderr:  # wait for real epochs
        if line.startswith("epoch") and "     3/" in line:
            break
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "interrupted; kept the weights of epoch" in error
    assert f"run folder: {tmp_path / 'run'}" in out
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["stopped"] == "interrupted"
    assert 1 <= summary["best_epoch"] <= summary["epochs"]
    assert {"curves.png", "confusion.png"} <= set(os.listdir(tmp_path / "run"))
    assert main(["evaluate", str(tmp_path / "run")]) == 0


def test_a_run_in_the_folder_of_an_earlier_one_leaves_no_old_pictures(iris):
    assert (iris / "confusion.png").exists()
    assert main(["train", "diabetes", "--out", str(iris), *QUICK]) == 0
    assert not list(iris.glob("*.png"))


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("datasets.load", "no model was written"),
        ("_training.prepare", "no model was written"),
        ("_run.write_model", "no model was written"),
        ("_training.measure", "has the trained model, but not all of its figures"),
    ],
)
def test_ctrl_c_outside_the_training(capsys, monkeypatch, tmp_path, at, left):
    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(f"chainrule._cli._main.{at}", interrupted)
    folder = tmp_path / "new" / "run"
    (tmp_path / "empty").mkdir()
    assert main(["train", "iris", "--out", str(folder), *QUICK]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("chainrule: error: interrupted; ")
    assert left in captured.err
    kept = ["metrics.csv", "model.json", "model.safetensors"] if "has" in left else []
    assert [path.name for path in sorted(tmp_path.glob("new/run/*"))] == kept
    assert sorted(os.listdir(tmp_path)) == (["empty", "new"] if kept else ["empty"])
