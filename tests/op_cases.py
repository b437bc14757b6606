"""The cases of the activations, and the list of all cases of operations that compute.

A new activation's case stands here; cases.py says what its fields mean.
"""

import numpy as np

import op_cases_arithmetic
import op_cases_distance
import op_cases_layers
import op_cases_logic
import op_cases_loss
import op_cases_margin
import op_cases_maths
import op_cases_normalization
import op_cases_reduce
import twins
from cases import Case, In, samples
from op_cases_forms import SHAPES, bad, unary

ACTIVATIONS = [
    unary("relu", lambda x: np.maximum(x, 0), away=(0,), ulp=0),
    Case(
        "nn.functional.leaky_relu",
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        samples(*[(In(s, away=(0,)), 0.125) for s in SHAPES]),
        ulp=0.5,
    ),
    unary("nn.functional.softplus", twins.softplus, low=-5, high=5, ulp=2),
    Case(
        "nn.functional.softplus",
        lambda x, beta, threshold: np.where(
            x * beta > threshold, x, twins.softplus(x * beta) / beta
        ),
        samples((In((33,), -4, 4, away=(1.5,)), 2.0, 3.0)),
        ulp=2.5,
        label="beta",
    ),
    unary("nn.functional.gelu", twins.gelu, low=-4, high=4, ulp=3, scale=1),
    Case(
        "nn.functional.gelu",
        twins.gelu,
        samples(*[(In(s, -4, 4), {"approximate": "tanh"}) for s in SHAPES]),
        ulp=3.5,
        label="tanh",
        bad=(bad(ValueError, "'none' or 'tanh'", In((3,)), {"approximate": "erf"}),),
    ),
    unary("nn.functional.silu", lambda x: x * twins.sigmoid(x), low=-6, high=6, ulp=2.5),
]


def elu(x, alpha=1.0, width=1.0, scale=1.0):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / width))


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


def softshrink(x, lambd=0.5):
    return np.sign(x) * np.maximum(np.abs(x) - lambd, 0)


F = "nn.functional."
COMPOSITES = [
    unary(F + "elu", elu, low=-4, high=4, away=(0,), ulp=2),
    Case(F + "elu", elu, samples((In((33,), -4, 4, away=(0,)), 0.5)), ulp=2, label="alpha"),
    unary(
        F + "selu",
        lambda x: elu(
            x, x.dtype.type("1.6732632423543772848"), 1, x.dtype.type("1.0507009873554804934")
        ),
        low=-4,
        high=4,
        away=(0,),
        ulp=3,
    ),
    Case(
        F + "celu",
        lambda x, alpha=1.0: elu(x, alpha, alpha),
        samples((In((33,), -4, 4, away=(0,)),), (In((33,), -4, 4, away=(0,)), 0.5)),
        ulp=2,
        bad=(bad(ValueError, "alpha != 0", In((3,)), 0.0),),
    ),
    Case(
        F + "hardtanh",
        hardtanh,
        samples((In((33,), away=(-1, 1)),), (In((33,), away=(-0.5, 1.5)), -0.5, 1.5)),
        ulp=0,
        bad=(bad(ValueError, "min_val <= max_val", In((3,)), 1.0, -1.0),),
    ),
    unary(F + "relu6", lambda x: np.clip(x, 0, 6), low=-9, high=9, away=(0, 6), ulp=0),
    unary(
        F + "hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, low=-5, high=5, away=(-3, 3), scale=1
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
    unary(F + "mish", lambda x: x * np.tanh(twins.softplus(x)), low=-5, high=5, ulp=5),
    unary(F + "softsign", lambda x: x / (1 + np.abs(x)), away=(0,), ulp=1.5),
    unary(F + "tanhshrink", lambda x: x - np.tanh(x), ulp=1, scale=1),
    unary(F + "logsigmoid", lambda x: -twins.softplus(-x), low=-5, high=5, ulp=2),
    unary(F + "hardshrink", lambda x: np.where(np.abs(x) > 0.5, x, 0), away=(-0.5, 0.5), ulp=0),
    unary(F + "softshrink", softshrink, away=(-0.5, 0.5), ulp=0.5),
    Case(
        F + "threshold",
        lambda x, threshold, value: np.where(x > threshold, x, value),
        samples((In((33,), away=(0.25,)), 0.25, -4.0)),
        ulp=0,
    ),
]

CASES: list[Case] = [
    *op_cases_arithmetic.CASES,
    *op_cases_logic.CASES,
    *op_cases_maths.CASES,
    *ACTIVATIONS,
    *COMPOSITES,
    *op_cases_reduce.CASES,
    *op_cases_loss.CASES,
    *op_cases_normalization.CASES,
    *op_cases_layers.CASES,
    *op_cases_margin.CASES,
    *op_cases_distance.CASES,
]
