"""Schedulers: arguments, states, other optimizers, and composed ones where PyTorch has none."""

import copy
import math
import re
import warnings

import pytest

import chainrule as cr
from chainrule.optim import lr_scheduler as schedules


def make(lr=0.5, cls=cr.optim.SGD, **more):
    return cls([cr.nn.Parameter(cr.ones(2))], lr=lr, **more)


def rates(optimizer, scheduler, steps):
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


# ---- arguments

NAN, INF = math.nan, math.inf
STEPS = "total_steps, or epochs and steps_per_epoch"
BAD = [
    ("StepLR", (2.0,), TypeError, "step_size to be an int; got 2.0"),
    ("StepLR", (0,), ValueError, "step_size >= 1; got 0"),
    ("StepLR", (True,), TypeError, "step_size to be an int; got True"),
    ("StepLR", (1, -0.1), ValueError, "0 <= gamma; got -0.1"),
    ("StepLR", (1, NAN), ValueError, "0 <= gamma; got nan"),
    ("StepLR", (1, "0.1"), TypeError, "gamma to be a number; got '0.1'"),
    ("StepLR", (1, 0.1, -2), ValueError, "last_epoch >= -1; got -2"),
    ("MultiStepLR", (3,), TypeError, "milestones as integers in a list; got 3"),
    ("MultiStepLR", ([0.5],), TypeError, "milestones to be an int; got 0.5"),
    ("MultiStepLR", ([-1],), ValueError, "milestones >= 0; got -1"),
    ("ExponentialLR", (cr.tensor(0.5),), TypeError, "gamma to be a number"),
    ("ExponentialLR", (INF,), ValueError, "0 <= gamma; got inf"),
    ("PolynomialLR", (0,), ValueError, "total_iters >= 1; got 0"),
    ("PolynomialLR", (5, -1), ValueError, "0 <= power; got -1"),
    ("ConstantLR", (0.0,), ValueError, "factor > 0; got 0.0"),
    ("ConstantLR", (1.5,), ValueError, "0 <= factor <= 1; got 1.5"),
    ("ConstantLR", (0.5, 0), ValueError, "total_iters >= 1; got 0"),
    ("LinearLR", (0,), ValueError, "start_factor > 0; got 0"),
    ("LinearLR", (0.5, 1.1), ValueError, "0 <= end_factor <= 1; got 1.1"),
    ("LinearLR", (0.5, 1.0, 0), ValueError, "total_iters >= 1; got 0"),
    ("CosineAnnealingLR", (0,), ValueError, "T_max > 0; got 0"),
    ("CosineAnnealingLR", (5, NAN), ValueError, "0 <= eta_min; got nan"),
    ("CosineAnnealingLR", (5, -1), ValueError, "0 <= eta_min; got -1"),
    ("CosineAnnealingWarmRestarts", (0,), ValueError, "T_0 >= 1; got 0"),
    ("CosineAnnealingWarmRestarts", (2.0,), ValueError, "T_0 to be an int; got 2.0"),
    ("CosineAnnealingWarmRestarts", (2, 1, -0.1), ValueError, "0 <= eta_min; got -0.1"),
    ("CosineAnnealingWarmRestarts", (2, 1.5), ValueError, "T_mult to be an int; got 1.5"),
    ("LambdaLR", (0.5,), TypeError, "a function; got float"),
    ("LambdaLR", ([abs, abs],), ValueError, "lr_lambda for 1 groups; got 2 functions"),
    ("MultiplicativeLR", (None,), TypeError, "a function; got None"),
    ("CyclicLR", (0.1, [1.0, 1.0]), ValueError, "max_lr for 1 groups; got 2 numbers"),
    ("CyclicLR", (NAN, 1.0), ValueError, "0 <= base_lr; got nan"),
    ("CyclicLR", (-0.1, 1.0), ValueError, "0 <= base_lr; got -0.1"),
    ("CyclicLR", (0.1, [-0.2]), ValueError, "0 <= max_lr; got -0.2"),
    ("CyclicLR", (0.1, 1.0, 0), ValueError, "step_size_up > 0; got 0"),
    ("CyclicLR", (0.1, 1.0, 5, -1), ValueError, "step_size_down > 0; got -1"),
    ("CyclicLR", (0.1, 1.0, 5, 5, "saw"), ValueError, "mode to be 'triangular' or"),
    ("CyclicLR", (0.1, 1.0, 5, 5, "triangular", 1.0, 3), TypeError, "a function; got int"),
    ("OneCycleLR", (1.0,), ValueError, "total_steps, or epochs and steps_per_epoch; got neither"),
    ("OneCycleLR", (-0.1, 9), ValueError, "0 <= max_lr; got -0.1"),
    ("OneCycleLR", (1.0,), ValueError, f"{STEPS}; got neither"),
    ("OneCycleLR", (1.0, None, 3), ValueError, f"{STEPS}; got no steps_per_epoch"),
    ("OneCycleLR", (1.0, None, None, 3), ValueError, f"{STEPS}; got no epochs"),
    ("OneCycleLR", (1.0, 0), ValueError, "total_steps >= 1; got 0"),
    ("OneCycleLR", (1.0, None, 3, 1.5), ValueError, "steps_per_epoch to be an int; got 1.5"),
    ("OneCycleLR", (1.0, 9, None, None, 1.2), ValueError, "0 <= pct_start <= 1; got 1.2"),
    ("OneCycleLR", (1.0, 9, None, None, 0.3, "sin"), ValueError, "anneal_strategy to be 'cos' or"),
    ("ReduceLROnPlateau", ("least",), ValueError, "mode to be 'min' or 'max'; got 'least'"),
    ("ReduceLROnPlateau", ("min", 1.0), ValueError, "0 <= factor < 1; got 1.0"),
    ("ReduceLROnPlateau", ("min", 0.1, -1), ValueError, "patience >= 0; got -1"),
    ("ReduceLROnPlateau", ("min", 0.1, 1, -1.0), ValueError, "0 <= threshold; got -1.0"),
    ("ReduceLROnPlateau", ("min", 0.1, 1, 0.1, "x"), ValueError, "threshold_mode to be 'rel' or"),
    ("SequentialLR", ([], []), ValueError, "at least one scheduler; got none"),
    ("SequentialLR", ([3], []), TypeError, "schedulers; got int at 0"),
]


