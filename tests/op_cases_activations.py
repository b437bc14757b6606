"""The cases of activations but the commonest, which stand in op_cases.py."""

import math

import numpy as np

import twins
from cases import Case, In, samples
from op_cases_forms import INTEGERS, PAIRS, SHAPES, bad, special, unary

F = "nn.functional."
SELU_ALPHA, SELU_SCALE = "1.6732632423543772848", "1.0507009873554804934"


def elu(x, alpha=1.0, width=1.0, scale=1.0):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / width))


def selu(x):
    return elu(x, x.dtype.type(SELU_ALPHA), 1, x.dtype.type(SELU_SCALE))


def celu(x, alpha=1.0):
    return elu(x, alpha, alpha)


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


def hardshrink(x, lambd=0.5):
    return np.where(np.abs(x) <= lambd, 0, x)


def softshrink(x, lambd=0.5):
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


def threshold(x, threshold, value):
    threshold, value = np.asarray([threshold, value]).astype(x.dtype)  # of integers cut, as PyTorch
    return np.where(x <= threshold, value, x)


def mish(x):
    """The difference of squares written out: 1 + tanh needs no digits that are lost."""
    e = np.exp(-np.abs(x))
    below, above = e * (e + 2), 1 + 2 * e
    finite = np.where(x < 0, below / (below + 2), above / (above + 2 * e * e))
    return np.where(x == -np.inf, 0, x) * finite


def squareplus(x, b=4.0):
    root = np.sqrt(x * x + b)
    with np.errstate(invalid="ignore"):
        return np.where(x < 0, b / 2 / (root - x), (x + root) / 2)


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def prelu(x, weight):
    channels = weight.size > 1 and x.ndim > 1
    return leaky(x, weight.reshape(-1, *[1] * (x.ndim - 2)) if channels else weight.reshape(()))


def glu(x, dim=-1):
    a, b = np.split(x, 2, dim)
    return a * twins.sigmoid(b)


def maxout(x, pieces, dim=-1):
    dim %= x.ndim
    groups = x.shape[dim] // pieces
    return x.reshape(*x.shape[:dim], groups, pieces, *x.shape[dim + 1 :]).max(dim + 1)


PIECES = [
    Case(
        F + "hardtanh",
        hardtanh,
        samples((In((33,), away=(-1, 1)),), (In((33,), away=(-0.5, 1.5)), -0.5, 1.5)),
        ulp=0,
        bad=(
            bad(ValueError, "min_val <= max_val", In((3,)), 1.0, -1.0),
            bad(TypeError, "got int64", In((3,), dtype="int64")),
        ),
    ),
    unary(F + "relu6", lambda x: np.clip(x, 0, 6), low=-9, high=9, away=(0, 6), ulp=0),
    unary(
        F + "hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, low=-5, high=5, away=(-3, 3), scale=1
    ),
    unary(F + "hardshrink", hardshrink, away=(-0.5, 0.5), ulp=0),
    unary(F + "softshrink", softshrink, away=(-0.5, 0.5), ulp=0.5),
    Case(
        F + "softshrink",
        softshrink,
        samples((In((33,)), 0.0)),
        label="zero",
        ulp=0,
        bad=(bad(ValueError, "lambd >= 0", In((3,)), -0.5),),
    ),
    Case(F + "threshold", threshold, samples((In((33,), away=(0.25,)), 0.25, -4.0)), ulp=0),
    Case(
        F + "threshold",
        threshold,
        samples((In((33,), 0, 9), 2, 7), (In((33,), 0, 9), 2.5, 7.5)),
        dtypes=INTEGERS,
        gradient=False,
        bad=(bad(ValueError, "numbers that int64 has", In((3,), dtype="int64"), 0, math.inf),),
        label="integer",
    ),
    Case(
        "prelu",
        prelu,
        samples(
            (In((4, 3, 2), away=(0,)), In((3,))),
            (In((4, 3), away=(0,)), In((3,))),
            (In((4, 3), away=(0,)), In((1,))),
            (In((67,), away=(0,)), In((1,))),
            (In((5,), away=(0,)), In(())),
            (In((), away=(0,)), In((1,))),
            (In((2, 1, 3), away=(0,)), In((1,))),
            (In((0, 3)), In((3,))),
        ),
        ulp=0.5,
        scale=1,
        bad=(
            bad(ValueError, r"dimension 1, 3; got weight \(2,\)", In((2, 3)), In((2,))),
            bad(ValueError, r"weight \(3, 1\)", In((2, 3)), In((3, 1))),
            bad(ValueError, r"dimension 1, 1; got weight \(3,\)", In((3,)), In((3,))),
            bad(TypeError, "one dtype", In((3,)), In((1,), dtype="int64")),
        ),
    ),
    Case(
        "heaviside",
        np.heaviside,
        samples(
            (In((5,), values=[-2, 0, 1e-30, -0.0, 3], grad=False), In((5,))),
            (In((2, 3), values=[[0, 1, 0], [-1, 0, 0]], grad=False), In((3,))),
            (In((2, 1), values=[[0], [-1]], grad=False), In((2, 3))),
            (In((3,), values=[-math.inf, math.inf, -0.0], grad=False), In(())),
            *[(In(a, grad=False), In(b)) for a, b in PAIRS],
        ),
        ulp=0,
        bad=(bad(TypeError, "one dtype", In((3,)), In((3,), dtype="int64")),),
    ),
    Case(
        "heaviside",
        lambda x, values: np.where(x == 0, values, x > 0).astype(x.dtype),
        samples(*[(In(a, 0, 2), In(b, 0, 9)) for a, b in PAIRS]),
        dtypes=INTEGERS,
        gradient=False,
        label="integer",
    ),
    Case(
        F + "step",
        lambda x, value_at_zero=1.0: np.heaviside(x, x.dtype.type(value_at_zero)),
        samples(
            *[(In(s),) for s in SHAPES],
            (In((4,), values=[-1, -0.0, 0, 1]),),
            (In((4,), values=[-1, -0.0, 0, 1]), 0.0),
            (In((4,), values=[-math.inf, -0.0, 0, math.inf]), 0.5),
        ),
        ulp=0,
        gradient=False,
    ),
]

