"""`lr=` as a function of the count of steps: the formulas, the count, state dicts, errors."""

import copy
import pickle
import re

import pytest

import chainrule as cr
from chainrule.optim import lr_scheduler, schedules


def make(lr, cls=cr.optim.SGD, **more):
    w = cr.nn.Parameter(cr.zeros(1, dtype=cr.float64))
    w.grad = cr.ones(1, dtype=cr.float64)
    return cls([w], lr=lr, **more)


def moves(optimizer, steps=60):
    """How far each step of SGD with a gradient of 1 goes: the learning rates it has used."""
    (w,) = optimizer.param_groups[0]["params"]
    found = []
    for _ in range(steps):
        with cr.no_grad():
            w.zero_()
        optimizer.step()
        found.append(-w.item())
    return found


# A schedule, and the scheduler whose learning rates it has from the same initial one.
PAIRS = [
    ("exponential", (0.2, 0.97), lambda o: lr_scheduler.ExponentialLR(o, 0.97)),
    ("exponential", (0.2, 0.0), lambda o: lr_scheduler.ExponentialLR(o, 0.0)),
    ("step", (0.2, 7), lambda o: lr_scheduler.StepLR(o, 7)),
    ("step", (0.2, 3, 0.7), lambda o: lr_scheduler.StepLR(o, 3, 0.7)),
    ("multi_step", (0.2, [3, 10, 10]), lambda o: lr_scheduler.MultiStepLR(o, [3, 10, 10])),
    ("multi_step", (0.2, [0], 0.5), lambda o: lr_scheduler.MultiStepLR(o, [0], 0.5)),
    ("linear", (0.2,), lambda o: lr_scheduler.LinearLR(o)),
    ("linear", (0.2, 0.01, 0.7, 13), lambda o: lr_scheduler.LinearLR(o, 0.01, 0.7, 13)),
    ("polynomial", (0.2,), lambda o: lr_scheduler.PolynomialLR(o)),
    ("polynomial", (0.2, 40, 2.5), lambda o: lr_scheduler.PolynomialLR(o, 40, 2.5)),
    ("cosine_annealing", (0.2, 60), lambda o: lr_scheduler.CosineAnnealingLR(o, 60)),
    ("cosine_annealing", (0.2, 7, 0.05), lambda o: lr_scheduler.CosineAnnealingLR(o, 7, 0.05)),
    *(
        (
            "cosine_annealing_warm_restarts",
            (0.2, *args),
            lambda o, args=args: lr_scheduler.CosineAnnealingWarmRestarts(o, *args),
        )
        for args in ((6,), (3, 2, 0.01), (1, 3), (10, 4))
    ),
    *(
        (
            "cyclic",
            (0.2, 0.9, *args),
            lambda o, args=args: lr_scheduler.CyclicLR(o, 0.2, 0.9, *args, cycle_momentum=False),
        )
        for args in ((4,), (3, 8), (4, 4, "triangular2"), (5, 2, "exp_range", 0.97))
    ),
    *(
        (
            "one_cycle",
            (0.9, 61, *args),
            lambda o, args=args: lr_scheduler.OneCycleLR(
                o, 0.9, 61, None, None, *args[:2], False, 0.8, 0.9, *args[2:]
            ),
        )
        for args in (
            (0.3, "cos"),
            (0.5, "linear"),
            (0.2, "cos", 5.0, 10.0, True),
            (0.4, "linear", 25.0, 1e4, True),
            (0.0, "cos"),
        )
    ),
]


@pytest.mark.parametrize(("name", "args", "scheduler"), PAIRS)
def test_rates_are_those_of_the_scheduler(name, args, scheduler):
    schedule = getattr(schedules, name)(*args)
    optimizer = make(0.2)
    beside, expected = scheduler(optimizer), []
    for _ in range(60):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        beside.step()
    assert [schedule(t) for t in range(60)] == pytest.approx(expected, rel=1e-11, abs=1e-15)
    assert moves(make(schedule)) == pytest.approx(expected, rel=1e-11, abs=1e-15)
    assert repr(schedule).startswith(f"{name}(") and schedule(3) == pickled(schedule)(3)


