"""The run folder: what `chainrule train` leaves and `predict` and `evaluate` read back.

model.safetensors   the weights
model.json          architecture, preprocessing, class names, data, options, versions
metrics.csv         one row an epoch
summary.json        flat: the test figures, best_epoch, epochs, seconds, seed, versions
curves.png, confusion.png or predictions.png

Nothing is pickled, so a folder from anywhere can be read without running code of its author's.
"""

import contextlib
import json
import os
import pathlib
import platform

import chainrule as cr

from .._atomic import atomic_write, write_text
from .._safetensors import load, save
from . import _mlp
from ._preprocess import Standardizer

# model.json in front: removed first and written last, it stands beside no weights but its own.
_FILES = ("model.json", "model.safetensors", "metrics.csv", "summary.json")
_PICTURES = {
    "classification": ("curves.png", "confusion.png"),
    "regression": ("curves.png", "predictions.png"),
}
_FORMAT = 1
_FIELDS = {
    "format": int,
    "task": str,
    "architecture": dict,
    "inputs": dict,
    "class_names": list,
    "feature_names": list,
    "data": dict,
    "options": dict,
    "versions": dict,
}


def _is_share(value):
    return type(value) in (int, float) and 0 < value < 1


# What `evaluate` reads of `data` and `options`: where, what it may be, and that in words.
_EVALUATED = {
    "name": ("data", lambda value: type(value) is str, "a string"),
    "rows": ("data", lambda value: type(value) is int, "an integer"),
    "validation": ("options", _is_share, "a number between 0 and 1"),
    "test": ("options", _is_share, "a number between 0 and 1"),
    "seed": ("options", lambda v: type(v) is int and 0 <= v < 2**31, "an integer from 0 on"),
    "data_dir": ("options", lambda v: v is None or type(v) is str, "a string or null"),
}


class RunError(ValueError):
    """A run folder that cannot be read or written; the message names the file and the reason."""


def versions():
    """What made the run."""
    import numpy

    return {
        "chainrule_version": str(cr.__version__),
        "numpy_version": numpy.__version__,
        "python_version": platform.python_version(),
    }


@contextlib.contextmanager
def folder_for_writing(folder):
    """Make the folder and prove that files can be written there, before any time is spent
    training. Folders made here that are still empty when the block ends are removed."""
    folder = pathlib.Path(folder)
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except FileExistsError:
            raise RunError(f"cannot write to {folder}: it is not a folder") from None
        except OSError as error:
            reason = error.strerror or error
            raise RunError(f"cannot write to the folder {folder}: {reason}") from None
        yield folder
    finally:
        with contextlib.suppress(OSError):  # the first that is not empty ends it
            for path in made:
                path.rmdir()


def free_folder(base):
    """base-1, base-2, ...: the first that does not exist."""
    number = 1
    while os.path.lexists(f"{base}-{number}"):
        number += 1
    return pathlib.Path(f"{base}-{number}")


def check_replaceable(folder, task, plots):
    """Raise RunError where a run for `task` would overwrite a file that is of no earlier run."""
    if _holds_run(folder):
        return
    for name in (*_FILES, *(_PICTURES[task] if plots else ())):
        if os.path.lexists(folder / name):
            raise RunError(
                "[train] expected a new folder, or one with a run of chainrule's to replace; "
                f"got {folder / name}, which is of no such run. Move it, or choose another --out."
            )


def _holds_run(folder):
    """Whether model.json is one of ours; what else of the run is there does not matter."""
    try:
        _check(_read_json(folder / "model.json"))
    except ValueError:
        return False
    return True