@pytest.mark.parametrize(("name", "args", "kind", "text"), BAD, ids=str)
def test_nonsense_is_refused_and_changes_nothing(name, args, kind, text):
    optimizer = make(momentum=0.3)
    before = {k: v for k, v in optimizer.param_groups[0].items() if k != "params"}
    with pytest.raises(kind, match=rf"^\[{name}\] expected {re.escape(text)}"):
        getattr(schedules, name)(optimizer, *args)
    assert {k: v for k, v in optimizer.param_groups[0].items() if k != "params"} == before


@pytest.mark.parametrize("name", [n for n in schedules.__all__ if n != "ChainedScheduler"])
def test_an_optimizer_is_wanted(name):
    first = {"CyclicLR": (0.1, 0.2), "OneCycleLR": (1.0, 5), "SequentialLR": ([1], [])}
    more = first.get(name, () if name in {"LRScheduler", "ReduceLROnPlateau"} else (abs,))
    if name in {"StepLR", "ExponentialLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts"}:
        more = (1,)
    more = {"MultiStepLR": ([1],), "ConstantLR": (), "LinearLR": (), "PolynomialLR": ()}.get(
        name, more
    )
    with pytest.raises(TypeError, match="expected (an Optimizer; got Linear|schedulers)"):
        getattr(schedules, name)(cr.nn.Linear(1, 1), *more)


