"""Trainer.fit with its step captured: batch after batch natively, and the bits of a loop that one
would write, whatever happens in between."""

import itertools
import signal
import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule._trainer import _PROGRESS_SECONDS
from chainrule.utils.data import DataLoader, Dataset, Subset, TensorDataset
from trainers import blobs, weights


@pytest.fixture
def taken(monkeypatch):
    """How many batches each native call has taken."""
    counts, real = [], cr._core._replay_batches

    def replay_batches(*arguments):
        done, sums = real(*arguments)
        counts.append(done)
        return done, sums

    monkeypatch.setattr(cr._core, "_replay_batches", replay_batches)
    return counts


def network(dropout=0.0, seed=0):
    cr.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3))


def classifier(model=None, lr=0.05, optimizer=None, **options):
    model = model or network()
    optimizer = optimizer or optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    options = {"metrics": ["accuracy"]} | options
    return cr.Trainer(model, nn.CrossEntropyLoss(), optimizer, **options)


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


# ---- the bits of eager training


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


def test_an_earlier_generation_of_plans_comes_back_only_to_who_knows_the_present_one():
    core = cr._core
    earlier = core._plans_generation()
    core._invalidate_plans()
    present = core._plans_generation()
    core._invalidate_plans()  # by another thread, say
    latest = core._plans_generation()
    core._revert_plans(present, earlier)
    assert core._plans_generation() == latest
    core._revert_plans(latest, earlier)
    assert core._plans_generation() == earlier
    core._invalidate_plans()
    assert core._plans_generation() not in (earlier, present, latest)


def test_images_stay_bytes():
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 256, (60, 2), dtype=np.uint8), blobs(60)[1]
    floats = cr.from_numpy(images).float() * (1 / 255)

    def fitted(x, **options):
        trainer = classifier(**options)
        trainer.fit((x, y), epochs=3, batch_size=8, shuffle=False)
        outputs = trainer.predict(x)
        return weights(trainer.model), trainer.evaluate((x, y)), outputs.tolist()

    expected = fitted(floats, compile=False)
    for x in (images, cr.from_numpy(images), floats):  # floating inputs are not scaled
        for compile in (True, False):
            assert fitted(x, scale=1 / 255, compile=compile) == expected


# ---- what callbacks change


def test_a_learning_rate_that_changes(taken, monkeypatch):
    monkeypatch.setattr(
        "chainrule._trainer._PROGRESS_SECONDS", 0.0
    )  # after every batch of Python's

    class Schedule(cr.Callback):
        def on_progress(self, trainer, progress):
            trainer.optimizer.param_groups[0]["lr"] = 0.1 / (1 + progress["samples"])

        def on_epoch_end(self, trainer, row):
            trainer.optimizer.param_groups[0]["weight_decay"] = 0.01 * row["epoch"]

    captured, eager = both(
        lambda **options: classifier(callbacks=[Schedule()], **options),
        lambda t: t.fit(blobs(), epochs=3, batch_size=8),
    )
    assert captured == eager
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", _PROGRESS_SECONDS)

    def slower(trainer, row):
        trainer.optimizer.param_groups[0]["lr"] *= 0.5

    captured, eager = both(
        lambda **options: classifier(callbacks=[slower], **options),
        lambda t: t.fit(blobs(), epochs=5, batch_size=8),
    )
    assert captured == eager
    assert [row["lr"] for row in captured[0][0]] == [0.05, 0.025, 0.0125, 0.00625, 0.003125]
    assert sum(taken) > 20


def test_numbers_that_no_plan_knows_of_count_from_the_next_epoch(taken):
    weight = [1.0]

    def loss(outputs, targets):
        return nn.functional.cross_entropy(outputs, targets) * weight[0]

    def make(**options):
        weight[0] = 1.0
        trainer = classifier(callbacks=[anneal], **options)
        trainer.loss = loss
        return trainer

    def anneal(trainer, row):
        weight[0] *= 0.5

    captured, eager = both(make, lambda t: t.fit(blobs(), epochs=5, batch_size=8))
    assert captured == eager
    assert sum(taken) > 20


