"""The command line, in this process and as a subprocess: what it leaves, reads back and refuses."""

import csv
import json
import os
import shutil
import signal
import struct
import subprocess
import sys

import pytest

import chainrule as cr
from chainrule import _cli, _plots, _progress
from chainrule.__main__ import main

pytest.importorskip("sklearn")

QUICK = ["--epochs", "3", "--no-plots", "--progress", "none"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A finished classification and a finished regression, to be copied before they are changed."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("iris", "diabetes"):
        code = main(
            ["train", name, "--out", str(folder / name), "--epochs", "30", "--progress", "none"]
        )
        assert code == 0
    return folder


@pytest.fixture
def iris(runs, tmp_path):
    return shutil.copytree(runs / "iris", tmp_path / "run")


def fails(capsys, arguments, *words, code=2):
    """The command fails with one line that holds the words; the standard output stays empty."""
    assert main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert ": error: " in captured.err
    for word in words:
        assert str(word) in captured.err
    return captured.err


# ---- what a run leaves


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


def test_the_same_seed_gives_the_same_weights(tmp_path):
    def weights(name, seed):
        out = str(tmp_path / name)
        assert main(["train", "iris", "--out", out, "--seed", str(seed), *QUICK]) == 0
        return (tmp_path / name / "model.safetensors").read_bytes()

    first = weights("a", 1)
    cr.rand(3)
    assert weights("b", 1) == first
    assert weights("c", 2) != first


def test_options_reach_the_network(tmp_path):
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


def test_default_folders_are_new_each_time(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert main(["train", "iris", *QUICK]) == 0
        assert f"run folder: {os.path.join('runs', f'iris-{number}')}\n" in capsys.readouterr().out
    assert sorted(os.listdir("runs")) == ["iris-1", "iris-2"]


# ---- reading back


def test_evaluate_repeats_the_test_figures(runs, capsys):
    for name in ("iris", "diabetes"):
        assert main(["evaluate", str(runs / name)]) == 0
        lines = dict(line.split() for line in capsys.readouterr().out.splitlines())
        summary = json.loads((runs / name / "summary.json").read_text())
        for figure, value in lines.items():
            assert float(value) == pytest.approx(summary[figure], abs=1e-6)


def iris_csv(path, header=True, rows=150):
    from sklearn.datasets import load_iris

    data = load_iris()
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(data.feature_names)
        writer.writerows(data.data[:rows].tolist())
    return data.target[:rows]


@pytest.mark.parametrize("header", [True, False])
def test_predict_classes(runs, tmp_path, capsys, header):
    labels = iris_csv(tmp_path / "x.csv", header)
    assert main(["predict", str(runs / "iris"), str(tmp_path / "x.csv"), "--probabilities"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    names = ["setosa", "versicolor", "virginica"]
    right = [row["prediction"] == names[label] for row, label in zip(rows, labels, strict=True)]
    assert sum(right) > 0.9 * len(right)
    for row in rows:
        shares = {name: float(row[name]) for name in names}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert shares[row["prediction"]] == max(shares.values()) == float(row["probability"])


def test_predict_takes_named_columns_in_any_order(runs, tmp_path, capsys):
    iris_csv(tmp_path / "x.csv", rows=20)
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.reader(file))
    with open(tmp_path / "y.csv", "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([["n", *row[::-1]] for row in rows])
    answers = []
    for name in ("x.csv", "y.csv"):
        assert main(["predict", str(runs / "iris"), str(tmp_path / name)]) == 0
        answers.append(capsys.readouterr().out)
    assert answers[0] == answers[1]
    assert answers[0].count("\n") == 21


def test_predict_values_in_their_units(runs, tmp_path, capsys):
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    (tmp_path / "x.csv").write_text("\n".join(",".join(map(str, row)) for row in data.data[:50]))
    assert main(["predict", str(runs / "diabetes"), str(tmp_path / "x.csv")]) == 0
    values = [float(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert len(values) == 50
    assert 80 < sum(values) / 50 < 220


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["digit"], ["Did you mean 'digits'"]),
        (["nothing-like-it"], ["expected one of digits, iris"]),
        (["iris", "--lr", "0"], ["--lr", "> 0", "<= 100", "'0'"]),
        (["iris", "--lr", "-1"], ["--lr", "> 0"]),
        (["iris", "--lr", "nan"], ["--lr", "'nan'"]),
        (["iris", "--lr", "inf"], ["--lr", "'inf'"]),
        (["iris", "--lr", "fast"], ["--lr", "'fast'"]),
        (["iris", "--epochs", "0"], ["--epochs", "from 1 to"]),
        (["iris", "--epochs", "2.5"], ["--epochs", "'2.5'"]),
        (["iris", "--batch-size", "0"], ["--batch-size", "from 1 to"]),
        (["iris", "--weight-decay", "-0.1"], ["--weight-decay", ">= 0"]),
        (["iris", "--dropout", "1"], ["--dropout", ">= 0 and < 1"]),
        (["iris", "--threads", "0"], ["--threads", "from 1 to 1024"]),
        (["iris", "--seed", "-1"], ["--seed", "from 0 to"]),
        (["iris", "--patience", "-1"], ["--patience", "from 0 to"]),
        (["iris", "--validation", "0.9"], ["--validation", "<= 0.5"]),
        (["iris", "--hidden", "128,x"], ["--hidden", "128,64, or none", "'128,x'"]),
        (["iris", "--hidden", "0"], ["--hidden", "from 1 to 65536"]),
        (["iris", "--hidden", ""], ["--hidden"]),
        (["iris", "--activation", "swish"], ["--activation", "relu"]),
        (["iris", "--optimizer", "adamm"], ["--optimizer", "adam"]),
        (["iris", "--progress", "loud"], ["--progress", "plain"]),
        (["iris", "--epoch-count", "3"], ["--epoch-count"]),
        (["iris", "--lrr", "3"], ["did you mean --lr?"]),
        (["iris", "--lr"], ["--lr", "expected one argument"]),
        ([], ["DATASET"]),
        (["iris", "--data-dir", "/"], ["scikit-learn ships"]),
        (["fashion-mnist", "--data-dir", "/none"], ["/none", "--data-dir DIR", "apt-get install"]),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(capsys, tmp_path, arguments, words):
    out = ["--out", tmp_path / "run"] if arguments else []
    fails(capsys, ["train", *arguments, *out], *words)
    assert not (tmp_path / "run").exists()


def test_bad_commands(capsys):
    fails(capsys, ["trian", "iris"], "trian", "train")
    fails(capsys, [], "COMMAND")


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {cr.__version__}\n"
    for arguments in (["--help"], ["train", "--help"], ["predict", "--help"]):
        assert main(arguments) == 0
        assert "usage: chainrule" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    fails(
        capsys,
        ["train", "iris", "--out", tmp_path / "file" / "run", *QUICK],
        "cannot write",
        "file",
    )
    fails(capsys, ["train", "iris", "--out", tmp_path / "file", *QUICK], "cannot write")
    fails(capsys, ["train", "iris", "--out", "/proc/run", *QUICK], "cannot write", "/proc/run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(capsys, tmp_path):
    tmp_path.chmod(0o500)
    fails(capsys, ["train", "iris", "--out", tmp_path, *QUICK], "Permission denied")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_run_folders_that_cannot_be_read(capsys, iris, tmp_path, command):
    iris_csv(tmp_path / "x.csv")
    more = [tmp_path / "x.csv"] if command == "predict" else []
    fails(capsys, [command, tmp_path / "none", *more], "no such folder", tmp_path / "none")
    fails(capsys, [command, tmp_path / "x.csv", *more], "it is a file")
    (tmp_path / "empty").mkdir()
    fails(capsys, [command, tmp_path / "empty", *more], "lacks model.json")
    weights = (iris / "model.safetensors").read_bytes()
    (iris / "model.safetensors").unlink()
    fails(capsys, [command, iris, *more], "lacks model.safetensors")
    (iris / "model.safetensors").write_bytes(weights[:-5])
    fails(capsys, [command, iris, *more], "model.safetensors", "truncated")
    (iris / "model.safetensors").write_bytes(weights[:3])
    fails(capsys, [command, iris, *more], "model.safetensors", "3 bytes")
    (iris / "model.safetensors").write_bytes(weights)
    (iris / "model.json").write_text('{"format": 1, ')
    fails(capsys, [command, iris, *more], "model.json: not JSON")


def test_the_weights_of_another_architecture(capsys, runs, iris):
    shutil.copy(runs / "diabetes" / "model.safetensors", iris)
    fails(capsys, ["evaluate", iris], "0.weight has the shape (128, 10); expected (128, 4)")
    cr.save({"0.weight": cr.zeros(3, 4), "0.bias": cr.zeros(3)}, iris / "model.safetensors")
    fails(capsys, ["evaluate", iris], "lacks")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda m: m.pop("inputs"), "'inputs' is missing"),
        (lambda m: m.update(format=2), "expected format 1; got 2"),
        (lambda m: m.update(task="clustering"), "unknown task"),
        (lambda m: m["architecture"].update(activation="__import__"), "activation"),
        (lambda m: m["architecture"].update(hidden=[-1]), "layer sizes"),
        (lambda m: m["architecture"].update(hidden=[10**12]), "layer sizes"),
        (lambda m: m["architecture"].update(hidden="128"), "layer sizes"),
        (lambda m: m["architecture"].update(dropout=2), "dropout"),
        (lambda m: m["inputs"].update(mean=[0.0, 1.0]), "equal length"),
        (lambda m: m["inputs"].update(mean="x"), "not a description"),
        (lambda m: m["inputs"].pop("scale"), "scale"),
        (lambda m: m.update(inputs={"mean": [0, 0], "scale": [1, 1]}), "does not fit 4 inputs"),
        (lambda m: m.update(class_names=["a"]), "1 class names for 3 outputs"),
    ],
)
def test_a_model_json_that_was_changed(capsys, iris, change, word):
    model = json.loads((iris / "model.json").read_text())
    change(model)
    (iris / "model.json").write_text(json.dumps(model))
    fails(capsys, ["evaluate", iris], "model.json", word)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no rows"]),
        ("a,b,c,d\n", ["no rows"]),
        ("1,2,3\n", ["line 1", "expected 4 columns; got 3"]),
        ("1,2,3,4\n1,2,3,4,5\n", ["line 2", "got 5"]),
        ("1,2,3,4\n1,2,x,4\n", ["line 2, column 3", "'x'"]),
        ("1,2,3,4\n1,2,,4\n", ["line 2, column 3", "''"]),
        ("1,2,3,4\n\n1,2,nan,4\n", ["line 3, column 3", "finite"]),
        ("1,2,3,inf\n", ["line 1, column 4", "finite"]),
        ("sepal length (cm),b,c,d\n1,2,3,4\n", ["without sepal width (cm)"]),
        ("a,b\n1,2\n", ["got 2"]),
        (b"\xff\xfe\x00", ["UTF-8"]),
        (b"PK\x03\x04\x00\x00", ["x.csv"]),
    ],
)
def test_bad_csv(capsys, runs, tmp_path, text, words):
    content = text if isinstance(text, bytes) else text.encode()
    (tmp_path / "x.csv").write_bytes(content)
    fails(capsys, ["predict", runs / "iris", tmp_path / "x.csv"], "x.csv", *words)


def test_a_csv_that_is_not_there(capsys, runs, tmp_path):
    fails(capsys, ["predict", runs / "iris", tmp_path / "no.csv"], "cannot read", "No such file")
    fails(capsys, ["predict", runs / "iris", tmp_path], "cannot read", "directory")
    (tmp_path / "x.csv").write_text("1,2,3,4,5,6,7,8,9,10\n")
    arguments = ["predict", runs / "diabetes", tmp_path / "x.csv", "--probabilities"]
    fails(capsys, arguments, "regression")


def test_missing_extras_are_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(_plots.importlib.util, "find_spec", lambda name: None)
    fails(
        capsys,
        ["train", "iris", "--out", tmp_path / "r"],
        'pip install "chainrule[plot]"',
        "--no-plots",
    )
    arguments = ["train", "iris", "--out", tmp_path / "r", "--no-plots", "--progress", "bar"]
    fails(capsys, arguments, 'pip install "chainrule[cli]"')
    assert isinstance(_progress.callback("auto"), _progress.Plain)
    assert not (tmp_path / "r").exists()


def test_divergence_keeps_the_run_and_exits_with_1(capsys, tmp_path):
    arguments = ["train", "diabetes", "--lr", "100", "--optimizer", "sgd", "--out", str(tmp_path)]
    assert main([*arguments, "--epochs", "50", "--no-plots", "--progress", "none"]) == 1
    error = capsys.readouterr().err
    assert "expected a finite loss; got" in error
    assert "epoch" in error
    assert "Traceback" not in error
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["stopped"] == "diverged"
    state = cr.load(tmp_path / "model.safetensors")
    assert all(bool(cr.isfinite(value).all()) for value in state.values())


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
    assert "samples/s" in error
    assert "accuracy" in error


# ---- as a subprocess


def start(arguments, **options):
    command = [sys.executable, "-m", "chainrule", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_python_m_chainrule(tmp_path):
    process = start(["train", "digit"])
    out, error = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    assert error.startswith("chainrule train: error: ")
    assert error.count("\n") == 1


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


def test_ctrl_c_before_training(capsys, monkeypatch, tmp_path):
    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(_cli.datasets, "load", interrupted)
    fails(capsys, ["train", "iris", "--out", tmp_path / "r", *QUICK], "interrupted", code=130)
    assert not (tmp_path / "r").exists()


def test_a_pipe_that_closes_early(runs, tmp_path):
    iris_csv(tmp_path / "x.csv", header=False)
    (tmp_path / "x.csv").write_text((tmp_path / "x.csv").read_text() * 200)
    process = start(["predict", runs / "iris", tmp_path / "x.csv"])
    assert process.stdout.readline() == "prediction,probability\n"
    process.stdout.close()
    process.stdout = None
    _, error = process.communicate(timeout=120)
    assert error == ""