CURVES = [
    unary(F + "elu", elu, low=-4, high=4, away=(0,), ulp=2),
    Case(F + "elu", elu, samples((In((33,), -4, 4, away=(0,)), 0.5)), ulp=2, label="alpha"),
    unary(F + "selu", selu, low=-4, high=4, away=(0,), ulp=3),
    Case(
        F + "celu",
        celu,
        samples((In((33,), -4, 4, away=(0,)),), (In((33,), -4, 4, away=(0,)), 0.5)),
        ulp=2,
        bad=(bad(ValueError, "alpha != 0", In((3,)), 0.0),),
    ),
    unary(
        F + "hardswish",
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        low=-5,
        high=5,
        away=(-3, 3),
        ulp=2,
        scale=1,
    ),
    unary(F + "mish", mish, low=-5, high=5, ulp=4),
    unary(F + "softsign", lambda x: x / (1 + np.abs(x)), away=(0,), ulp=1.5),
    unary(F + "tanhshrink", lambda x: x - np.tanh(x), ulp=1, scale=1),
    unary(F + "logsigmoid", lambda x: -twins.softplus(-x), low=-5, high=5, ulp=2),
    unary(F + "squareplus", squareplus, low=-5, high=5, ulp=2.5),
    Case(
        F + "squareplus",
        squareplus,
        samples((In((33,), -9, 9), 0.5), (In((33,), -3, 3, away=(0,)), 0.0)),
        ulp=2.5,
        label="b",
        bad=(bad(ValueError, "b >= 0; got -1", In((3,)), -1.0),),
    ),
]

GROUPS = [
    Case(
        F + "glu",
        glu,
        samples(
            *[(In((2 * n,), -6, 6),) for n in (0, 1, 8, 17)],
            (In((3, 4)),),
            (In((4, 3)), 0),
            (In((2, 6, 3), -6, 6), -2),
            (In((0, 4)),),
            (In((3, 0, 2)), -1),
        ),
        ulp=3.5,
        bad=(
            bad(ValueError, r"even size along dim 1; got \(2, 3\)", In((2, 3))),
            bad(ValueError, "0-dimensional", In(())),
            bad(IndexError, "dim", In((2,)), 1),
        ),
    ),
    Case(
        F + "maxout",
        maxout,
        samples(
            (In((6,)), 2),
            (In((3, 6)), 3),
            (In((4, 3)), 2, 0),
            (In((2, 6, 3)), 6, -2),
            (In((4, 18)), 9),
            (In((2, 1, 12, 1)), 4, 2),
            (In((5,)), 1),
            (In((0, 4)), 2),
        ),
        ulp=0,
        bad=(
            bad(ValueError, r"divide the size of dim 1; got 4 for \(2, 6\)", In((2, 6)), 4),
            bad(ValueError, "pieces >= 1; got 0", In((6,)), 0),
            bad(IndexError, "dim", In((6,)), 2, 1),
        ),
    ),
]

# Zeros of both signs, infinities and NaN. PyTorch's hardswish, mish and softsign are NaN at an end.
SPECIALS = [
    special(F + name, twin, **fields)
    for name, twin, fields in [
        ("elu", elu, {"ulp": 2}),
        ("selu", selu, {"ulp": 3}),
        ("celu", celu, {"ulp": 2}),
        ("hardtanh", hardtanh, {"ulp": 0}),
        ("relu6", lambda x: np.clip(x, 0, 6), {"ulp": 0}),
        ("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, {"ulp": 1}),
        ("hardshrink", hardshrink, {"ulp": 0}),
        ("softshrink", softshrink, {"ulp": 0}),
        ("mish", mish, {"ulp": 4}),
        ("softsign", lambda x: x / (1 + np.abs(x)), {"ulp": 1.5}),
        ("tanhshrink", lambda x: x - np.tanh(x), {"ulp": 1, "scale": 1}),
        ("logsigmoid", lambda x: -twins.softplus(-x), {"ulp": 2}),
        ("squareplus", squareplus, {"ulp": 2.5}),
    ]
]

CASES = [*PIECES, *CURVES, *GROUPS, *SPECIALS]