def test_parts_that_a_callback_replaces():
    class Sign(optim.Optimizer):  # of the user's own: always eager
        def __init__(self, params, lr=0.01):
            super().__init__(params, {"lr": lr})

        @cr.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p.sub_(group["lr"] * p.grad.sign())

    def replace(trainer, row):
        if row["epoch"] == 2:
            trainer.loss = nn.CrossEntropyLoss(label_smoothing=0.2)
        if row["epoch"] == 3:
            trainer.optimizer = optim.Adam(trainer.model.parameters(), lr=0.01)
        if row["epoch"] == 4:
            trainer.optimizer = Sign(trainer.model.parameters())
        if row["epoch"] == 5:
            trainer.optimizer.param_groups[0]["lr"] = 0.001
            trainer.model.append(nn.Dropout(0.1))

    captured, eager = both(
        lambda **options: classifier(callbacks=[replace], **options),
        lambda t: t.fit(blobs(), epochs=7, batch_size=8),
    )
    assert captured == eager


@pytest.mark.parametrize("when", ["on_progress", "on_epoch_end"])
def test_modes_that_a_callback_switches(monkeypatch, when):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 0.0)

    class Switch(cr.Callback):
        def on_progress(self, trainer, progress):
            if when == "on_progress":
                trainer.model.train(progress["samples"] % 3 != 0)

        def on_epoch_end(self, trainer, row):
            if when == "on_epoch_end":
                trainer.model.eval()

    captured, eager = both(
        lambda **options: classifier(network(dropout=0.5), callbacks=[Switch()], **options),
        lambda t: t.fit(blobs(), epochs=3, batch_size=8),
    )
    assert captured == eager


def test_a_frozen_layer():
    def freeze(trainer, row):
        trainer.model[0].requires_grad_(row["epoch"] % 2 == 0)

    captured, eager = both(
        lambda **options: classifier(callbacks=[freeze], **options),
        lambda t: t.fit(blobs(), epochs=4, batch_size=8),
    )
    assert captured == eager


# ---- how it ends


def test_a_keyboard_interrupt_in_a_callback(monkeypatch, taken):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 2e-4)

    class Interrupt(cr.Callback):
        def on_progress(self, trainer, progress):
            if progress["epoch"] == 3 and progress["samples"] >= 40:
                raise KeyboardInterrupt

    captured, eager = both(
        lambda **options: classifier(callbacks=[Interrupt()], **options),
        lambda t: t.fit(blobs(), epochs=9, batch_size=8, shuffle=False),
    )
    assert captured[0][:2] == eager[0][:2]
    assert len(captured[0][0]) == 2


def endless():
    """An epoch of many seconds."""
    return TensorDataset(cr.zeros(5_000_000, 2), cr.zeros(5_000_000, dtype=cr.int64))


def test_ctrl_c_is_seen_natively(monkeypatch):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 3600.0)

    def interrupt(*_):
        raise KeyboardInterrupt

    trainer = classifier()
    data, before = endless(), weights(trainer.model)
    known = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        history = trainer.fit(data, epochs=1, batch_size=2, shuffle=False)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, known)
    assert history.stopped == "interrupted"
    assert len(history) == history.best_epoch == 0
    assert weights(trainer.model) != before  # of the last step


def test_other_threads_run_meanwhile(monkeypatch):
    monkeypatch.setattr("chainrule._trainer._PROGRESS_SECONDS", 3600.0)
    known = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    main = threading.get_ident()

    def end():
        for _ in range(10_000):  # every turn needs the lock of Python
            started.wait(0)
        signal.pthread_kill(main, signal.SIGUSR1)

    started = threading.Event()
    thread = threading.Timer(1.0, end)
    try:
        thread.start()
        assert classifier().fit(endless(), epochs=1, batch_size=2).stopped == "interrupted"
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, known)


