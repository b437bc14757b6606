"""The command line's words: options, help, and what it refuses before anything is trained."""

import os

import pytest

import chainrule as cr
from chainrule.__main__ import main
from chainrule._cli import _mlp, _plots, _progress, _training
from command_line import QUICK, start

pytest.importorskip("sklearn")


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
        (["iris", "--out", ""], ["--out", "expected the name of a folder; got ''"]),
        (["iris", "--data-dir", ""], ["--data-dir", "expected the name of a folder; got ''"]),
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
def test_bad_options_are_one_line_and_exit_code_2(fails, tmp_path, arguments, words):
    out = ["--out", tmp_path / "run"] if arguments else []
    fails(["train", *out, *arguments], *words)
    assert not (tmp_path / "run").exists()


def test_bad_commands(fails):
    fails(["trian", "iris"], "trian", "train")
    fails([], "COMMAND")


def test_help_and_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chainrule {cr.__version__}\n"
    for arguments in (["--help"], ["train", "--help"], ["predict", "--help"]):
        assert main(arguments) == 0
        assert "usage: chainrule" in capsys.readouterr().out


def test_the_help_tells_the_values_that_a_run_takes(capsys, monkeypatch):
    monkeypatch.setitem(_training._COMMON, "hidden", [7])
    monkeypatch.setitem(_training._RECIPES["iris"], "hidden", [])
    monkeypatch.setitem(_training._RECIPES["wine"], "validation", 0.25)
    monkeypatch.setitem(_training.OPTIMIZERS, "sgd", ("SGD", {"lr": 0.5, "momentum": 0.75}))
    monkeypatch.setitem(_training.OPTIMIZERS, "quick", ("Adam", {"lr": 0.125}))
    assert main(["train", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for default in (
        "7; iris none; fashion-mnist 256,128",
        "0.15; wine 0.25; fashion-mnist 0.1",
        "0.001; sgd 0.5; quick 0.125",
    ):
        assert f"(default: {default})" in words
    assert "sgd has momentum 0.75 (default: adam)" in words
    assert "adam,adamw,sgd,quick" in words


@pytest.mark.parametrize("name", _training.OPTIMIZERS)
def test_every_optimizer_and_activation_can_be_made(name):
    options = _training.Options("iris", optimizer=name).resolved()
    for activation in _mlp.ACTIVATIONS:
        sizes = {"inputs": 2, "hidden": [3], "outputs": 1, "dropout": 0.0}
        model = _mlp.build(sizes | {"activation": activation})
        assert type(model[1]).__name__.lower() == activation
        optimizer = _training.make_trainer(model, "regression", options).optimizer
        assert type(optimizer).__name__.lower() == name
        assert optimizer.param_groups[0].get("momentum", 0.9) == 0.9


def test_python_m_chainrule(tmp_path):
    process = start(["train", "digit"])
    out, error = process.communicate(timeout=120)
    assert process.returncode == 2
    assert out == ""
    assert error.startswith("chainrule train: error: ")
    assert error.count("\n") == 1


def test_half_an_option_is_no_option(fails, tmp_path):
    fails(["train", "iris", "--out", tmp_path / "r", "--epoch", "3"], "did you mean --epochs?")


def test_missing_extras_are_named(fails, monkeypatch, tmp_path):
    monkeypatch.setattr(_plots.importlib.util, "find_spec", lambda name: None)
    fails(
        ["train", "iris", "--out", tmp_path / "r"],
        'pip install "chainrule[plot]"',
        "--no-plots",
    )
    arguments = ["train", "iris", "--out", tmp_path / "r", "--no-plots", "--progress", "bar"]
    fails(arguments, 'pip install "chainrule[cli]"')
    assert isinstance(_progress.callback("auto"), _progress.Plain)
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_written(fails, tmp_path):
    (tmp_path / "file").write_text("")
    fails(
        ["train", "iris", "--out", tmp_path / "file" / "run", *QUICK],
        "cannot write",
        "file",
    )
    fails(["train", "iris", "--out", tmp_path / "file", *QUICK], "cannot write", "not a folder")
    fails(["train", "iris", "--out", "/proc/run", *QUICK], "cannot write", "/proc/run")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(fails, tmp_path):
    tmp_path.chmod(0o500)
    fails(["train", "iris", "--out", tmp_path, *QUICK], "Permission denied")
