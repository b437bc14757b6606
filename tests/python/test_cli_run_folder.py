"""Run folders that lack a file, were cut off or changed, or hold another network's weights; and what
`train` may replace in a folder."""

import json
import os
import shutil
import signal

import pytest

import chainrule as cr
from chainrule.__main__ import main
from chainrule._cli import _run
from command_line import QUICK, iris_csv

pytest.importorskip("sklearn")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_run_folders_that_cannot_be_read(fails, iris, tmp_path, command):
    iris_csv(tmp_path / "x.csv")
    more = [tmp_path / "x.csv"] if command == "predict" else []
    fails([command, tmp_path / "none", *more], "no such folder", tmp_path / "none")
    fails([command, tmp_path / "x.csv", *more], "it is a file")
    (tmp_path / "empty").mkdir()
    fails([command, tmp_path / "empty", *more], "lacks model.json")
    weights = (iris / "model.safetensors").read_bytes()
    (iris / "model.safetensors").unlink()
    fails([command, iris, *more], "lacks model.safetensors")
    (iris / "model.safetensors").write_bytes(weights[:-5])
    fails([command, iris, *more], "model.safetensors", "truncated")
    (iris / "model.safetensors").write_bytes(weights[:3])
    fails([command, iris, *more], "model.safetensors", "3 bytes")
    (iris / "model.safetensors").write_bytes(weights)
    (iris / "model.json").write_text('{"format": 1, ')
    fails([command, iris, *more], "model.json: not JSON")


def test_the_weights_of_another_architecture(fails, runs, iris):
    shutil.copy(runs / "diabetes" / "model.safetensors", iris)
    fails(["evaluate", iris], "0.weight has the shape (128, 10); expected (128, 4)")
    cr.save({"0.weight": cr.zeros(3, 4), "0.bias": cr.zeros(3)}, iris / "model.safetensors")
    fails(["evaluate", iris], "lacks")


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
        (lambda m: m["inputs"]["scale"].__setitem__(1, 1e-320), "inputs.scale[1] from 1.18e-38"),
        (lambda m: m["inputs"]["mean"].__setitem__(3, -1e308), "inputs.mean[3] from -3.4e+38"),
        (lambda m: m.update(target={"mean": [0], "scale": [1e39]}), "target.scale[0]"),
        (lambda m: m.update(inputs={"mean": [0, 0], "scale": [1, 1]}), "does not fit 4 inputs"),
        (lambda m: m["inputs"]["mean"].__setitem__(0, 10**400), "not a description"),
        (lambda m: m.update(class_names=["a"]), "1 class names for 3 outputs"),
        (lambda m: m.update(class_names=["a", 2, "c"]), "'class_names' holds something else"),
        (lambda m: m.update(feature_names=[1, 2, 3, 4]), "'feature_names' holds something else"),
        (lambda m: m.update(class_names=["a", "b", "a"]), "'class_names' holds a name twice"),
        (lambda m: m.update(feature_names=["a", "b", "c", "a"]), "'feature_names' holds a name"),
        (lambda m: m.update(target=m["inputs"]), "a classification has no target"),
        (lambda m: m.update(target=0), "not a description"),
        (lambda m: m["data"].update(name=["iris"]), "'name' in 'data' must be a string"),
        (lambda m: m["data"].update(rows="150"), "'rows' in 'data' must be an integer"),
        (lambda m: m["options"].update(seed="0"), "'seed' in 'options' must be an integer"),
        (lambda m: m["options"].update(seed=-1), "'seed' in 'options' must be an integer"),
        (lambda m: m["options"].update(validation=[0.1]), "'validation' in 'options' must be"),
        (lambda m: m["options"].update(test=None), "'test' in 'options' must be a number"),
        (lambda m: m["options"].update(data_dir=3), "'data_dir' in 'options' must be a string"),
    ],
)
def test_a_model_json_that_was_changed(fails, iris, change, word):
    model = json.loads((iris / "model.json").read_text())
    change(model)
    (iris / "model.json").write_text(json.dumps(model))
    fails(["evaluate", iris], "model.json", word)
    iris_csv(iris / "x.csv")
    fails(["predict", iris, iris / "x.csv"], "model.json", word)


