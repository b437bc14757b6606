"""Optimizers and groups that are made of what they cannot use: parameters and settings."""

import inspect
import math

import pytest

import chainrule as cr
from optim_problem import weight


def rprop(**settings):
    return cr.optim.Rprop([weight()], **settings)


def adagrad(**settings):
    return cr.optim.Adagrad([weight()], **settings)


def lamb(bounds):
    return cr.optim.LAMB([weight()], norm_bounds=bounds)


@pytest.mark.parametrize(
    ("error", "words", "act"),
    [
        (TypeError, "iterable", lambda: cr.optim.SGD(weight())),
        (TypeError, "tensors", lambda: cr.optim.SGD([3])),
        (TypeError, "iter", lambda: cr.optim.SGD(3)),
        (TypeError, "order", lambda: cr.optim.SGD([{"params": {weight()}}])),
        (TypeError, "params", lambda: cr.optim.SGD([{"lr": 3}])),
        (ValueError, "at least one", lambda: cr.optim.SGD([])),
        (ValueError, "leaf", lambda: cr.optim.Adam([weight() * 2])),
        (ValueError, "twice", lambda: cr.optim.SGD([weight()] * 2)),
        (ValueError, "twice", lambda: cr.optim.SGD([{"params": [p]} for p in [weight()] * 2])),
        (ValueError, r"lr >= 0; got -1", lambda: cr.optim.SGD([weight()], lr=-1)),
        (ValueError, r"lr >= 0; got nan", lambda: cr.optim.Adam([weight()], lr=float("nan"))),
        (ValueError, "one element", lambda: cr.optim.SGD([weight()], lr=cr.ones(2))),
        (ValueError, "momentum >= 0", lambda: cr.optim.SGD([weight()], momentum=-0.1)),
        (ValueError, "weight_decay >= 0", lambda: cr.optim.SGD([weight()], weight_decay=-1)),
        (ValueError, "nesterov", lambda: cr.optim.SGD([weight()], nesterov=True)),
        (
            ValueError,
            "dampening",
            lambda: cr.optim.SGD([weight()], momentum=0.9, dampening=0.1, nesterov=True),
        ),
        (ValueError, r"betas\[0\] < 1; got 1", lambda: cr.optim.Adam([weight()], betas=(1, 0.9))),
        (ValueError, r"betas\[1\]", lambda: cr.optim.Adam([weight()], betas=(0.9, -0.1))),
        (ValueError, "two betas", lambda: cr.optim.Adam([weight()], betas=(0.9,))),
        (ValueError, r"\[AdamW\].*eps >= 0", lambda: cr.optim.AdamW([weight()], eps=-1)),
        (ValueError, "weight_decay", lambda: cr.optim.AdamW([weight()], weight_decay=-1)),
        (ValueError, "lr", lambda: cr.optim.SGD([{"params": [weight()], "lr": -1}])),
        (ValueError, r"\[Rprop\].*0 < etas\[0\] < 1; got 1", lambda: rprop(etas=(1, 2))),
        (ValueError, r"etas\[1\] > 1; got 1", lambda: rprop(etas=(0.5, 1))),
        (ValueError, r"two etas; got \(0.5,\)", lambda: rprop(etas=(0.5,))),
        (ValueError, r"step_sizes\[0\] >= 0; got -1", lambda: rprop(step_sizes=(-1, 1))),
        (ValueError, r"step_sizes\[1\] >= 0; got nan", lambda: rprop(step_sizes=(0, math.nan))),
        (ValueError, r"0 <= nus\[0\] <= 1; got 2", lambda: cr.optim.QHAdam([weight()], nus=(2, 1))),
        (ValueError, r"betas\[1\] < 1", lambda: cr.optim.QHAdam([weight()], betas=(0.9, 1))),
        (ValueError, r"\[Lion\].*betas\[0\] < 1", lambda: cr.optim.Lion([weight()], betas=(1, 0))),
        (ValueError, "a finite t0; got inf", lambda: cr.optim.ASGD([weight()], t0=math.inf)),
        (ValueError, "a finite lambd; got nan", lambda: cr.optim.ASGD([weight()], lambd=math.nan)),
        (ValueError, "0 <= rho <= 1; got 2", lambda: cr.optim.Adadelta([weight()], rho=2)),
        (ValueError, r"finite norm_bounds\[0\] >= 0; got inf", lambda: lamb((math.inf, math.inf))),
        (ValueError, r"finite norm_bounds\[0\] >= 0; got nan", lambda: lamb((math.nan, 1))),
        (ValueError, r"norm_bounds\[1\] >= 0; got nan", lambda: lamb((0, math.nan))),
        (ValueError, r"\[0\] <= norm_bounds\[1\]; got 2 and 1", lambda: lamb((2, 1))),
        (ValueError, "alpha >= 0; got -1", lambda: cr.optim.RMSprop([weight()], alpha=-1)),
        (RuntimeError, "fused", lambda: cr.optim.Adagrad([weight()], fused=True, foreach=True)),
    ],
)
def test_misuse(error, words, act):
    with pytest.raises(error, match=words):
        act()


