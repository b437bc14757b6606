"""Run folders that lack a file, were cut off or changed, or hold another network's weights."""

import json
import shutil

import pytest

import chainrule as cr
from command_line import iris_csv

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
        (lambda m: m.update(inputs={"mean": [0, 0], "scale": [1, 1]}), "does not fit 4 inputs"),
        (lambda m: m.update(class_names=["a"]), "1 class names for 3 outputs"),
    ],
)
def test_a_model_json_that_was_changed(fails, iris, change, word):
    model = json.loads((iris / "model.json").read_text())
    change(model)
    (iris / "model.json").write_text(json.dumps(model))
    fails(["evaluate", iris], "model.json", word)
