"""The cases of the activations, and the list of all cases of operations that compute.

A new activation's case stands here; cases.py says what its fields mean.
"""

import numpy as np

import op_cases_activations
import op_cases_arithmetic
import op_cases_attention
import op_cases_convolution
import op_cases_distance
import op_cases_layers
import op_cases_logic
import op_cases_loss
import op_cases_margin
import op_cases_maths
import op_cases_normalization
import op_cases_padding
import op_cases_pooling
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

CASES: list[Case] = [
    *op_cases_arithmetic.CASES,
    *op_cases_logic.CASES,
    *op_cases_maths.CASES,
    *ACTIVATIONS,
    *op_cases_activations.CASES,
    *op_cases_reduce.CASES,
    *op_cases_loss.CASES,
    *op_cases_normalization.CASES,
    *op_cases_layers.CASES,
    *op_cases_attention.CASES,
    *op_cases_margin.CASES,
    *op_cases_distance.CASES,
    *op_cases_convolution.CASES,
    *op_cases_padding.CASES,
    *op_cases_pooling.CASES,
]