@pytest.mark.parametrize("where", [3, 50, 88])
def test_a_loss_that_is_not_finite(taken, where):
    x, y = blobs()
    x = x.clone()
    x[where, 1] = float("nan")

    def fit(trainer):
        trainer.optimizer.step()  # no gradients, no state
        cr.manual_seed(3)
        trainer.fit((x, y), epochs=3, batch_size=4, shuffle=False)

    captured, eager = both(lambda **options: classifier(network(dropout=0.5), **options), fit)
    assert captured == eager
    assert f"got nan in epoch 1 in batch {where // 4 + 1}." in captured[0]
    assert "nan" not in str(captured[1:])


def test_a_replay_of_a_loss_that_is_not_finite_changes_nothing():
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).mean()
        checked = cr._core._ops.require_finite(loss.detach())
        loss.backward()
        optimizer.step()
        return checked

    for _ in range(4):
        step(cr.ones(3, 2))
    before = weights(model), [s["momentum_buffer"].tolist() for s in optimizer.state.values()]
    assert step.stats["replays"] > 0
    for bad in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"\[require_finite\] expected a finite number"):
            step(cr.full((3, 2), bad))
    after = weights(model), [s["momentum_buffer"].tolist() for s in optimizer.state.values()]
    assert after == before


def test_a_label_out_of_range(taken):
    x, y = blobs()
    y = y.clone()
    y[70] = 3
    captured, eager = both(
        classifier, lambda t: t.fit((x, y), epochs=3, batch_size=4, shuffle=False)
    )
    assert captured == eager
    assert "expected" in captured[0] and "got 3" in captured[0]
    assert sum(taken) > 5


def test_rows_that_are_not_there(taken):
    rows = [*range(60), 90, *range(30)]
    captured, eager = both(
        classifier,
        lambda t: t.fit(Subset(TensorDataset(*blobs()), rows), batch_size=4, shuffle=False),
    )
    assert captured == eager
    assert "got 90" in captured[0]
    assert sum(taken) > 5


# ---- what runs eagerly


def test_a_step_that_cannot_be_captured(taken):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            return self.inner(x) * (2.0 if x.max().item() > 0 else 1.0)

    def fit(trainer):
        trainer.fit(blobs(), epochs=3, batch_size=8)

    with pytest.warns(UserWarning, match=r"^\[Trainer.fit\] expected a step that can be") as caught:
        captured, eager = both(lambda **options: classifier(Reads(), **options), fit)
    assert captured == eager
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "test_trainer_captured.py:" in str(caught[0].message)
    assert sum(taken) == 0


def test_batches_that_the_user_has_a_say_in(taken):
    def collate(samples):
        x, y = zip(*samples)
        return cr.stack(x) * 2, cr.stack(y)

    class Loader(DataLoader):
        def __iter__(self):
            for x, y in super().__iter__():
                yield x * 2, y

    class Own(Dataset):
        def __getitem__(self, i):
            return x[i] * 2, y[i]

        def __len__(self):
            return len(x)

    x, y = blobs()
    expected = classifier(compile=False)
    expected.fit((x * 2, y), epochs=3, batch_size=8, shuffle=False)
    for loader in (
        DataLoader(TensorDataset(x, y), 8, collate_fn=collate),
        Loader(TensorDataset(x, y), 8),
        DataLoader(Own(), 8),
        list(DataLoader(Own(), 8)),
    ):
        trainer = classifier()
        trainer.fit(loader, epochs=3)
        assert weights(trainer.model) == weights(expected.model)
    assert sum(taken) == 0


def test_batches_of_ever_other_sizes():
    x, y = blobs(2000)
    ends = [0]
    while ends[-1] < 2000:
        ends.append(ends[-1] + 10 + len(ends) % 40)
    batches = [(x[a:b], y[a:b]) for a, b in itertools.pairwise(ends)]
    captured, eager = both(classifier, lambda t: t.fit(batches, epochs=3))
    assert captured == eager