@pytest.mark.parametrize(
    ("words", "act"),
    [
        (r"\[SGD\] expected lr to be a number; got 'a'", lambda: cr.optim.SGD([weight()], lr="a")),
        ("lr to be a number; got '0.1'", lambda: cr.optim.SGD([weight()], lr="0.1")),
        ("lr to be a number; got None", lambda: cr.optim.Adam([weight()], lr=None)),
        ("lr to be a number; got 1j", lambda: cr.optim.Adam([weight()], lr=1j)),
        ("momentum to be a number", lambda: cr.optim.SGD([weight()], momentum=None)),
        ("dampening to be a number", lambda: cr.optim.SGD([weight()], dampening="a")),
        ("weight_decay to be a number", lambda: cr.optim.SGD([weight()], weight_decay=None)),
        ("weight_decay to be a number", lambda: cr.optim.AdamW([weight()], weight_decay=[1])),
        ("eps to be a number", lambda: cr.optim.Adam([weight()], eps=cr.tensor(1e-8))),
        (r"\[Adam\] expected two betas; got 5", lambda: cr.optim.Adam([weight()], betas=5)),
        (r"betas\[0\] to be a number", lambda: cr.optim.Adam([weight()], betas=("a", "b"))),
        (
            "nesterov to be True or False; got 1",
            lambda: cr.optim.SGD([weight()], momentum=0.9, nesterov=1),
        ),
        (
            "amsgrad to be True or False; got 'yes'",
            lambda: cr.optim.Adam([weight()], amsgrad="yes"),
        ),
        (
            "constant_bias_correction to be True or False; got 1",
            lambda: cr.optim.Adam([weight()], constant_bias_correction=1),
        ),
        (
            "lr_in_velocity to be True or False; got None",
            lambda: cr.optim.SGD([weight()], lr_in_velocity=None),
        ),
        (
            "centered to be True or False; got None",
            lambda: cr.optim.RMSprop([weight()], centered=None),
        ),
        (
            "eps_in_root to be True or False; got 'yes'",
            lambda: cr.optim.Adagrad([weight()], eps_in_root="yes"),
        ),
        ("two step_sizes; got 1", lambda: rprop(step_sizes=1)),
        ("initial_accumulator_value to be", lambda: adagrad(initial_accumulator_value="0")),
        (r"\[SGD\] expected an iterable of tensors or dicts as params", lambda: cr.optim.SGD(3)),
        (r"\[SGD\] expected an iterable", lambda: cr.optim.SGD([{"params": 3}])),
        (r"\(name, tensor\) pairs", lambda: cr.optim.SGD([(weight(),)])),
        (r"\(name, tensor\) pairs", lambda: cr.optim.SGD([(weight(), weight())])),
    ],
)
def test_a_setting_of_another_type(words, act):
    with pytest.raises(TypeError, match=words):
        act()


NAMES = [name for name in dir(cr.optim) if not name.startswith("_")]
OPTIMIZERS = [v for v in (getattr(cr.optim, n) for n in NAMES) if isinstance(v, type)]
OPTIMIZERS.remove(cr.optim.Optimizer)
FLAGS = [
    (cls, name, "None" in parameter.annotation)
    for cls in OPTIMIZERS
    for name, parameter in inspect.signature(cls).parameters.items()
    if parameter.annotation in ("bool", "bool | None")
]


def test_flags_are_found_of_every_optimizer():
    assert len(OPTIMIZERS) > 15 and {cls for cls, _, _ in FLAGS} == set(OPTIMIZERS)
    names = {name for _, name, _ in FLAGS}
    assert names > {"foreach", "capturable", "differentiable", "fused", "maximize", "nesterov"}


@pytest.mark.parametrize(("cls", "flag", "optional"), FLAGS)
def test_every_flag_is_a_bool(cls, flag, optional):
    matrix = cr.ones(2, 2, requires_grad=True)
    wrong = ["x", "no", 1, 0, 0.5, math.nan, [], cr.tensor(True), bool]
    for value in wrong if optional else [*wrong, None]:
        with pytest.raises(TypeError, match=rf"^\[{cls.__name__}\] expected {flag} to be .*; got"):
            cls([matrix], **{flag: value})
        with pytest.raises(TypeError, match=rf"^\[{cls.__name__}\] expected {flag} to be .*; got"):
            cls([{"params": [matrix], flag: value}])
    taken = [True, False, None] if optional else [True, False]
    for value in taken:
        more = {"momentum": 0.9} if flag == "nesterov" and cls is cr.optim.SGD else {}
        assert cls([matrix], **{flag: value}, **more).param_groups[0].get(flag, False) is value


def test_a_failed_group_changes_nothing():
    w = weight()
    optimizer = cr.optim.SGD([w])
    for group in ({"params": [w]}, {"params": [weight()], "lr": -1}, {"params": [weight(), 3]}):
        with pytest.raises((ValueError, TypeError)):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1