def pickled(value):
    return pickle.loads(pickle.dumps(value))


def test_one_after_another_and_products():
    def tail(t):
        return 0.5 / (1 + t)

    parts = [schedules.linear(1.0, 0.25, total_iters=3), lambda t: 0.75, tail]
    schedule = schedules.sequential(parts, [3, 5])
    expected = [0.25, 0.5, 0.75, 0.75, 0.75, 0.5, 0.25, 0.5 / 3]
    assert [schedule(t) for t in range(8)] == pytest.approx(expected, rel=1e-12)
    product = schedules.chained([schedule, schedules.exponential(1.0, 0.5), lambda t: 2])
    expected = [2 * e * 0.5**t for t, e in enumerate(expected)]
    assert moves(make(product), 8) == pytest.approx(expected, rel=1e-12)
    assert schedule(cr.tensor(5)).item() == 0.5  # an int64 tensor is as good


def test_warm_restarts_are_exact_at_every_restart():
    for mult in (2, 3, 5, 7, 10):
        schedule = schedules.cosine_annealing_warm_restarts(1.0, 10, mult)
        begin, length = 0, 10
        while begin < 2**40:
            assert schedule(begin) == 1.0
            assert schedule(begin + length - 1) < 0.1
            begin, length = begin + length, length * mult


@pytest.mark.parametrize("cls", [cr.optim.SGD, cr.optim.Adam, cr.optim.AdamW])
def test_a_function_of_ones_own_and_the_count(cls):
    optimizer = make(lambda t: 0.5 / (1 + t), cls)
    expected = make(0.5, cls)
    for t in range(5):
        expected.param_groups[0]["lr"] = 0.5 / (1 + t)
        for each in (optimizer, expected):
            each.step()
    w, v = (o.param_groups[0]["params"][0] for o in (optimizer, expected))
    assert w.item() == pytest.approx(v.item(), rel=1e-12)
    steps = optimizer.param_groups[0]["lr_step"]
    assert steps.item() == 5 and steps.dtype == cr.float64
    optimizer.param_groups[0]["lr_step"] = 0  # begins again
    optimizer.step()
    assert optimizer.param_groups[0]["lr_step"].item() == 1


def test_each_group_counts_its_own_steps():
    v, w = (cr.nn.Parameter(cr.zeros(1, dtype=cr.float64)) for _ in range(2))
    v.grad = w.grad = cr.ones(1, dtype=cr.float64)
    optimizer = cr.optim.SGD([v], lr=schedules.exponential(1.0, 0.5))
    optimizer.step()
    optimizer.add_param_group({"params": [w]})
    optimizer.step()
    assert (v.item(), w.item()) == (-1.5, -1.0)
    optimizer.param_groups[1]["lr"] = 0.25
    optimizer.step()
    assert (v.item(), w.item()) == (-1.75, -1.25)


def test_states_go_on(tmp_path):
    whole = moves(make(schedules.exponential(0.1, 0.9)), 20)
    optimizer = make(schedules.exponential(0.1, 0.9))
    found = moves(optimizer, 8)
    state = optimizer.state_dict()
    assert state["param_groups"][0]["lr"] == pytest.approx(0.1 * 0.9**8, rel=1e-12)
    cr.save(state, tmp_path / "optimizer")
    other = make(schedules.exponential(0.1, 0.9))
    other.load_state_dict(cr.load(tmp_path / "optimizer"))
    steps = other.param_groups[0]["lr_step"]
    assert steps is not optimizer.param_groups[0]["lr_step"] and steps.item() == 8
    twin = copy.deepcopy(optimizer)
    assert found + moves(other, 12) == whole == found + moves(twin, 12)
    # Without a schedule of its own, an optimizer goes on with the number.
    plain = make(3.0)
    plain.load_state_dict(state)
    assert moves(plain, 2) == pytest.approx([0.1 * 0.9**8] * 2, rel=1e-12)