@pytest.mark.parametrize("target", [None, {}, {"mean": [0.0, 1.0], "scale": [1.0, 1.0]}])
def test_a_regression_needs_one_mean_and_scale(fails, runs, tmp_path, target):
    folder = shutil.copytree(runs / "diabetes", tmp_path / "run")
    model = json.loads((folder / "model.json").read_text()) | {"target": target}
    (folder / "model.json").write_text(json.dumps(model))
    fails(["evaluate", folder], "model.json: not a description")


def test_weights_by_names_of_several_types(fails, iris):
    weights = cr.load(iris / "model.safetensors")
    cr.save(weights | {1: cr.zeros(1), "a": cr.zeros(1)}, iris / "model.safetensors")
    fails(["evaluate", iris], "it adds 1, a")


def test_a_folder_of_a_name_that_no_folder_can_have(fails):
    fails(["evaluate", "x" * 5000], "cannot read the run folder", "too long")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        "model.json",
        "model.safetensors",
        "metrics.csv",
        "summary.json",
        "curves.png",
        "confusion.png",
    ],
)
@pytest.mark.parametrize("text", ["mine", '{"format": 1}'])
def test_a_file_of_no_run_is_not_overwritten(fails, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    fails(
        ["train", "iris", "--out", tmp_path, "--epochs", "1"], "[train] expected", tmp_path / name
    )
    assert contents(tmp_path) == before


def test_files_that_the_run_does_not_write_stay(tmp_path):
    names = ["curves.png", "confusion.png", "predictions.png", "notes.txt"]
    for name in names:
        (tmp_path / name).write_text("mine")
    assert main(["train", "iris", "--out", str(tmp_path), *QUICK]) == 0
    assert {(tmp_path / name).read_text() for name in names} == {"mine"}


def test_a_run_that_was_cut_off_is_replaced(iris):
    for name in ("model.safetensors", "summary.json", "metrics.csv"):
        (iris / name).unlink()
    assert main(["train", "iris", "--out", str(iris), *QUICK]) == 0
    assert main(["evaluate", str(iris)]) == 0


def interrupt(*_, **__):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("at", ["_training.fit", "_run.save"])
def test_an_earlier_run_stays_until_the_new_weights_are_written(capsys, monkeypatch, iris, at):
    before = contents(iris)
    monkeypatch.setattr(f"chainrule._cli.{at}", interrupt)
    assert main(["train", "diabetes", "--out", str(iris), *QUICK]) == 130
    assert capsys.readouterr().err.endswith("interrupted; no model was written\n")
    assert contents(iris) == before


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_between_the_weights_and_their_description(fails, capsys, monkeypatch, iris):
    def stop(path, _):
        assert os.listdir(path.parent) == ["model.safetensors"]  # nothing of the earlier run
        capsys.readouterr()
        fails(["evaluate", path.parent], "lacks model.json", "not whole")
        interrupt()

    monkeypatch.setattr(_run, "write_text", stop)
    assert main(["train", "diabetes", "--out", str(iris), *QUICK]) == 130
    error = capsys.readouterr().err
    assert error.endswith(f"no model was written, and the earlier run in {iris} is removed\n")
    assert not os.listdir(iris)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_right_after_the_model_is_whole(capsys, monkeypatch, iris):
    write = _run.write_text

    def write_and_stop(*arguments):
        write(*arguments)
        interrupt()

    monkeypatch.setattr(_run, "write_text", write_and_stop)
    assert main(["train", "diabetes", "--out", str(iris), *QUICK]) == 130
    assert f"{iris} has the trained model, but not its figures" in capsys.readouterr().err
    assert sorted(os.listdir(iris)) == ["model.json", "model.safetensors"]
    monkeypatch.undo()
    assert main(["evaluate", str(iris)]) == 0


def test_a_full_disk_leaves_the_earlier_run(monkeypatch, iris):
    def full(*_):
        raise OSError(28, "No space left on device", "model.safetensors")

    before = contents(iris)
    monkeypatch.setattr(_run, "save", full)
    assert main(["train", "diabetes", "--out", str(iris), *QUICK]) == 2
    assert contents(iris) == before