def test_momentum_is_wanted_where_it_moves():
    class Plain(cr.optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self):
            pass

    for make_one in (
        lambda o, **more: schedules.CyclicLR(o, 0.1, 0.2, 3, **more),
        lambda o, **more: schedules.OneCycleLR(o, 0.1, 10, **more),
    ):
        with pytest.raises(ValueError, match="momentum or betas; got Plain. Pass cycle_mom"):
            make_one(make(cls=Plain))
        optimizer = make(cls=Plain)
        assert len({*rates(optimizer, make_one(optimizer, cycle_momentum=False), 5)}) > 3
        with pytest.raises(ValueError, match="0 <= base_momentum <= 1; got 1.5"):
            make_one(make(), base_momentum=1.5)


def test_going_on_needs_what_the_first_run_left():
    with pytest.raises(KeyError, match=r"'initial_lr' in group 0 .*last_epoch=3; got none"):
        schedules.StepLR(make(), 2, last_epoch=3)
    optimizer = make()
    schedules.StepLR(optimizer, 2)
    with pytest.raises(KeyError, match="'max_lr' and 'min_lr'"):
        schedules.OneCycleLR(optimizer, 1.0, 10, last_epoch=3, cycle_momentum=False)


def test_one_scheduler_leads_those_of_one_optimizer():
    optimizer, other = make(), make()
    parts = [schedules.StepLR(optimizer, 2), schedules.StepLR(other, 2)]
    plateau = schedules.ReduceLROnPlateau(optimizer)
    for lead in (
        schedules.ChainedScheduler,
        lambda parts: schedules.SequentialLR(optimizer, parts, [3]),
    ):
        with pytest.raises(ValueError, match="schedulers of one optimizer; got another one's at 1"):
            lead(parts)
        with pytest.raises(ValueError, match="takes no measure; got ReduceLROnPlateau at 1"):
            lead([parts[0], plateau])
    for milestones, text in (([], "1 milestones for 2 schedulers; got 0"), ([2, 1], "1 mile")):
        with pytest.raises(ValueError, match=text):
            schedules.SequentialLR(optimizer, [parts[0]] * 2, milestones)
    with pytest.raises(ValueError, match=r"rising milestones; got \[5, 2\]"):
        schedules.SequentialLR(optimizer, [parts[0]] * 3, [5, 2])


def test_what_a_schedule_gives_must_be_a_number():
    with pytest.raises(TypeError, match=r"\[LambdaLR.step\] expected lr to be a number; got 'a"):
        schedules.LambdaLR(make(lr=1), lambda epoch: "a")
    import numpy as np

    optimizer = make(lr=1)
    schedules.LambdaLR(optimizer, lambda epoch: np.float32(0.5))
    assert type(optimizer.param_groups[0]["lr"]) is float
    with pytest.raises(TypeError, match="expected metrics to be a number; got 'a'"):
        schedules.ReduceLROnPlateau(optimizer).step("a")


def test_a_group_too_many():
    optimizer = make()
    scheduler = schedules.LambdaLR(optimizer, lambda epoch: 1.0)
    plateau = schedules.ReduceLROnPlateau(optimizer, min_lr=[0.1], patience=0)
    optimizer.add_param_group({"params": [cr.nn.Parameter(cr.ones(1))]})
    optimizer.step()
    with pytest.raises(ValueError, match=r"\[LambdaLR.step\] expected learning rates for 2 groups"):
        scheduler.step()
    with pytest.raises(RuntimeError, match="expected 1 groups, as when min_lr"):
        [plateau.step(1.0) for _ in range(3)]


# ---- states


def test_a_state_of_another_scheduler_is_refused():
    optimizer = make()
    scheduler = schedules.StepLR(optimizer, 2)
    others = [schedules.ExponentialLR(make(), 0.5).state_dict(), {}, {"last_epoch": 3}]
    before = dict(scheduler.state_dict())
    for state in others:
        with pytest.raises(ValueError, match=r"\[StepLR\] expected the state of a StepLR; got"):
            scheduler.load_state_dict(state)
    with pytest.raises(TypeError, match="expected a dict as state of a scheduler; got list"):
        scheduler.load_state_dict([])
    assert scheduler.state_dict() == before
    functions = schedules.LambdaLR(make(), lambda epoch: 1.0)
    with pytest.raises(ValueError, match="state of 1 functions; got 2"):
        functions.load_state_dict({**functions.state_dict(), "lr_lambdas": [None, None]})