def test_batches_that_are_no_tensors():
    class Convert(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, batch):
            return self.inner(cr.cat(batch["x"], 1))

    x, y = blobs()
    batches = [({"x": [x[a : a + 9, :1], x[a : a + 9, 1:]]}, y[a : a + 9]) for a in range(0, 90, 9)]
    captured, eager = both(
        lambda **options: classifier(Convert(), **options), lambda t: t.fit(batches, epochs=3)
    )
    assert captured == eager


def test_no_batches():
    empty = cr.zeros(0, 2), cr.zeros(0, dtype=cr.int64)
    few = DataLoader(TensorDataset(*blobs(3)), batch_size=4, drop_last=True)
    for data in (empty, few):
        with pytest.raises(ValueError, match="training data with at least one batch; got none"):
            classifier().fit(data)


# ---- memory, and what is asked for wrongly


def test_a_batch_that_somebody_keeps_stays_as_it_is(taken):
    kept = []

    def keep(outputs, targets):
        kept.append((outputs, targets))
        return nn.functional.cross_entropy(outputs, targets)

    x, y = blobs()
    trainer = classifier()
    trainer.loss = keep
    trainer.fit((x, y), epochs=2, batch_size=10, shuffle=False)
    assert sum(taken) > 5
    assert 0 < len(kept) < 9
    assert [t.tolist() for _, t in kept[:3]] == [y[a : a + 10].tolist() for a in (0, 10, 20)]


@pytest.mark.parametrize("shuffle", [True, False])
def test_data_stay_as_they_are(shuffle):
    class Changes(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = network()

        def forward(self, x):
            return self.inner(x.mul_(0.5))

    x, y = blobs()
    before = x.tolist()
    captured, eager = both(
        lambda **options: classifier(Changes(), **options),
        lambda t: t.fit((x, y), epochs=2, batch_size=8, shuffle=shuffle),
    )
    assert captured == eager
    assert x.tolist() == before


@pytest.mark.parametrize(
    "options", [{"scale": "1/255"}, {"scale": True}, {"scale": cr.tensor(2.0)}, {"compile": 1}]
)
def test_bad_options(options):
    with pytest.raises(TypeError, match=rf"^\[Trainer\] expected {next(iter(options))} "):
        classifier(**options)


def test_native_batches_refuse_what_they_cannot_read():
    run, fast = cr._core._replay_batches, cr._core._FastCall()
    x, sums = cr.ones(4, 2), [0.0]
    assert run(fast, [x], None, 0, 4, 2, sums, 1.0) == (0, [0.0])
    with pytest.raises(TypeError, match="expected a _FastCall"):
        run(x, [x], None, 0, 4, 2, sums, 1.0)
    for tensors, order in (([cr.ones(())], None), ([x], cr.ones(4)), ([x], cr.zeros(2, 2).long())):
        with pytest.raises(cr.ShapeError, match=r"^\[fit\] expected "):
            run(fast, tensors, order, 0, 4, 2, sums, 1.0)
    double = cr.compile(lambda t: (t.sum(),))
    for _ in range(4):
        double(cr.ones(2, 2))
    known = double._fast
    assert run(known, [x], None, 0, 4, 2, sums, 1.0) == (2, [16.0])
    for begin, end, size in ((-2, 4, 2), (0, 4, 0), (0, 4, 3), (3, 9, 2), (0, 4, -1)):
        assert run(known, [x], None, begin, end, size, sums, 1.0) == (0, sums)
    assert run(known, [x], None, 0, 99, 2, sums, 1.0)[0] == 2
    assert run(known, [x], cr.tensor([3, 0, 4, 1]), 0, 4, 2, sums, 1.0) == (1, [8.0])
    assert run(known, [x, x], None, 0, 4, 2, sums, 1.0)[0] == 0
    assert run(known, [x], None, 0, 4, 2, [], 1.0)[0] == 0
    for results in (lambda t: (t,), lambda t: (t[:0],), lambda t: [t.sum(), t]):
        several = cr.compile(results)
        for _ in range(4):
            several(cr.ones(2, 2))
        count = len(several(cr.ones(2, 2)))
        assert run(several._fast, [x], None, 0, 4, 2, [0.0] * count, 1.0)[0] == 0
