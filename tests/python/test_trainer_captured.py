"""Trainer.fit with its step captured, batch after batch natively: the bits of a loop that one would
write."""

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import DataLoader, Subset, TensorDataset
from trainers import blobs, both, classifier, network, weights


def by_hand(model, optimizer, data, epochs, batch_size, order=None):
    """The loop that one would write: (mean loss, accuracy) of each epoch."""
    x, y = data
    rows = []
    for _ in range(epochs):
        places = cr.arange(len(x)) if order is None else order()
        loss_sum = right = 0.0
        for begin in range(0, len(x), batch_size):
            batch = places[begin : begin + batch_size]
            inputs, targets = x[batch], y[batch]
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = nn.functional.cross_entropy(outputs, targets)
            loss.backward()
            optimizer.step()
            n = len(batch)
            loss_sum += loss.item() * n
            right += (outputs.argmax(1) == targets).sum().item() / n * n
        rows.append((loss_sum / len(x), right / len(x)))
    return rows


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("batch_size", [4, 7, 90, 100])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_the_bits_of_a_loop_written_by_hand(taken, shuffle, batch_size, kind):
    data, settings = blobs(), {"lr": 0.01, "weight_decay": 0.01}
    model = network(dropout=0.3)
    optimizer = getattr(optim, kind)(model.parameters(), **settings)
    cr.manual_seed(5)  # the order and the dropout draw from one generator
    order = (lambda: cr.randperm(90)) if shuffle else None
    rows = by_hand(model, optimizer, data, 4, batch_size, order)

    trained = network(dropout=0.3)
    optimizer = getattr(optim, kind)(trained.parameters(), **settings)
    trainer = classifier(trained, optimizer=optimizer)
    cr.manual_seed(5)
    history = trainer.fit(data, epochs=4, batch_size=batch_size, shuffle=shuffle)
    assert list(zip(history["train_loss"], history["train_accuracy"])) == rows
    assert weights(trained) == weights(model)
    native = 4 * (90 // batch_size) - 3 - 4  # three are recorded, and each epoch begins in Python
    assert sum(taken) >= max(native, 0)


def test_data_sets_that_are_parts_of_others(taken):
    x, y = blobs()
    chosen = Subset(Subset(TensorDataset(x, y), list(range(80, 0, -1))), list(range(3, 70)))
    places = cr.arange(77, 10, -1)
    for loader in (
        DataLoader(chosen, batch_size=5, drop_last=True),
        DataLoader(TensorDataset(x[places], y[places]), batch_size=5, drop_last=True),
    ):
        trainer = classifier(compile=False)
        trainer.fit(TensorDataset(x[places][:65], y[places][:65]), batch_size=5, shuffle=False)
        captured = classifier()
        captured.fit(loader)
        assert weights(captured.model) == weights(trainer.model)
    assert sum(taken) > 200


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("lay", "natively"),
    [
        (lambda x: cr.cat([x, x], 1)[:, :2], "shuffled"),  # gaps between rows
        (lambda x: x.T.contiguous().T, "never"),  # and between the elements of one
        (lambda x: x[:1].expand(90, 2), "shuffled"),
        (lambda x: x.numpy()[::-1].copy(), "always"),
    ],
)
def test_tensors_of_any_layout(taken, lay, natively, shuffle):
    x, y = blobs()
    data = lay(x), y.int()
    captured, eager = both(
        classifier, lambda t: t.fit(data, epochs=3, batch_size=8, shuffle=shuffle)
    )
    assert captured == eager
    assert (sum(taken) > 20) == (natively == "always" or (natively == "shuffled" and shuffle))


def test_rows_of_many_bytes():
    cr.manual_seed(0)
    data = cr.randn(40, 3, 5000), cr.randint(0, 3, (40,))

    def make(**options):
        cr.manual_seed(0)
        return classifier(nn.Sequential(nn.Flatten(), nn.Linear(15000, 3)), **options)

    captured, eager = both(make, lambda t: t.fit(data, epochs=3, batch_size=6))
    assert captured == eager


def test_weights_that_are_tied():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.b.weight = self.a.weight
            self.out = nn.Linear(2, 3)

        def forward(self, x):
            return self.out(self.b(self.a(x).tanh()))

    def make(**options):
        cr.manual_seed(0)
        return classifier(Tied(), **options)

    captured, eager = both(make, lambda t: t.fit(blobs(), epochs=3, batch_size=8))
    assert captured == eager


def test_metrics_of_every_kind(taken):
    largest = {
        "tensor": lambda outputs, targets: outputs.max(),
        "number": lambda outputs, targets: len(targets) / 3,
        "whole": lambda outputs, targets: (outputs.argmax(1) == targets).sum(),
        "weight": lambda outputs, targets: trainers[-1].model[0].weight[0, 0],
    }
    trainers = []

    def make(**options):
        trainers.append(classifier(metrics=largest, **options))
        return trainers[-1]

    captured, eager = both(make, lambda t: t.fit(blobs(), blobs(30, 1), epochs=3, batch_size=8))
    assert captured == eager
    assert sum(taken) > 10


def test_early_stopping_and_the_best_weights(taken):
    x, y = blobs(40)
    held_out = x, (y + (cr.arange(40) > 20).long()) % 3
    captured, eager = both(
        lambda **options: classifier(lr=0.3, **options),
        lambda t: t.fit((x, y), held_out, epochs=60, batch_size=4, patience=3),
    )
    assert captured == eager
    assert 3 < len(captured[0][0]) < 60
    assert sum(taken) > 0


def test_plans_outlive_the_validation(taken):
    classifier(network(dropout=0.5)).fit(blobs(), blobs(30, 1), epochs=5, batch_size=8)
    # Of 11 whole batches the first is taken by Python; in the first epoch three are recorded.
    assert sum(taken) == 7 + 4 * 10


def test_plans_end_where_the_validation_leaves_something_else(taken):
    class Moves(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.dropout, self.times = network(), nn.Dropout(0.5), 1.0

        def forward(self, x):
            if how == "attribute" and not self.training:
                self.times *= 0.5
            return self.inner(self.dropout(x)) * self.times

    class Frozen(Moves):
        def train(self, mode=True):
            super().train(mode)
            if how == "train":
                self.dropout.eval()
                self.times = 2.0 - self.times
            return self

    for how in ("attribute", "train"):

        def make(how=how, **options):
            cr.manual_seed(0)
            return classifier(Moves() if how == "attribute" else Frozen(), **options)

        captured, eager = both(make, lambda t: t.fit(blobs(), blobs(30, 1), epochs=6, batch_size=8))
        assert captured == eager
        assert sum(taken) > 20
        taken.clear()
