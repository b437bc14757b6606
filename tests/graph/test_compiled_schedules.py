"""Schedulers beside captured steps: the bits of eager training, no new recording for a new rate."""

import warnings

import pytest

import chainrule as cr
from chainrule.optim import lr_scheduler as schedules
from optim_problem import Problem

OPTIMIZERS = {
    "sgd": lambda p: cr.optim.SGD(p, lr=0.1, momentum=0.9),
    "adam": lambda p: cr.optim.AdamW(p, lr=0.1),
    "tensor": lambda p: cr.optim.SGD(p, lr=cr.tensor(0.1), momentum=0.9),
}
SCHEDULES = {
    "exponential": lambda o: schedules.ExponentialLR(o, 0.9),
    "steps": lambda o: schedules.StepLR(o, 3),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 10),
    "one cycle": lambda o: schedules.OneCycleLR(o, 0.2, 20),  # which moves momentum, too
    "cyclic": lambda o: schedules.CyclicLR(o, 0.01, 0.2, 3),
    "plateau": lambda o: schedules.ReduceLROnPlateau(o, patience=0),
    "sequence": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.1), schedules.StepLR(o, 2)], [5]
    ),
}


def trained(make, schedule, compiled):
    problem = Problem(cr.float32)
    optimizer = make(problem.params)
    scheduler = schedule(optimizer)

    def step():
        optimizer.zero_grad()
        loss = problem_loss(problem)
        loss.backward()
        optimizer.step()
        return loss

    call = cr.compile(step) if compiled else step
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(15):
            loss = call()
            scheduler.step(*([5.0] if isinstance(scheduler, schedules.ReduceLROnPlateau) else []))
            assert loss.item() == loss.item()
    return [w.tolist() for w in problem.params], call


def problem_loss(problem):
    return sum(((w - 1) ** 2).sum() for w in problem.params)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bits_of_eager_training(name, schedule):
    eager, _ = trained(OPTIMIZERS[name], SCHEDULES[schedule], False)
    compiled, step = trained(OPTIMIZERS[name], SCHEDULES[schedule], True)
    assert eager == compiled
    assert step.plans == 1 and step.stats["replays"] >= 11


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_step_of_a_scheduler_inside_is_an_error(schedule):
    problem = Problem(cr.float32)
    optimizer = OPTIMIZERS["tensor"](problem.params)
    scheduler = SCHEDULES[schedule](optimizer)
    args = [1.0] if isinstance(scheduler, schedules.ReduceLROnPlateau) else []
    before, rates = dict(scheduler.state_dict()), scheduler.get_last_lr()[0].item()

    @cr.compile
    def step():
        optimizer.zero_grad()
        problem_loss(problem).backward()
        optimizer.step()
        scheduler.step(*args)

    with pytest.raises(
        cr.CaptureError, match=r"test_compiled_schedules.py.*Call scheduler.step\(\) outside"
    ):
        step()
    assert scheduler.state_dict().keys() == before.keys()
    assert scheduler.last_epoch == before.get("last_epoch", 0)
    assert optimizer.param_groups[0]["lr"].item() == rates


@pytest.mark.parametrize(
    "schedule", sorted(SCHEDULES.keys() - {"plateau"})
)  # which writes nothing then
def test_a_scheduler_made_inside_is_an_error(schedule):
    optimizer = OPTIMIZERS["sgd"](Problem(cr.float32).params)
    group = dict(optimizer.param_groups[0])
    with pytest.raises(cr.CaptureError, match=r"scheduler.step\(\) outside"):
        cr.compile(lambda: SCHEDULES[schedule](optimizer))()
    assert dict(optimizer.param_groups[0]) == group


def test_with_fallback_the_call_runs_eagerly():
    problem = Problem(cr.float32)
    optimizer = OPTIMIZERS["sgd"](problem.params)
    scheduler = schedules.ExponentialLR(optimizer, 0.5)

    def step():
        optimizer.zero_grad()
        problem_loss(problem).backward()
        optimizer.step()
        scheduler.step()

    call = cr.compile(step, fallback=True)
    with pytest.warns(UserWarning, match=r"Call scheduler.step\(\) outside"):
        call()
    for _ in range(3):
        call()
    assert optimizer.param_groups[0]["lr"] == 0.1 * 0.5**4
