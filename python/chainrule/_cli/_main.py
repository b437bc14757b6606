"""The command line: chainrule train | predict | evaluate.

A user's mistake is one line on standard error and exit code 2, a failed training exit code 1,
Ctrl-C exit code 130 after the run folder is written. Standard output carries results, standard
error the progress.
"""

import csv
import dataclasses
import os
import sys
import time

import chainrule as cr

from .. import datasets
from . import _mlp, _options, _plots, _progress, _run, _table, _training
from ._metrics import confusion_matrix

_USER_ERRORS = (_run.RunError, ValueError, ModuleNotFoundError, OSError, MemoryError)


def main(argv=None):
    """Run one command; returns the exit code."""
    parser, commands = _make_parser()
    try:
        options, rest = parser.parse_known_args(argv)
        own_parser, run = commands[options.command]
        if rest:  # reported by the subcommand's parser, which knows its own options
            own_parser.error(f"unrecognized arguments: {' '.join(rest)}")
        return run(options)
    except SystemExit as stop:  # argparse: --help, --version, a bad value
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except FloatingPointError as error:
        return _fail(error, 1)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _USER_ERRORS as error:
        return _fail(_sentence(error), 2)


def _make_parser():
    parser = _options.OneLineParser(
        prog="chainrule", description="Train feed-forward networks on real data."
    )
    parser.add_argument("--version", action="version", version=f"chainrule {cr.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    train = commands.add_parser(
        "train",
        help="train on a data set and leave a run folder",
        epilog="The run folder's model.json holds all options, also those by data set. Losses, also "
        "test_loss, are the cross-entropy or, for diabetes, the mean squared error of the "
        "standardised target; test_rmse is in the target's own units.",
    )
    _options.add_train(train)
    predict = commands.add_parser(
        "predict",
        help="predict the rows of a CSV with a trained network",
        epilog="A header that names all features gives the columns in any order; without one there "
        "is a column for each feature, in the order of the training data.",
    )
    predict.add_argument("run_dir", metavar="RUN_DIR", help="folder that train has left")
    predict.add_argument(
        "input",
        metavar="INPUT.csv",
        help="a row for each sample, in the data set's own units (diabetes: those of scikit-learn's "
        "load_diabetes(scaled=False))",
    )
    predict.add_argument(
        "--probabilities", action="store_true", help="add a column for each class (classification)"
    )
    _options.add_threads(predict)
    evaluate = commands.add_parser(
        "evaluate", help="measure a trained network on its test rows again"
    )
    evaluate.add_argument("run_dir", metavar="RUN_DIR", help="folder that train has left")
    evaluate.add_argument(
        "--data-dir",
        metavar="DIR",
        type=_options.folder,
        help="folder of Fashion-MNIST's four .gz files (default: as in the training)",
    )
    _options.add_threads(evaluate)
    return parser, {
        "train": (train, _train),
        "predict": (predict, _predict),
        "evaluate": (evaluate, _evaluate),
    }


# ---- train


def _train(given):
    names = {field.name for field in dataclasses.fields(_training.Options)}
    options = _training.Options(**{k: v for k, v in vars(given).items() if k in names}).resolved()
    if not given.no_plots:
        _plots.require("; --no-plots does without")
    callback = _progress.callback(given.progress)
    _set_threads(given.threads)
    try:
        data = datasets.load(options.dataset, options.data_dir)
        folder = given.out or _run.free_folder(os.path.join("runs", options.dataset))
        with _run.folder_for_writing(folder) as folder:
            _run.check_replaceable(folder, data.task, plots=not given.no_plots)
            prepared = _training.prepare(data, options.validation, options.test, options.seed)
            model = _training.new_model(options, data)
            trainer = _training.make_trainer(
                model, data.task, options, [callback] if callback else []
            )
            _announce(options, data, prepared, model)
            failure, seconds = _fit(trainer, prepared, options)
            if failure is not None and not trainer.history.best_epoch:
                why = "no epoch was finished, the weights are the initial random ones"
                return _fail(f"{failure} Nothing was written: {why}.", 1)
            _write_model(folder, trainer, prepared, options)
    except KeyboardInterrupt as stop:  # in front of the training, or again while its end is written
        return _fail(f"interrupted; {str(stop) or 'no model was written'}", 130)
    if failure is not None:  # said before the figures of the epoch that was kept
        _fail(failure, 1)
    try:
        figures = _write(folder, trainer, prepared, options, seconds, not given.no_plots)
    except KeyboardInterrupt:
        left = "has the trained model, but not all of its figures and pictures"
        return _fail(f"interrupted; {folder} {left}", 130)
    _tell(figures, trainer.history, options, folder)
    if failure is not None:
        return 1
    return 130 if trainer.history.stopped == "interrupted" else 0


def _fit(trainer, prepared, options):
    """(the error of a loss that was not finite or None, seconds)."""
    begin = time.perf_counter()
    failure = None
    try:
        _training.fit(trainer, prepared, options)
    except FloatingPointError as error:
        failure = error
    return failure, time.perf_counter() - begin


def _announce(options, data, prepared, model):
    sizes = " + ".join(f"{len(rows):,} {name}" for rows, name in zip(prepared.rows, _PARTS))
    shape = _mlp.describe(_training.architecture(options, data))
    count = _mlp.parameter_count(model)
    print(f"{data.name}: {sizes} rows; network {shape}, {count:,} parameters", file=sys.stderr)
    print(f"loss: {_training.loss_name(data.task)}", file=sys.stderr)


