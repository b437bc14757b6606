"""Small data, and trainers on it, that several test files use."""

import numpy as np

import chainrule as cr
from chainrule import nn, optim


def line(n=64, seed=0):
    """y = 2 x - 1 with three inputs that matter and no noise."""
    x = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    y = (x @ np.array([[2.0], [-1.0], [0.5]]) - 1).astype(np.float32)
    return cr.from_numpy(x), cr.from_numpy(y)


def blobs(n=90, seed=0):
    """Three classes around three points."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    x = np.array([[0, 4], [4, 0], [-4, -4]])[y] + rng.normal(size=(n, 2))
    return cr.from_numpy(x.astype(np.float32)), cr.from_numpy(y)


def linear_trainer(lr=0.05, **options):
    cr.manual_seed(0)
    model = nn.Linear(3, 1)
    return cr.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=lr), **options)


def weights(model):
    return {name: value.tolist() for name, value in model.state_dict().items()}


class Recorder(cr.Callback):
    def __init__(self):
        self.progress, self.weights, self.events = [], [], []

    def on_fit_begin(self, trainer, epochs):
        self.events.append(("begin", epochs))

    def on_progress(self, trainer, progress):
        self.progress.append(progress)

    def on_epoch_end(self, trainer, row):
        self.weights.append(weights(trainer.model))

    def on_fit_end(self, trainer, history):
        self.events.append(("end", history.stopped))


def overfitting(**options):
    """A trainer whose validation loss is least in epoch 3: the targets of validation turn away."""
    losses = iter([5.0, 4.0, 3.0, 3.5, 3.2, 3.1, 9.0, 2.0, 2.0, 2.0])
    trainer = linear_trainer(**options)
    real = trainer.evaluate
    trainer.evaluate = lambda data, **more: real(data, **more) | {"loss": next(losses)}
    return trainer


def network(dropout=0.0, seed=0):
    cr.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def classifier(model=None, lr=0.05, optimizer=None, **options):
    model = model or network()
    optimizer = optimizer or optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    options = {"metrics": ["accuracy"]} | options
    return cr.Trainer(model, nn.CrossEntropyLoss(), optimizer, **options)


def figures(history):
    """What of a history is no time."""
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "samples_per_second")}
        for row in history
    ]


def both(make, fit):
    """What `fit` leaves, captured and eager: (figures, weights, state of the optimizer, generator)."""
    results = []
    for compile in (True, False):
        trainer = make(compile=compile)
        try:
            fit(trainer)
        except (FloatingPointError, IndexError) as error:
            results.append(str(error))
        state = [
            {name: value.tolist() for name, value in entries.items() if value is not None}
            for entries in trainer.optimizer.state.values()
        ]
        results.append(
            (figures(trainer.history), weights(trainer.model), state, cr.get_rng_state().tolist())
        )
    half = len(results) // 2
    return results[:half], results[half:]


class WritesItsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = network()

    def forward(self, x):
        return self.inner(x.mul_(0.5))


def check_that_data_stay(x, y, shuffle=True, **options):
    """A model that writes into its batches leaves the data as they are, captured and eager."""
    before = x.tolist()
    captured, eager = both(
        lambda **more: classifier(WritesItsInput(), **options, **more),
        lambda t: t.fit((x, y), epochs=2, batch_size=8, shuffle=shuffle),
    )
    assert captured == eager
    assert x.tolist() == before
