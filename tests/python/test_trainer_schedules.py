"""Trainer: a scheduler is stepped after every epoch, one that counts batches after every batch,
captured and eager alike."""

import warnings

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.optim import lr_scheduler
from trainers import line, weights


def scheduled(schedule, compile=True):
    cr.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    scheduler = schedule(optimizer)
    trainer = cr.Trainer(model, nn.MSELoss(), optimizer, scheduler=scheduler, compile=compile)
    assert trainer.scheduler is scheduler
    return trainer


SCHEDULES = {
    "exponential": lambda o: lr_scheduler.ExponentialLR(o, 0.5),
    "chained": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.StepLR(o, 2), lr_scheduler.ConstantLR(o, 0.5, 3)]
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_is_stepped_after_every_epoch(name):
    w = nn.Parameter(cr.ones(1))
    beside = cr.optim.SGD([w], lr=0.05, momentum=0.5)
    scheduler, expected = SCHEDULES[name](beside), []
    for _ in range(6):
        expected.append(beside.param_groups[0]["lr"])
        beside.step()
        scheduler.step()
    runs = []
    for compile in (True, False):
        trainer = scheduled(SCHEDULES[name], compile)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            history = trainer.fit(line(), epochs=6, batch_size=16)
        assert history["lr"] == expected
        runs.append((weights(trainer.model), history["train_loss"]))
    assert runs[0] == runs[1]


BY_BATCH = {
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=4),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=3),
}


@pytest.mark.parametrize("name", BY_BATCH)
def test_one_that_counts_batches_is_stepped_after_every_batch(name):
    cr.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    scheduler, rates = BY_BATCH[name](optimizer), []
    x, y = line()
    for _ in range(3):
        for begin in range(0, 64, 16):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x[begin : begin + 16]), y[begin : begin + 16]).backward()
            optimizer.step()
            used = optimizer.param_groups[0]["lr"]
            scheduler.step()
        rates.append(used)  # of the last batch, not of the next one
    for compile in (True, False):
        trainer = scheduled(BY_BATCH[name], compile)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            history = trainer.fit(line(), epochs=3, batch_size=16, shuffle=False)
        assert history["lr"] == rates
        assert weights(trainer.model) == weights(model)
        assert trainer.scheduler.last_epoch == (11 if name == "one cycle" else 12)


def test_a_cycle_ends_at_its_last_rate():
    trainer = scheduled(BY_BATCH["one cycle"])
    history = trainer.fit(line(), epochs=3, batch_size=16)
    last = trainer.optimizer.param_groups[0]["min_lr"]
    assert history["lr"][-1] == trainer.optimizer.param_groups[0]["lr"]
    assert history["lr"][-1] == pytest.approx(last) == pytest.approx(0.1 / 25 / 1e4)
    with pytest.raises(ValueError, match="OneCycleLR of 15 steps"):
        trainer.fit(line(), epochs=1, batch_size=16)


def test_a_cycle_that_ends_before_the_last_batch_is_refused_before_the_first():
    trainer = scheduled(lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=6))
    before = weights(trainer.model)
    with pytest.raises(ValueError) as caught:
        trainer.fit(line(), epochs=6, batch_size=16)
    assert str(caught.value) == (
        "[Trainer.fit] expected a OneCycleLR of 24 steps, one for each batch; got one of 6. Make it "
        "with epochs=6, steps_per_epoch=4."
    )
    assert weights(trainer.model) == before
    trainer.fit(line(), epochs=1, batch_size=16)
    with pytest.raises(ValueError, match=r"OneCycleLR of 8 steps.*got one of 6"):
        trainer.fit(line(), epochs=1, batch_size=16)  # it goes on where it was


def test_a_plateau_follows_the_validation_loss():
    trainer = scheduled(lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=0))
    losses = iter([5.0, 4.0, 4.5, 3.0, 3.5, 3.4])
    real = trainer.evaluate
    trainer.evaluate = lambda data, **more: real(data, **more) | {"loss": next(losses)}
    history = trainer.fit(line(), line(seed=1), epochs=6)
    assert history["lr"] == [0.05, 0.05, 0.05, 0.025, 0.025, 0.0125]
    with pytest.raises(ValueError, match=r"\[Trainer.fit\] expected validation data with Reduce"):
        trainer.fit(line(), epochs=1)


def test_what_is_no_scheduler_of_the_optimizer():
    model = nn.Linear(3, 1)
    optimizers = [cr.optim.SGD(model.parameters(), lr=0.1) for _ in range(2)]
    for scheduler, kind, text in (
        (0.9, TypeError, "scheduler one of optim.lr_scheduler; got float"),
        (
            lr_scheduler.StepLR,
            TypeError,
            r"scheduler one of .*; got the class StepLR\. Make one: StepLR\(opt",
        ),
        (
            lr_scheduler.StepLR(optimizers[1], 2),
            ValueError,
            "a scheduler of the optimizer; got one",
        ),
    ):
        with pytest.raises(kind, match=rf"^\[Trainer\] expected {text}"):
            cr.Trainer(model, nn.MSELoss(), optimizers[0], scheduler=scheduler)


def test_schedulers_that_count_batches_are_no_parts_of_others():
    optimizer = cr.optim.SGD(nn.Linear(2, 1).parameters(), 0.1)
    cycle = lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=8)
    chain = lr_scheduler.ChainedScheduler([cycle])
    for scheduler in (chain, lr_scheduler.ChainedScheduler([chain])):
        with pytest.raises(
            ValueError, match=r"of schedulers that count epochs; got a OneCycleLR\."
        ):
            cr.Trainer(nn.Linear(2, 1), nn.MSELoss(), optimizer, scheduler=scheduler)