_PARTS = ("training", "validation", "test")


def _write_model(folder, trainer, prepared, options):
    data = prepared.data
    description = {
        "task": data.task,
        "architecture": _training.architecture(options, data),
        "inputs": prepared.inputs.to_dict(),
        "target": prepared.target and prepared.target.to_dict(),
        "class_names": data.class_names,
        "feature_names": data.feature_names,
        "data": {"name": data.name, "rows": len(data.y)},
        "options": dataclasses.asdict(options),
    }
    _run.write_model(folder, trainer.model, description)


def _write(folder, trainer, prepared, options, seconds, plots):
    """What the run folder has beside the model; returns the test figures."""
    history = trainer.history
    _run.write_text(folder / "metrics.csv", history.to_csv())
    figures, outputs = _training.measure(trainer, prepared)
    summary = {
        "dataset": prepared.data.name,
        **figures,
        "best_epoch": history.best_epoch,
        "epochs": len(history),
        "seconds": round(seconds, 3),
        "seed": options.seed,
        "stopped": history.stopped or "diverged",
    }
    _run.write_summary(folder, summary)
    if plots:
        _draw(folder, prepared, options, history, figures, outputs)
    return figures


def _draw(folder, prepared, options, history, figures, outputs):
    data, rows = prepared.data, prepared.rows[2]
    title = (
        f"{data.name}, {_mlp.describe(_training.architecture(options, data))}, seed {options.seed}"
    )
    if len(history):
        loss = _training.loss_name(data.task).replace(" of ", "\nof ")  # in two lines
        _plots.curves(folder / "curves.png", history, title, loss)
    if data.task == "classification":
        counts = confusion_matrix(data.y[rows], outputs.argmax(1), len(data.class_names))
        _plots.confusion(folder / "confusion.png", counts, data.class_names, f"{data.name}, test")
    else:
        title = f"{data.name}, test: R² {figures['test_r2']:.3f}, RMSE {figures['test_rmse']:.4g}"
        path = folder / "predictions.png"
        _plots.predictions(path, data.y[rows], outputs, data.target_name, title)


def _tell(figures, history, options, folder):
    reason = {
        "epochs": "all epochs done",
        "patience": f"no better validation loss for {options.patience} epochs",
        "interrupted": "interrupted",
    }.get(history.stopped, "stopped")
    kept = "the weights of the unfinished first epoch"
    if history.best_epoch:
        kept = f"the weights of epoch {history.best_epoch}"
    print(f"{reason}; kept {kept}", file=sys.stderr)
    print("  ".join(f"{name} {value:.4f}" for name, value in figures.items()))
    print(f"run folder: {folder}")


# ---- predict and evaluate


def _predict(given):
    _set_threads(given.threads)
    model, table = _run.read_model(given.run_dir)
    rows, lines = _table.read(given.input, table["feature_names"], table["inputs"].transform)
    classification = table["task"] == "classification"
    if given.probabilities and not classification:
        raise ValueError("--probabilities needs a classification; this run is a regression")
    trainer = _training.make_trainer(model, table["task"])
    outputs = _training.predict(trainer, cr.from_numpy(rows), table["target"])
    _table.require_finite(given.input, lines, outputs)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    if not classification:
        writer.writerow(["prediction"])
        writer.writerows([f"{value:.6g}"] for value in outputs)
        return 0
    names = table["class_names"]
    shares = cr.softmax(cr.from_numpy(outputs), 1).numpy()
    writer.writerow(["prediction", "probability", *(names if given.probabilities else [])])
    for share in shares:
        best = share.argmax()
        rest = [f"{value:.6f}" for value in share] if given.probabilities else []
        writer.writerow([names[best], f"{share[best]:.6f}", *rest])
    return 0


def _evaluate(given):
    _set_threads(given.threads)
    model, table = _run.read_model(given.run_dir)
    try:
        name, rows = table["data"]["name"], table["data"]["rows"]
        split = [table["options"][key] for key in ("validation", "test", "seed")]
        data_dir = given.data_dir or table["options"]["data_dir"]
    except KeyError as error:
        raise _run.RunError(f"{given.run_dir}/model.json lacks {error}") from None
    data = datasets.load(name, data_dir)
    if data.x.shape != (rows, table["architecture"]["inputs"]):
        raise _run.RunError(f"{name} has {data.x.shape[0]} rows now; the run was made with {rows}")
    prepared = _training.prepare(data, *split, inputs=table["inputs"], target=table["target"])
    trainer = _training.make_trainer(model, table["task"])
    figures, outputs = _training.measure(trainer, prepared)
    _require_finite(figures["test_loss"], outputs)
    for name, value in figures.items():
        print(f"{name} {value:.6f}")
    return 0


def _require_finite(loss, outputs):
    """An accuracy of outputs that are not finite would look like a result."""
    import numpy as np

    for what, values in (("finite outputs", outputs), ("a finite loss", loss)):
        for value in np.extract(~np.isfinite(values), values)[:1]:
            raise ValueError(
                f"[evaluate] expected {what} on the test rows; got {value}. "
                "The weights are damaged."
            )


def _set_threads(threads):
    if threads is not None:
        cr.set_num_threads(threads)


def _sentence(error):
    """The error in one line; of a file, its path and what the system says."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def _fail(message, code):
    print(f"chainrule: error: {message}", file=sys.stderr)
    return code