def write_model(folder, model, description):
    """The weights and what is needed to use them; `description` has the fields of model.json.

    An earlier run stays whole until the new weights are on the disk. KeyboardInterrupt says what
    the folder has then.
    """
    table = {"format": _FORMAT, **description, "versions": versions()}
    # One line a field: readable, where an indented list of 784 names would not be.
    lines = [f"  {json.dumps(name)}: {json.dumps(table[name], allow_nan=False)}" for name in table]
    weights, described = folder / "model.safetensors", folder / "model.json"
    earlier, removed = _holds_run(folder), False
    try:
        with atomic_write(weights) as file:
            save(model.state_dict(), file)
            file.flush()  # a full disk shows here
            if earlier:
                _remove_earlier(folder)
            removed = True
        write_text(described, "{\n" + ",\n".join(lines) + "\n}\n")
    except BaseException as error:
        whole = os.path.exists(described)
        if not whole:  # weights alone are no model, and a later run would not dare to replace them
            weights.unlink(missing_ok=True)
            if earlier:
                _remove_earlier(folder)
        if not isinstance(error, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt(_left(folder, earlier, removed, whole)) from None


def _remove_earlier(folder):
    """All of an earlier run, which may have been for another task, but the weights: they are
    replaced."""
    for name in (*_FILES, *_PICTURES["classification"], *_PICTURES["regression"]):
        if name != "model.safetensors":
            (folder / name).unlink(missing_ok=True)


def _left(folder, earlier, removed, whole):
    if whole and removed:
        return f"{folder} has the trained model, but not its figures and pictures"
    if earlier and not whole:
        return f"no model was written, and the earlier run in {folder} is removed"
    return "no model was written"


def write_summary(folder, summary):
    """summary.json; numbers that are not finite become null, which JSON can hold."""
    finite = {
        name: None if isinstance(value, float) and value - value != 0 else value
        for name, value in summary.items()
    }
    write_text(folder / "summary.json", json.dumps(finite | versions(), indent=2) + "\n")


def read_model(folder):
    """(model, description): the network with its weights, and model.json with `inputs` and `target`
    turned into Standardizers. A fault of theirs is a RunError that names the file; a network too
    large for this machine is a MemoryError."""
    folder = pathlib.Path(folder)
    try:
        reason = "it is a file" if folder.exists() else "no such folder"
        found = folder.is_dir()
    except OSError as error:
        reason, found = error.strerror or error, False
    if not found:
        raise RunError(f"cannot read the run folder {folder}: {reason}")
    table = _read_json(folder / "model.json")
    try:
        _check(table)
        table["inputs"] = Standardizer.from_dict(table["inputs"], "inputs.")
        target = table.get("target")
        table["target"] = None if target is None else Standardizer.from_dict(target, "target.")
        _check_consistent(table)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RunError(f"{folder / 'model.json'}: not a description of a model: {error}") from None
    model = _mlp.build(table["architecture"])
    state = _read_weights(folder / "model.safetensors")
    different = _mlp.state_matches(state, model)
    if different:
        raise RunError(
            f"{folder / 'model.safetensors'} does not fit the architecture in model.json: {different}"
        )
    model.load_state_dict(state)
    model.eval()
    return model, table


def _read_json(path):
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            f"{path.parent} lacks {path.name}: it is not a run folder, or not whole"
        ) from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON ({error})") from None
    if not isinstance(table, dict):
        raise RunError(f"{path}: expected a JSON object")
    return table


def _read_weights(path):
    try:
        state = load(path)
    except FileNotFoundError:
        raise RunError(
            f"{path.parent} lacks {path.name}: it is not a run folder, or not whole"
        ) from None
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise RunError(str(error)) from None
    if not isinstance(state, dict):
        raise RunError(f"{path}: expected a dict of tensors")
    return state


def _check(table):
    if table.get("format") != _FORMAT:
        raise ValueError(f"expected format {_FORMAT}; got {table.get('format')!r}")
    for name, kind in _FIELDS.items():
        if type(table.get(name)) is not kind:
            raise ValueError(f"{name!r} is missing or has the wrong type")
    if table["task"] not in ("classification", "regression"):
        raise ValueError(f"unknown task {table['task']!r}")
    for name in ("class_names", "feature_names"):
        if not all(type(item) is str for item in table[name]):
            raise ValueError(f"{name!r} holds something else than strings")
        if len(set(table[name])) < len(table[name]):
            raise ValueError(f"{name!r} holds a name twice")
    for name, (where, fits, words) in _EVALUATED.items():
        if name in table[where] and not fits(table[where][name]):
            raise ValueError(f"{name!r} in {where!r} must be {words}; got {table[where][name]!r}")
    _mlp.check(table["architecture"])


def _check_consistent(table):
    """The parts must agree with each other: a prediction must not fail, or mislead, halfway
    through."""
    inputs, outputs = table["architecture"]["inputs"], table["architecture"]["outputs"]
    if table["inputs"].mean.size not in (1, inputs) or len(table["feature_names"]) != inputs:
        raise ValueError(f"the preprocessing does not fit {inputs} inputs")
    if table["task"] == "classification" and len(table["class_names"]) != outputs:
        raise ValueError(f"{len(table['class_names'])} class names for {outputs} outputs")
    sizes = () if table["target"] is None else (table["target"].mean.size,)
    if table["task"] == "regression" and (sizes != (1,) or outputs != 1):
        raise ValueError("a regression needs one mean and scale of the target, and one output")
    if table["task"] == "classification" and sizes:
        raise ValueError("a classification has no target to scale")
