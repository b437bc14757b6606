"""One training run of the command line: data, split, standardising, network, Trainer, test
figures."""

import dataclasses
import os

import chainrule as cr

from .. import datasets
from .._trainer import Trainer
from ..utils.data import DataLoader, TensorDataset
from . import _metrics, _mlp, _split
from ._preprocess import Standardizer

# Name -> class in chainrule.optim, its settings where no others are given.
OPTIMIZERS = {
    "adam": ("Adam", {"lr": 1e-3}),
    "adamw": ("AdamW", {"lr": 1e-3}),
    "sgd": ("SGD", {"lr": 0.05, "momentum": 0.9}),
}

# What --help calls "by data set"; chosen on the validation parts of other seeds than 0 to 4.
_COMMON = {
    "hidden": [128, 64],
    "validation": 0.15,
    "epochs": 100,
    "dropout": 0.2,
    "weight_decay": 0.01,
}
_RECIPES = {
    "digits": {"batch_size": 32, "patience": 20, "dropout": 0.3, "weight_decay": 0.0},
    "iris": {"batch_size": 16, "patience": 40},
    "wine": {"batch_size": 16, "patience": 40},
    "breast-cancer": {"batch_size": 32, "patience": 40},
    "diabetes": {"batch_size": 32, "patience": 30},
    "fashion-mnist": {
        "hidden": [256, 128],
        "validation": 0.1,
        "epochs": 10,
        "batch_size": 128,
        "patience": 5,
        "dropout": 0.1,
        "weight_decay": 0.0,
    },
}


@dataclasses.dataclass
class Options:
    """The options of `chainrule train`; None means the data set's or the optimiser's own value."""

    dataset: str
    hidden: list[int] | None = None
    activation: str = "relu"
    optimizer: str = "adam"
    lr: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None  # 0: no early stopping
    weight_decay: float | None = None
    dropout: float | None = None
    validation: float | None = None
    test: float = 0.2
    seed: int = 0
    data_dir: str | None = None

    def resolved(self):
        """A copy with every value filled in, and a data_dir that holds from any folder."""
        chosen = _recipe(self.dataset) | {"lr": OPTIMIZERS[self.optimizer][1]["lr"]}
        data_dir = self.data_dir and os.path.abspath(self.data_dir)
        return dataclasses.replace(
            self,
            data_dir=data_dir,
            **{name: value for name, value in chosen.items() if getattr(self, name) is None},
        )


def _recipe(dataset):
    return _COMMON | _RECIPES[dataset]


def value_by_data_set(option):
    """(the usual value, {data set: its own where it has another})."""
    own = {dataset: _recipe(dataset)[option] for dataset in _RECIPES}
    return _COMMON[option], {name: value for name, value in own.items() if value != _COMMON[option]}


def setting_by_optimizer(name):
    """(the value of the usual optimiser, {optimiser: its own where it has another}); None: none."""
    values = {key: settings.get(name) for key, (_, settings) in OPTIMIZERS.items()}
    usual = values[Options.optimizer]
    return usual, {key: value for key, value in values.items() if value != usual}


@dataclasses.dataclass
class Prepared:
    """A data set divided and standardised: `parts` are (train, validation, test) TensorDatasets."""

    data: datasets.Data
    rows: tuple  # the row numbers of the parts
    parts: tuple
    inputs: Standardizer
    target: Standardizer | None  # regression only


def prepare(data, validation, test, seed, inputs=None, target=None):
    """Split and standardise; the statistics are the given ones, or the training rows'."""
    rows = _split.split_rows(data, validation, test, seed)
    for name, part in zip(("training", "validation", "test"), rows):
        if len(part) == 0:
            raise ValueError(
                f"[train] expected rows in the {name} part of {data.name!r}; got none. "
                "Change the fractions."
            )
    inputs = inputs or Standardizer.fit(data.x[rows[0]], shared=data.image_shape is not None)
    if data.task == "regression":
        target = target or Standardizer.fit(data.y[rows[0], None])
    parts = tuple(_tensors(data, part, inputs, target) for part in rows)
    return Prepared(data, rows, parts, inputs, target)


def _tensors(data, rows, inputs, target):
    x = cr.from_numpy(inputs.transform(data.x[rows]))
    if target is not None:
        return TensorDataset(x, cr.from_numpy(target.transform(data.y[rows, None])))
    return TensorDataset(x, cr.from_numpy(data.y[rows]))


def architecture(options, data):
    """What _mlp.build takes, for these options on this data set."""
    return {
        "inputs": data.x.shape[1],
        "hidden": list(options.hidden),
        "outputs": max(len(data.class_names), 1),
        "activation": options.activation,
        "dropout": options.dropout,
    }


def loss_name(task):
    """What the loss of make_trainer is, in words."""
    if task == "classification":
        return "cross-entropy"
    return "mean squared error of the standardised target"


def make_trainer(model, task, options=None, callbacks=()):
    """A Trainer for the task; without options, one that only evaluates and predicts."""
    from chainrule import nn, optim

    classification = task == "classification"
    loss = nn.CrossEntropyLoss() if classification else nn.MSELoss()
    optimizer = None
    if options is not None:
        kind, settings = OPTIMIZERS[options.optimizer]
        settings = settings | {"lr": options.lr, "weight_decay": options.weight_decay}
        optimizer = getattr(optim, kind)(model.parameters(), **settings)
    metrics = ["accuracy"] if classification else []
    return Trainer(model, loss, optimizer, metrics=metrics, callbacks=callbacks)


def fit(trainer, prepared, options):
    """Train; the History. The order of the samples depends on the seed alone."""
    generator = cr.Generator()
    generator.manual_seed(options.seed)
    train, validation, _ = prepared.parts
    loader = DataLoader(train, batch_size=options.batch_size, shuffle=True, generator=generator)
    return trainer.fit(loader, validation, epochs=options.epochs, patience=options.patience or None)


def measure(trainer, prepared):
    """(test figures, outputs): what the trained model does on the test part.

    Outputs are class scores (rows, classes), or values in the data set's own units (rows,).
    """
    data, part, rows = prepared.data, prepared.parts[2], prepared.rows[2]
    figures = {"test_loss": trainer.evaluate(part)["loss"]}
    outputs = predict(trainer, part.tensors[0], prepared.target)
    if data.task == "classification":
        figures["test_accuracy"] = _metrics.accuracy(outputs.argmax(1), data.y[rows])
    else:
        figures["test_r2"] = _metrics.r2_score(data.y[rows], outputs)
        figures["test_rmse"] = _metrics.rmse(data.y[rows], outputs)
    return figures, outputs


def predict(trainer, x, target=None):
    """Outputs for standardised inputs, as a NumPy array; values are put back into their units."""
    outputs = trainer.predict(x).numpy()
    return outputs if target is None else target.inverse(outputs)[:, 0]


def new_model(options, data):
    """A freshly initialised network; its weights depend on the seed alone."""
    cr.manual_seed(options.seed)
    return _mlp.build(architecture(options, data))
