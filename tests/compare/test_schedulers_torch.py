"""Schedulers beside PyTorch's: learning rates over 60 epochs for every argument, state dicts,
momentum, groups and tensors as lr."""

import copy
import inspect
import re
import warnings

import pytest
import torch

import chainrule as cr
from both_libraries import LIBRARIES, both
from schedulers_of_both import kinds, make, plain, settings, walk


def simple(name, *args, **kwargs):
    """A scheduler of a class with these arguments."""
    return pytest.param(
        lambda lib, optimizer: kinds(lib, name)(optimizer, *args, **kwargs),
        id=re.sub(" at 0x[0-9a-f]+", "", f"{name}{args}{kwargs}"),  # the same in every process
    )


class Decay:
    """A callable with attributes, which state dicts keep."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, epoch):
        return self.factor**epoch


def two(epoch):
    return 1 / (1 + epoch)


def chained(lib, optimizer):
    parts = [
        kinds(lib, "ConstantLR")(optimizer, factor=0.25, total_iters=7),
        kinds(lib, "ExponentialLR")(optimizer, 0.93),
        kinds(lib, "StepLR")(optimizer, 10, 0.5),
    ]
    return kinds(lib, "ChainedScheduler")(parts)


def sequential(lib, optimizer):
    parts = [
        kinds(lib, "LinearLR")(optimizer, 0.1, total_iters=5),
        kinds(lib, "CosineAnnealingLR")(optimizer, 20, 0.01),
        kinds(lib, "LambdaLR")(optimizer, two),
        kinds(lib, "CosineAnnealingWarmRestarts")(optimizer, 4, 2),
        kinds(lib, "ExponentialLR")(optimizer, 0.8),
    ]
    return kinds(lib, "SequentialLR")(optimizer, parts, [5, 25, 30, 45])


def from_the_second(lib, optimizer):
    parts = [
        kinds(lib, "ConstantLR")(optimizer, 0.5, 3),
        kinds(lib, "PolynomialLR")(optimizer, 30),
    ]
    return kinds(lib, "SequentialLR")(optimizer, parts, milestones=[0])


SCHEDULERS = [
    simple("LambdaLR", two),
    simple("LambdaLR", lr_lambda=[two, Decay(0.9)]),
    simple("MultiplicativeLR", lambda epoch: 0.95),
    simple("MultiplicativeLR", [two, Decay(0.99)]),
    simple("StepLR", 7),
    simple("StepLR", step_size=5, gamma=0.7),
    simple("StepLR", 1, 1.02),
    simple("MultiStepLR", [3, 10, 10, 40]),
    simple("MultiStepLR", milestones=(0, 30), gamma=0.5),
    simple("ConstantLR"),
    simple("ConstantLR", factor=0.2, total_iters=11),
    simple("LinearLR"),
    simple("LinearLR", start_factor=0.01, end_factor=0.7, total_iters=13),
    simple("LinearLR", 1.0, 0.0, 9),
    simple("ExponentialLR", 0.97),
    simple("ExponentialLR", gamma=0.0),
    simple("CosineAnnealingLR", 60),
    simple("CosineAnnealingLR", T_max=7, eta_min=0.05),
    simple("CosineAnnealingLR", 1),
    simple("CosineAnnealingLR", 12.0, eta_min=0.3),
    simple("CosineAnnealingWarmRestarts", 6),
    simple("CosineAnnealingWarmRestarts", T_0=3, T_mult=2, eta_min=0.01),
    simple("PolynomialLR"),
    simple("PolynomialLR", total_iters=40, power=2.5),
    simple("PolynomialLR", 10, 0.0),
    simple("CyclicLR", 0.1, 0.4, 4),
    simple("CyclicLR", [0.1, 0.2], [0.4, 1.0], step_size_up=3, step_size_down=8),
    simple("CyclicLR", 0.1, 0.4, 4, mode="triangular2", base_momentum=0.5, max_momentum=0.99),
    simple("CyclicLR", 0.1, 0.4, 5, mode="exp_range", gamma=0.97),
    simple("CyclicLR", 0.1, 0.4, 5, scale_fn=two, scale_mode="iterations"),
    simple("CyclicLR", 0.1, 0.4, 5, scale_fn=Decay(0.9), cycle_momentum=False),
    simple("OneCycleLR", 1.0, 61),
    simple("OneCycleLR", [1.0, 2.0], epochs=10, steps_per_epoch=7, anneal_strategy="linear"),
    simple("OneCycleLR", 0.3, 70, three_phase=True, base_momentum=0.1, max_momentum=0.8),
    simple("OneCycleLR", 0.3, 65, pct_start=0.55, div_factor=5.0, final_div_factor=10.0),
    simple("OneCycleLR", 0.3, 65, pct_start=0.0, cycle_momentum=False),
    pytest.param(chained, id="chained"),
    pytest.param(sequential, id="sequential"),
    pytest.param(from_the_second, id="from the second"),
]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_learning_rates(schedule, kind):
    optimizers = both(lambda lib: make(lib, kind))
    schedulers = [schedule(*pair) for pair in zip(LIBRARIES, optimizers, strict=True)]
    walk(optimizers, schedulers)


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_learning_rates_as_tensors(schedule):
    optimizers = both(lambda lib: make(lib, lr=0.25))
    kept = [group["lr"] for o in optimizers for group in o.param_groups]
    schedulers = [schedule(*pair) for pair in zip(LIBRARIES, optimizers, strict=True)]
    walk(optimizers, schedulers, 30)
    now = [group["lr"] for o in optimizers for group in o.param_groups]
    assert all(a is b for a, b in zip(kept, now, strict=True))


@pytest.mark.parametrize("schedule", SCHEDULERS)
def test_states_in_the_middle(schedule, tmp_path):
    optimizers = both(make)
    schedulers = [schedule(*pair) for pair in zip(LIBRARIES, optimizers, strict=True)]
    walk(optimizers, schedulers, 17)
    states = [copy.deepcopy(s.state_dict()) for s in schedulers]
    assert states[0].keys() == states[1].keys()
    assert states[0] == plain(states[1])
    cr.save(states[0], tmp_path / "state")
    # New ones go on: ours from the file, and once more from PyTorch's state.
    for state in (cr.load(tmp_path / "state"), states[1]):
        again = both(make)
        schedulers = [schedule(*pair) for pair in zip(LIBRARIES, again, strict=True)]
        schedulers[0].load_state_dict(state)
        schedulers[1].load_state_dict(copy.deepcopy(states[1]))
        for new, old in zip(again, optimizers, strict=True):
            new.load_state_dict(old.state_dict())
            new.step()
        walk(again, schedulers, 30)


# Of those that take last_epoch; a fresh process has the groups' settings from the state dict.
RESUMED = [
    param for param in SCHEDULERS if not {"chained", "sequential", "from the second"} & {param.id}
]


@pytest.mark.parametrize("schedule", RESUMED)
def test_going_on_by_last_epoch(schedule):
    optimizers = both(make)
    schedulers = [schedule(*pair) for pair in zip(LIBRARIES, optimizers, strict=True)]
    walk(optimizers, schedulers, 13)
    rest = []
    for lib, old in zip(LIBRARIES, optimizers, strict=True):
        new = make(lib)
        new.load_state_dict(old.state_dict())
        new.step()
        rest.append(new)
    kind, (args, kwargs) = type(schedulers[0]).__name__, arguments(schedule)
    schedulers = [
        kinds(lib, kind)(new, *args, **kwargs, last_epoch=12)
        for lib, new in zip(LIBRARIES, rest, strict=True)
    ]
    walk(rest, schedulers, 40)


def arguments(schedule):
    """What `simple` was given."""
    args, kwargs, _ = (cell.cell_contents for cell in schedule.__closure__)
    return args, kwargs


OTHERS = ("Multiplicative", "CosineAnnealingWarm", "OneCycle", "chained", "sequential", "from")
CLOSED = [param for param in SCHEDULERS if not param.id.startswith(OTHERS)]


@pytest.mark.parametrize("schedule", CLOSED)
def test_epochs_by_number(schedule):
    optimizers = both(make)
    schedulers = [schedule(*pair) for pair in zip(LIBRARIES, optimizers, strict=True)]
    for epoch in (3, 40, 0, 7, 11):
        for optimizer, scheduler in zip(optimizers, schedulers, strict=True):
            optimizer.step()
            with pytest.warns(UserWarning, match="deprecated"):
                scheduler.step(epoch)
        assert [*settings(optimizers[0])] == pytest.approx([*settings(optimizers[1])], rel=1e-12)


@pytest.mark.parametrize("mult", [1, 2, 4])
def test_warm_restarts_at_fractions(mult):
    optimizers = both(make)
    schedulers = [
        kinds(lib, "CosineAnnealingWarmRestarts")(optimizer, 5, mult, 0.01)
        for lib, optimizer in zip(LIBRARIES, optimizers, strict=True)
    ]
    for quarter in range(200):
        for scheduler in schedulers:
            scheduler.step(quarter / 4)
        assert [*settings(optimizers[0])] == pytest.approx([*settings(optimizers[1])], rel=1e-12)
        assert schedulers[0].state_dict() == plain(schedulers[1].state_dict())


PLATEAUS = [
    {},
    {"mode": "max", "factor": 0.5, "patience": 2},
    {"threshold": 0.2, "threshold_mode": "abs", "patience": 1, "cooldown": 3},
    {"mode": "max", "threshold": 0.1, "threshold_mode": "abs", "patience": 0},
    {"min_lr": [0.05, 0.2], "factor": 0.3, "patience": 0},
    {"min_lr": 0.01, "eps": 0.2, "patience": 1},
    {"patience": 1, "cooldown": 1, "factor": 0.0},
]


@pytest.mark.parametrize("lr", [None, 0.3])
@pytest.mark.parametrize("flags", PLATEAUS, ids=str)
def test_plateaus(flags, lr):
    measures = [5.0, 4.0, 4.0, float("nan"), 3.9, 3.95, 3.99, 3.9, 1.0, 2.0, 2.0, 2.0, -1.0, -1.05]
    measures += [cr.tensor(0.5)] + [0.3] * 20 + [float("inf"), float("-inf"), 0.0]
    optimizers = both(lambda lib: make(lib, lr=lr))
    schedulers = [
        kinds(lib, "ReduceLROnPlateau")(optimizer, **flags)
        for lib, optimizer in zip(LIBRARIES, optimizers, strict=True)
    ]
    for turn, measure in enumerate(measures):
        for scheduler in schedulers:
            scheduler.step(measure)
        states = [scheduler.state_dict() for scheduler in schedulers]
        for state in states:
            state["_last_lr"] = [float(lr) for lr in state["_last_lr"]]
        assert states[0] == plain(states[1])
        assert [*settings(optimizers[0])] == pytest.approx([*settings(optimizers[1])], rel=1e-12)
        if turn == 9:
            fresh = kinds(cr, "ReduceLROnPlateau")(optimizers[0])
            fresh.load_state_dict(states[1])
            schedulers[0] = fresh


def test_one_step_too_many_of_one_cycle():
    for lib in LIBRARIES:
        optimizer = make(lib)
        scheduler = kinds(lib, "OneCycleLR")(optimizer, 1.0, 3)
        for _ in range(3):
            optimizer.step()
            scheduler.step()
        with pytest.raises(ValueError):
            scheduler.step()


def test_names_and_arguments():
    names = {*torch.optim.lr_scheduler.__all__}
    assert {*cr.optim.lr_scheduler.__all__} == names
    for name in names:
        ours, theirs = (inspect.signature(kinds(lib, name).__init__) for lib in LIBRARIES)
        assert [(p.name, p.default, p.kind) for p in ours.parameters.values()] == [
            (p.name, p.default, p.kind) for p in theirs.parameters.values()
        ], name


def test_a_user_changes_the_rate_of_a_chain():
    optimizers = both(make)
    schedulers = [
        kinds(lib, "ExponentialLR")(optimizer, 0.9)
        for lib, optimizer in zip(LIBRARIES, optimizers, strict=True)
    ]

    def halve(epoch):
        for optimizer in optimizers:
            if epoch == 5:
                optimizer.param_groups[1]["lr"] *= 0.5
            if epoch == 9:
                lib = cr if optimizer is optimizers[0] else torch
                optimizer.add_param_group({"params": [lib.nn.Parameter(lib.ones(3))], "lr": 3.0})

    walk(optimizers, schedulers, act=halve)
    assert len(schedulers[0].get_last_lr()) == 3


def test_get_lr_from_outside_warns():
    for lib in LIBRARIES:
        scheduler = kinds(lib, "StepLR")(make(lib), 2)
        with pytest.warns(UserWarning, match="get_last_lr"):
            assert scheduler.get_lr() == [0.2, 0.5]


def test_a_step_before_the_optimizers_warns():
    for lib in LIBRARIES:
        optimizer = make(lib)
        scheduler = kinds(lib, "StepLR")(optimizer, 2)
        with pytest.warns(UserWarning, match="before"):
            scheduler.step()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()
            scheduler = kinds(lib, "StepLR")(optimizer, 2)
            optimizer.step()
            scheduler.step()
