"""Trainer: what it learns, what it keeps, and how it stops."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.utils.data import DataLoader, IterableDataset, TensorDataset
from trainers import Recorder, blobs, line, linear_trainer, overfitting, weights

# ---- learning


def test_a_regression_is_learnt():
    trainer = linear_trainer()
    history = trainer.fit(line(), line(20, seed=1), epochs=40, batch_size=8)
    assert history.stopped == "epochs"
    assert len(history) == 40
    assert history["epoch"] == list(range(1, 41))
    assert trainer.evaluate(line(20, seed=2))["loss"] < 1e-4
    np.testing.assert_allclose(trainer.model.weight.tolist(), [[2, -1, 0.5]], atol=0.02)
    assert trainer.predict(line(5)[0]).shape == (5, 1)


def test_a_classification_is_learnt():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    trainer = cr.Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"])
    history = trainer.fit(blobs(), blobs(30, seed=1), epochs=30)
    assert set(history.columns()) == {
        *("epoch", "lr", "seconds", "samples_per_second"),
        *("train_loss", "train_accuracy", "val_loss", "val_accuracy"),
    }
    assert history["val_accuracy"][-1] > 0.95
    figures = trainer.evaluate(blobs(30, seed=1))
    right = trainer.predict(blobs(30, seed=1)[0]).argmax(1) == blobs(30)[1]
    assert math.isclose(figures["accuracy"], right.sum().item() / 30)


def test_one_epoch_is_the_loop_one_would_write():
    x, y = line()
    trainer = linear_trainer()
    by_hand = nn.Linear(3, 1)
    by_hand.load_state_dict(trainer.model.state_dict())
    optimizer = optim.SGD(by_hand.parameters(), lr=0.05)
    losses = []
    for begin in range(0, 64, 10):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(by_hand(x[begin : begin + 10]), y[begin : begin + 10])
        loss.backward()
        optimizer.step()
        losses += [loss.item()] * len(x[begin : begin + 10])
    history = trainer.fit((x, y), epochs=1, batch_size=10, shuffle=False)
    assert weights(trainer.model) == weights(by_hand)
    assert math.isclose(history["train_loss"][0], sum(losses) / 64)


def test_the_same_generator_gives_the_same_weights():
    def run(seed):
        generator = cr.Generator()
        generator.manual_seed(seed)
        trainer = linear_trainer()
        trainer.fit(line(), epochs=2, batch_size=7, generator=generator)
        return weights(trainer.model)

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_own_metrics_weigh_batches_by_size():
    seen = []

    def largest(outputs, targets):
        seen.append(len(targets))
        return targets.max()

    trainer = linear_trainer(metrics={"largest": largest})
    x, y = line(10)
    figures = trainer.evaluate((x, y), batch_size=4)
    assert seen == [4, 4, 2]
    parts = [y[0:4].max().item() * 4, y[4:8].max().item() * 4, y[8:].max().item() * 2]
    assert math.isclose(figures["largest"], sum(parts) / 10, rel_tol=1e-6)


def test_kinds_of_data():
    x, y = line(20)

    class Stream(IterableDataset):
        def __iter__(self):
            return zip(x, y)

    whole = linear_trainer().evaluate((x, y))["loss"]
    for data in (
        TensorDataset(x, y),
        DataLoader(TensorDataset(x, y), batch_size=7),
        Stream(),
        (x.numpy(), y.numpy()),
        iter([[x[:5], y[:5]], [x[5:], y[5:]]]),
    ):
        assert math.isclose(linear_trainer().evaluate(data)["loss"], whole, rel_tol=1e-5)
    expected = linear_trainer().predict(x).tolist()
    for data in (
        x.numpy(),
        TensorDataset(x, y),
        TensorDataset(x),
        DataLoader(TensorDataset(x), 20),
    ):
        assert linear_trainer().predict(data).tolist() == expected


@pytest.mark.parametrize("dtype", [cr.float32, cr.float64])
def test_arrays_and_lists_get_the_dtype_of_the_model(dtype):
    x, y = line(20)
    arrays = x.numpy().astype(np.float64), y.numpy().astype(np.float64)
    whole = linear_trainer().evaluate((x, y))["loss"]
    expected = linear_trainer().predict(x)
    backwards = tuple(array[::-1].copy()[::-1] for array in arrays)  # negative strides
    mixed = arrays[0].astype(np.float32), y.tolist()
    for data in (arrays, backwards, list(arrays), (x.tolist(), y.tolist()), mixed):
        trainer = linear_trainer()
        trainer.model.to(dtype)
        assert math.isclose(trainer.evaluate(data)["loss"], whole, rel_tol=1e-5)
        assert trainer.predict(data[0]).dtype == dtype
        assert cr.allclose(trainer.predict(data[0]).float(), expected, atol=1e-6)
        trainer.fit(data, data, epochs=1)
    batches = [(x[:10], y[:10]), (x[10:], y[10:])]  # two batches, not a pair of lists
    assert math.isclose(linear_trainer().evaluate(batches)["loss"], whole, rel_tol=1e-5)


def test_class_numbers_stay_integers():
    x, y = blobs()
    model = nn.Linear(2, 3)
    trainer = cr.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), lr=0.1))
    trainer.fit((x.numpy().astype(np.float64), y.numpy()), epochs=1)
    trainer.fit((x.tolist(), y.tolist()), epochs=1)


def test_data_that_are_no_numbers():
    x, y = line(4)
    for bad in (None, "abc", [["a"]] * 4, [[1.0, 2.0], [3.0]], np.array([object()] * 4)):
        for data in ((x, bad), (bad, y)):
            words = r"^\[Trainer\] expected a tensor, an array or a list of numbers; got "
            with pytest.raises((TypeError, ValueError), match=words):
                linear_trainer().fit(data)


def test_tensors_of_another_dtype_are_an_error_with_its_remedy():
    x, y = line(4)
    for use in (lambda t: t.fit((x.double(), y)), lambda t: t.predict(x.double())):
        with pytest.raises(cr.DtypeError) as caught:
            use(linear_trainer())
        assert "a tensor by inputs.to(chainrule.float32)" in caught.value.__notes__[-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_arrays_of_integers_are_an_error_with_its_remedy(dtype):
    trainer = linear_trainer()
    x, y = np.arange(12, dtype=dtype).reshape(4, 3), np.ones((4, 1), np.float32)
    for use, data in (
        (trainer.fit, (x, y)),
        (trainer.fit, (x.tolist(), y)),
        (trainer.predict, x),
        (trainer.predict, x.tolist()),
    ):
        with pytest.raises(cr.DtypeError) as caught:
            use(data)
        assert 'an array by inputs.astype("float32").' in caught.value.__notes__[-1]
    trainer.fit((x.astype("float32"), y), epochs=1)


def test_modes_come_back_and_dropout_is_off_when_measuring():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 1))
    trainer = cr.Trainer(model, nn.MSELoss(), optim.SGD(model.parameters(), lr=0.01))
    assert trainer.predict(line()[0]).tolist() == trainer.predict(line()[0]).tolist()
    assert model.training
    model.eval()
    trainer.evaluate(line())
    assert not model.training
    assert not trainer.predict(line()[0]).requires_grad
    trainer.fit(line(), epochs=1)
    assert model.training


def test_repr():
    trainer = linear_trainer(metrics={"largest": lambda outputs, targets: targets.max()})
    assert repr(trainer) == (
        "Trainer(model=Linear, loss=MSELoss, optimizer=SGD, metrics=['largest'], "
        "history=History(epochs=0, best_epoch=0, stopped=None))"
    )
    only = cr.Trainer(trainer.model, nn.functional.mse_loss, None)
    assert "loss=mse_loss, optimizer=None" in repr(only)


def test_a_history_is_a_table():
    history = linear_trainer(metrics={"twice": lambda o, t: 2.0}).fit(line(), line(1), epochs=3)
    for row in history.rows:
        row |= {"seconds": 0.25, "samples_per_second": 12345.6}
    first, names, *rows = repr(history).splitlines()
    assert first == "History(epochs=3, best_epoch=3, stopped='epochs')"
    assert names.split() == history.columns()
    assert [row.split() for row in rows] == [
        [
            str(row["epoch"]),
            "0.05",
            *(f"{row[name]:.4g}" for name in ("train_loss", "train_twice")),
            "0.25",
            "12346",
            *(f"{row[name]:.4g}" for name in ("val_loss", "val_twice")),
        ]
        for row in history
    ]
    assert len({len(row) for row in (names, *rows)}) == 1  # aligned


def test_a_long_history_shows_its_ends():
    history = linear_trainer().fit(line(), epochs=12)
    _, _, *rows = repr(history).splitlines()
    assert [row.split()[0] for row in rows] == [*"12345", "...", *"89", "10", "11", "12"]
    history.rows.pop()
    history.rows.pop()
    assert len(repr(history).splitlines()) == 2 + 10


# ---- early stopping and best weights


def test_patience_and_best_weights():
    recorder = Recorder()
    trainer = overfitting(callbacks=[recorder])
    history = trainer.fit(line(), line(), epochs=10, patience=3)
    assert history.stopped == "patience"
    assert len(history) == 6
    assert history.best_epoch == 3
    assert weights(trainer.model) == recorder.weights[2]
    assert recorder.weights[2] != recorder.weights[5]
    assert recorder.events == [("begin", 10), ("end", "patience")]


def test_without_patience_all_epochs_run_and_the_best_is_kept():
    recorder = Recorder()
    trainer = overfitting(callbacks=[recorder])
    history = trainer.fit(line(), line(), epochs=10)
    assert len(history) == 10
    assert history.best_epoch == 8
    assert weights(trainer.model) == recorder.weights[7]


def test_min_delta():
    history = overfitting().fit(line(), line(), epochs=10, patience=2, min_delta=1.5)
    assert history.best_epoch == 3  # 5 -> 4 is too small a gain, 5 -> 3 is not
    assert len(history) == 5


def test_without_validation_the_last_epoch_is_kept():
    recorder = Recorder()
    trainer = linear_trainer(callbacks=[recorder])
    history = trainer.fit(line(), epochs=3)
    assert history.best_epoch == 3
    assert weights(trainer.model) == recorder.weights[2]


@pytest.mark.parametrize("kind", [bool, np.bool_, cr.tensor])
def test_a_callback_can_stop(kind):
    history = linear_trainer(callbacks=[lambda trainer, row: kind(row["epoch"] == 2)]).fit(line())
    assert history.stopped == "callback"
    assert len(history) == 2


@pytest.mark.parametrize("answer", [1, "True", np.ones(2, bool), cr.ones(()), [True]])
def test_other_answers_of_a_callback_mean_nothing(answer):
    assert len(linear_trainer(callbacks=[lambda *_: answer]).fit(line(), epochs=2)) == 2


def test_progress():
    recorder = Recorder()
    linear_trainer(callbacks=[recorder]).fit(line(), epochs=2, batch_size=10)
    ends = [p for p in recorder.progress if p["samples"] == 64]
    assert [p["epoch"] for p in ends] == [1, 2]
    assert all(p["total"] == 64 and p["samples_per_second"] > 0 for p in recorder.progress)
    assert ends[0]["loss"] > ends[1]["loss"]