@pytest.mark.parametrize("copied", [False, True])
def test_the_lectures_schedule_survives_a_file(tmp_path, copied):
    """lr times lambda after every step: 000_4bfdbb0e825250a6.txt."""
    optimizer = make(0.1)
    scheduler = schedules.ExponentialLR(optimizer, 0.99)
    found = rates(optimizer, scheduler, 30)
    if copied:
        optimizer, scheduler = copy.deepcopy((optimizer, scheduler))
        assert scheduler.optimizer is optimizer
    else:
        state = {"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
        cr.save(state, tmp_path / "run")
        state = cr.load(tmp_path / "run")
        optimizer = make(7.0)
        scheduler = schedules.ExponentialLR(optimizer, 0.5)
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found += rates(optimizer, scheduler, 30)
    assert found == pytest.approx([0.1 * 0.99**t for t in range(60)], rel=1e-12)


# ---- optimizers of the user's own


def test_an_optimizer_of_ones_own():
    class Plain(cr.optim.Optimizer):
        steps = 0

        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def step(self, closure=None):
            """Counts."""
            self.steps += 1

    optimizer = make(1.0, Plain)
    scheduler = schedules.StepLR(optimizer, 1, 0.5)
    with pytest.warns(UserWarning, match="before scheduler.step"):
        scheduler.step()
    optimizer = make(1.0, Plain)
    scheduler = schedules.StepLR(optimizer, 1, 0.5)
    assert optimizer.step.__doc__ == "Counts."
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rates(optimizer, scheduler, 3) == [1.0, 0.5, 0.25]
    assert optimizer.steps == 3
    import weakref

    gone = weakref.ref(optimizer)
    del optimizer, scheduler
    assert gone() is None


# ---- where PyTorch has an error or a wrong rate


def chain(optimizer):
    return schedules.ChainedScheduler(
        [schedules.ConstantLR(optimizer, 0.5, 2), schedules.ExponentialLR(optimizer, 0.5)]
    )


def test_composed_schedulers_in_a_sequence():
    alone = make(1.0)
    expected = rates(alone, chain(alone), 4)
    assert expected == [0.5, 0.25, 0.25, 0.125]
    optimizer = make(1.0)
    parts = [chain(optimizer), chain(optimizer)]
    assert rates(optimizer, schedules.SequentialLR(optimizer, parts, [4]), 8) == expected * 2

    def pair():
        parts = [schedules.StepLR(optimizer, 1, 0.5), schedules.StepLR(optimizer, 1, 0.1)]
        return schedules.SequentialLR(optimizer, parts, [2])

    optimizer = make(1.0)
    parts = [schedules.ConstantLR(optimizer, 0.5, 9), pair(), pair()]
    found = rates(optimizer, schedules.SequentialLR(optimizer, parts, [2, 5]), 8)
    assert found == pytest.approx([0.5, 0.5, 1.0, 0.5, 1.0, 1.0, 0.5, 1.0], rel=1e-12)


def test_one_cycle_whose_rise_is_no_step():
    optimizer = make()
    scheduler = schedules.OneCycleLR(optimizer, 1.0, 10, pct_start=0.1)
    found = rates(optimizer, scheduler, 10)
    assert found[0] == 1.0 and found == sorted(found, reverse=True) and found[-1] < 1e-5


def test_warm_restarts_are_found_exactly():
    scheduler = schedules.CosineAnnealingWarmRestarts(make(), 10, 3)
    scheduler.step(1210)  # 10 + 30 + 90 + 270 + 810
    assert (scheduler.T_cur, scheduler.T_i) == (0, 2430)
    assert scheduler.get_last_lr() == [0.5]
    with pytest.raises(ValueError, match="0 <= epoch; got -1"):
        scheduler.step(-1)