def test_a_state_without_a_count_is_refused():
    optimizer = make(schedules.exponential(0.1, 0.9))
    moves(optimizer, 3)
    with pytest.raises(ValueError, match=r"\[SGD\] expected lr_step, .* Set \"lr\" of the groups"):
        optimizer.load_state_dict(make(0.5).state_dict())
    bad = optimizer.state_dict()
    bad["param_groups"][0]["lr_step"] = -1
    with pytest.raises(ValueError, match="expected lr_step >= 0; got -1"):
        optimizer.load_state_dict(bad)
    assert optimizer.param_groups[0]["lr_step"].item() == 3


@pytest.mark.parametrize(
    ("lr", "kind", "text"),
    [
        (lambda t: "fast", TypeError, "what lr returns to be a number; got 'fast'"),
        (lambda t: None, TypeError, "what lr returns to be a number; got None"),
        (lambda t: cr.ones(2), ValueError, "lr to have one element; got shape (2,)"),
        (lambda t: -1.0, ValueError, "lr >= 0; got -1.0"),
        (lambda t: float("nan"), ValueError, "lr >= 0; got nan"),
    ],
)
def test_functions_that_give_no_rate(lr, kind, text):
    with pytest.raises(kind, match=rf"^\[SGD\] expected {re.escape(text)}"):
        make(lr)
    optimizer = make(lambda t: 0.5 if t.item() < 2 else lr(t))
    if kind is TypeError or "shape" in text:
        with pytest.raises(kind, match=rf"^\[SGD\] expected {re.escape(text)}"):
            moves(optimizer, 3)
        assert optimizer.param_groups[0]["lr_step"].item() == 2


def test_a_failed_step_is_not_counted():
    optimizer = make(schedules.exponential(1.0, 0.5), momentum=0.9)
    moves(optimizer, 2)
    (w,) = optimizer.param_groups[0]["params"]
    kept = optimizer.state[w]["momentum_buffer"]
    optimizer.state[w]["momentum_buffer"] = cr.zeros(3, dtype=cr.float64)
    with pytest.raises(ValueError):
        optimizer.step()
    optimizer.state[w]["momentum_buffer"] = kept
    assert optimizer.param_groups[0]["lr_step"].item() == 2


BAD = [
    (lambda: schedules.exponential(-1, 0.9), ValueError, "[exponential] expected 0 <= lr; got -1"),
    (
        lambda: schedules.step(0.1, 2.5),
        TypeError,
        "[step] expected step_size to be an int; got 2.5",
    ),
    (lambda: schedules.multi_step(0.1, [-1]), ValueError, "[multi_step] expected milestones >= 0"),
    (lambda: schedules.linear(0.1, 2), ValueError, "[linear] expected 0 <= start_factor <= 1"),
    (lambda: schedules.polynomial(0.1, 0), ValueError, "[polynomial] expected total_iters >= 1"),
    (
        lambda: schedules.cosine_annealing(0.1, 0),
        ValueError,
        "[cosine_annealing] expected T_max > 0",
    ),
    (
        lambda: schedules.cosine_annealing_warm_restarts(0.1, 0),
        ValueError,
        "[cosine_annealing_warm_restarts] expected T_0 >= 1",
    ),
    (lambda: schedules.cyclic(0.1, 1.0, 0), ValueError, "[cyclic] expected step_size_up > 0"),
    (lambda: schedules.one_cycle(1.0, 0), ValueError, "[one_cycle] expected total_steps >= 1"),
    (lambda: schedules.sequential([], []), ValueError, "[sequential] expected at least one sched"),
    (lambda: schedules.sequential([abs], [1]), ValueError, "[sequential] expected 0 rising miles"),
    (lambda: schedules.sequential([abs] * 3, [2, 2]), ValueError, "[sequential] expected 2 rising"),
    (lambda: schedules.chained([0.1]), TypeError, "[chained] expected a function; got float"),
    (
        lambda: schedules.step(0.1, 3)("a"),
        TypeError,
        "[step] expected step to be a number; got 'a'",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), BAD, ids=[text for *_, text in BAD])
def test_nonsense_is_refused(call, kind, text):
    with pytest.raises(kind, match=f"^{re.escape(text)}"):
        call()


def test_a_scheduler_wants_a_number():
    with pytest.raises(TypeError, match=r"\[StepLR\] expected a number or a tensor as lr"):
        lr_scheduler.StepLR(make(schedules.exponential(0.1, 0.9)), 2)
