"""Trainer.fit with its step captured: what callbacks change counts as in eager training."""

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule._trainer import _PROGRESS_SECONDS
from trainers import blobs, both, classifier, network


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


def test_a_tensor_written_in_place_counts_at_once(taken):
    def make(**options):
        weight = cr.tensor(1.0)

        class Anneal(cr.Callback):
            _only_watches = True  # so that nothing is recorded again

            def on_epoch_end(self, trainer, row):
                weight.mul_(0.5)

        trainer = classifier(callbacks=[Anneal()], **options)
        trainer.loss = lambda outputs, targets: (
            nn.functional.cross_entropy(outputs, targets) * weight
        )
        return trainer

    captured, eager = both(make, lambda t: t.fit(blobs(), epochs=5, batch_size=8))
    assert captured == eager
    assert sum(taken) > 20


def test_an_audit_finds_a_number_in_a_global_that_no_callback_announced(monkeypatch):
    monkeypatch.setattr("chainrule._plans.AUDIT_EVERY", 10)
    weight = [1.0]

    class Anneal(cr.Callback):
        _only_watches = True

        def on_epoch_end(self, trainer, row):
            weight[0] *= 0.5

    trainer = classifier(callbacks=[Anneal()])
    trainer.loss = lambda outputs, targets: (
        nn.functional.cross_entropy(outputs, targets) * weight[0]
    )
    with pytest.raises(cr.CaptureError, match=r"1\.0, then 0\.5 at test_trainer_callbacks\.py:\d+"):
        trainer.fit(blobs(), epochs=5, batch_size=8)


def test_callbacks_that_are_appended_later():
    seen = []
    trainer = classifier()
    trainer.callbacks.append(lambda trainer, row: seen.append(row["epoch"]))
    trainer.fit(blobs(), epochs=2)
    assert seen == [1, 2]
    trainer.callbacks.append(lambda row: None)
    with pytest.raises(TypeError, match=r"the callback <lambda> to take \(trainer, row\)"):
        trainer.fit(blobs(), epochs=2)
    assert seen == [1, 2]
