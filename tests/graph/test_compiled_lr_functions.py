"""A schedule as `lr=` in captured steps: computed and counted by the replay itself."""

import math

import pytest

import chainrule as cr
from chainrule.optim import schedules
from optim_problem import Problem

SCHEDULES = {
    "exponential": lambda: schedules.exponential(0.1, 0.9),
    "halved": lambda: schedules.exponential(0.1, 0.5),
    "restarts": lambda: schedules.cosine_annealing_warm_restarts(0.1, 2, 2),
    "one cycle": lambda: schedules.one_cycle(0.2, 30, three_phase=True),
    "sequence": lambda: schedules.sequential(
        [schedules.linear(0.1, 0.1), schedules.cyclic(0.01, 0.1, 2, 3, "triangular2")], [5]
    ),
    "own": lambda: lambda t: 0.1 / (1 + t),
}
OPTIMIZERS = {
    "sgd": lambda p, lr: cr.optim.SGD(p, lr=lr, momentum=0.9),
    "adamw": lambda p, lr: cr.optim.AdamW(p, lr=lr),
    "groups": lambda p, lr: cr.optim.SGD(
        [{"params": p[:2], "lr": lr}, {"params": p[2:], "lr": schedules.step(0.3, 2, 0.5)}]
    ),
}


def trained(make, schedule, compiled, *, calls=12, steps_a_call=1, act=lambda optimizer, i: None):
    problem = Problem(cr.float32)
    optimizer = make(problem.params, schedule())

    def step():
        for _ in range(steps_a_call):
            optimizer.zero_grad()
            loss = sum(((w - 1) ** 2).sum() for w in problem.params)
            loss.backward()
            optimizer.step()
        return loss

    call = cr.compile(step) if compiled else step
    for i in range(calls):
        act(optimizer, i)
        call()
    counts = [group["lr_step"].item() for group in optimizer.param_groups if "lr_step" in group]
    return [w.tolist() for w in problem.params], counts, call


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bits_of_eager_training(name, schedule):
    *eager, _ = trained(OPTIMIZERS[name], SCHEDULES[schedule], False)
    *compiled, step = trained(OPTIMIZERS[name], SCHEDULES[schedule], True)
    assert eager == compiled
    assert step.plans == 1 and step.stats["replays"] >= 9
    assert {*eager[1]} == {12}


ALL = [name for name in cr.optim.__all__ if name[0].isupper() and name != "Optimizer"]


@pytest.mark.parametrize("name", ALL)
def test_every_optimizer_takes_one(name):
    def make(params, lr):
        if name == "Muon":
            params = [w for w in params if w.dim() == 2]
        return getattr(cr.optim, name)(params, lr=lr)

    def write(optimizer, i):
        optimizer.param_groups[0]["lr"] = 0.1 * 0.5**i

    *eager, _ = trained(make, SCHEDULES["halved"], False)
    *compiled, step = trained(make, SCHEDULES["halved"], True)
    by_hand, *_ = trained(make, lambda: 0.1, False, act=write)
    assert eager == compiled and eager[0] == by_hand
    assert step.stats["replays"] >= 8


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_several_steps_in_one_call_have_a_rate_each(name):
    once, *_ = trained(OPTIMIZERS[name], SCHEDULES["own"], False, calls=24)
    *eager, _ = trained(OPTIMIZERS[name], SCHEDULES["own"], False, calls=8, steps_a_call=3)
    *compiled, step = trained(OPTIMIZERS[name], SCHEDULES["own"], True, calls=8, steps_a_call=3)
    assert once == eager[0] and eager == compiled
    assert step.stats["replays"] >= 5


def loaded(optimizer, i):
    if i == 6:
        state = optimizer.state_dict()
        for group in state["param_groups"]:
            group["lr_step"] = 2
        optimizer.load_state_dict(state)


def another(optimizer, i):
    if i == 5:
        optimizer.param_groups[0]["lr"] = 0.05
    if i == 8:
        optimizer.param_groups[0]["lr"] = schedules.step(0.2, 3)


def counted_anew(optimizer, i):
    if i == 6:
        optimizer.param_groups[0]["lr_step"] = 0
    if i == 9:
        optimizer.param_groups[0]["lr_step"].fill_(4)


@pytest.mark.parametrize("act", [loaded, another, counted_anew])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_changes_between_calls(name, act):
    *eager, _ = trained(OPTIMIZERS[name], SCHEDULES["exponential"], False, act=act)
    *compiled, _ = trained(OPTIMIZERS[name], SCHEDULES["exponential"], True, act=act)
    plain, *_ = trained(OPTIMIZERS[name], SCHEDULES["exponential"], False)
    assert eager == compiled and eager[0] != plain


def constant(rate):
    return lambda t: rate


def test_functions_that_come_and_go_at_one_place():
    w = cr.nn.Parameter(cr.zeros(1, dtype=cr.float64))
    optimizer = cr.optim.SGD([w], lr=constant(0.5))
    group = optimizer.param_groups[0]
    # With a tensor beside it, which may change by itself, no replay watches the function.
    other = cr.nn.Parameter(cr.zeros(1))
    optimizer.add_param_group({"params": [other], "lr": cr.tensor(0.5)})

    @cr.compile
    def step():
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()

    total = 0.0
    for i in range(24):
        if i % 6 == 5:  # in memory that the one before last has left, so with its id
            group["lr"] = constant(4.0)
            group["lr"] = constant(2.0**-i)
        total += 0.5 if i < 5 else 2.0 ** -(i - (i + 1) % 6)
        step()
        assert w.item() == -total
    assert step.stats["replays"] >= 8


def test_a_function_that_reads_the_count_is_an_error():
    with pytest.raises(cr.CaptureError, match="test_compiled_lr_functions.py"):
        trained(OPTIMIZERS["sgd"], lambda: lambda t: 0.1 * math.cos(t), True)
    trained(OPTIMIZERS["sgd"], lambda: lambda t: 0.1 * math.cos(t), False)


def fitted(compile, epochs=4):
    cr.manual_seed(0)
    x = cr.randn(200, 3)
    y = (x.sum(1) > 0).long()
    net = cr.nn.Linear(3, 2)
    optimizer = cr.optim.SGD(net.parameters(), lr=schedules.step(0.5, step_size=20, gamma=0.5))
    trainer = cr.Trainer(net, cr.nn.CrossEntropyLoss(), optimizer, compile=compile)
    history = trainer.fit((x, y), epochs=epochs, batch_size=10)
    return net.weight.tolist(), history["lr"], optimizer.param_groups[0]["lr_step"].item()


def test_a_trainer_follows_it_step_by_step():
    eager, captured = fitted(False), fitted(True)
    assert eager == captured
    assert eager[1:] == ([0.25, 0.125, 0.0625, 0.03125], 80)  # after each epoch of 20 steps


def test_a_replay_that_fails_has_not_counted():
    w = cr.nn.Parameter(cr.ones(3))
    optimizer = cr.optim.SGD([w], lr=schedules.exponential(0.5, 0.5))

    @cr.compile
    def step(x, index):
        optimizer.zero_grad()
        (w * x[index]).sum().backward()
        optimizer.step()

    x, index = cr.ones(3), cr.tensor([0, 1, 2])
    for _ in range(5):
        step(x, index)
    before = w.tolist()
    with pytest.raises(IndexError):
        step(x, cr.tensor([0, 1, 7]))
    assert w.tolist() == before and optimizer.param_groups[0]["lr_step"].item() == 5
    step(x, index)
    assert optimizer.param_groups[0]["lr_step"].item() == 6
