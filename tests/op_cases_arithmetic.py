"""The cases of arithmetic, with integers, and of ranges."""

import numpy as np

from cases import LENGTHS, Case, In, samples
from op_cases_forms import (
    PAIRS,
    SHAPES,
    SPECIAL,
    apart,
    bad,
    binary,
    integers,
    special_pairs,
    unary,
)


def axpy(sign):
    return lambda a, b, alpha=1: a + sign * alpha * b


def rounded_quotient(a, b, rounding_mode):
    return np.floor(a / b) if rounding_mode == "floor" else np.trunc(a / b)


def base_of(number):
    return lambda _, exponent: np.power(exponent.dtype.type(number), exponent)


ALPHAS = samples(
    (In((7,)), In((7,)), {"alpha": 0.25}),
    (In((3, 1)), In((4,)), {"alpha": -2}),
    (In((17,)), 0.5, {"alpha": 3}),
)
ROUNDED = samples(
    *[(In((17,), -9, 9), In((17,), 0.5, 2.0), {"rounding_mode": m}) for m in ("floor", "trunc")]
)

ARITHMETIC = [
    binary("add", axpy(1), ulp=0.5).but(
        bad=(
            bad(
                ValueError,
                r"\[add\] expected shapes that broadcast.*\(3,\) and \(4,\)",
                In((3,)),
                In((4,)),
            ),
            bad(TypeError, "integer alpha", In((3,), 0, 3, "int64"), 1, {"alpha": 0.5}),
        )
    ),
    Case("add", axpy(1), ALPHAS, ulp=0.5, scale=1, label="alpha"),
    binary("sub", axpy(-1), ulp=0.5).but(
        bad=(bad(TypeError, "got bool", In((3,), dtype="bool"), In((3,), dtype="bool")),)
    ),
    Case("sub", axpy(-1), ALPHAS, ulp=0.5, scale=1, label="alpha"),
    binary("rsub", lambda a, b: b - a, ulp=0.5),
    binary("mul", np.multiply, ulp=0.5),
    binary("div", np.divide, second=(0.5, 2.0), ulp=0.5),
    special_pairs("div", np.divide, ulp=0.5),
    Case("div", rounded_quotient, ROUNDED, ulp=0, gradient=False, label="rounded"),
    binary("floor_divide", np.floor_divide, first=(-9, 9), second=(0.5, 2), ulp=0, gradient=False),
    binary("remainder", np.remainder, first=(0.1, 0.4), second=(0.5, 2.0), ulp=0.5),
    Case(
        "remainder",
        np.remainder,
        samples((In((33,), -9, 9), In((33,), -2, -0.5)), (In((33,), -9, 9), In((33,), 0.5, 2))),
        ulp=0.5,
        gradient=False,
        label="signs",
    ),
    binary("pow", np.power, first=(0.2, 2), numbers=(2, 3, 0.5, -1.5, 2.0, 0)),
    special_pairs("pow", np.power),
    unary("neg", np.negative, ulp=0),
    unary("abs", np.abs, away=(0,), ulp=0),
    unary("sign", np.sign, away=(0,), ulp=0, gradient=False),
    unary("square", np.square, ulp=0.5),
    unary("reciprocal", np.reciprocal, low=0.5, high=2, ulp=0.5),
    apart("maximum", np.maximum),
    apart("minimum", np.minimum),
    special_pairs("maximum", np.maximum, ulp=0),
    special_pairs("minimum", np.minimum, ulp=0),
    integers("add", np.add, high=200),
    integers("sub", np.subtract, high=200),
    integers("mul", np.multiply, high=100),
    integers("floor_divide", np.floor_divide, second_low=1).but(
        bad=(
            bad(ValueError, "divisor without zeros", In((3,), dtype="int64"), 0),
            bad(
                ValueError,
                "divisor without zeros",
                In((3,), 1, 5, "int32"),
                In((3,), 0, 0, "int32"),
            ),
        )
    ),
    integers("remainder", np.remainder, second_low=1),
    integers("floor_divide", np.floor_divide, low=-9, second_low=1, dtypes=("int32", "int64")).but(
        label="negative"
    ),
    integers("remainder", np.remainder, low=-9, high=-1, dtypes=("int32", "int64")).but(
        label="negative"
    ),
    integers("pow", np.power, high=5).but(
        bad=(bad(ValueError, "exponent >= 0", In((3,), 1, 4, "int64"), -1),)
    ),
    integers("maximum", np.maximum),
    integers("minimum", np.minimum),
    integers("abs", np.abs, low=-9, dtypes=("int32", "int64"), operands=1),
    integers("neg", np.negative, operands=1),
    integers("sign", np.sign, low=-3, dtypes=("int32", "int64"), operands=1),
    integers("square", np.square, operands=1),
    integers("add", np.logical_or, dtypes=("bool",)).but(label="bool"),
    integers("mul", np.logical_and, dtypes=("bool",)).but(label="bool"),
]

TERNARY = [
    Case(
        "addcmul",
        lambda a, b, c, value=1: a + value * b * c,
        samples(
            *[(In((n,)), In((n,)), In((n,))) for n in LENGTHS],
            (In((3, 1)), In((4,)), In((3, 4)), {"value": 0.5}),
        ),
        ulp=1.5,
        scale=2,
    ),
    Case(
        "addcdiv",
        lambda a, b, c, value=1: a + value * b / c,
        samples(
            (In((17,)), In((17,)), In((17,), 0.5, 2)),
            (In((3, 1)), In((4,)), In((3, 4), 1, 2), {"value": 0.5}),
        ),
        ulp=1.5,
        scale=4,
        bad=(bad(TypeError, "floating", *[In((3,), 1, 3, "int64")] * 3),),
    ),
    Case(
        "lerp",
        lambda a, b, w: a + w * (b - a),
        samples(
            (In((17,)), In((17,)), 0.25),
            (In((17,)), In((17,)), 0.75),
            (In((3, 1)), In((4,)), In((3, 4), 0, 1, away=(0.5,))),
        ),
        ulp=1.5,
        scale=4,
    ),
    Case(
        "where",
        np.where,
        samples(
            *[(In(a, dtype="bool"), In(a), In(b)) for a, b in PAIRS],
            (In((3, 1), dtype="bool"), In((1, 5)), 0.5),
            (In((17,), dtype="bool"), -1.5, In((17,))),
        ),
        ulp=0,
        bad=(bad(TypeError, "bool condition", In((3,), dtype="int64"), In((3,)), In((3,))),),
    ),
    Case(
        "masked_fill",
        lambda x, mask, value: np.where(mask, value, x),
        samples(
            (In((17,)), In((17,), dtype="bool"), 0.5), (In((3, 4)), In((4,), dtype="bool"), In(()))
        ),
        ulp=0,
        bad=(bad(TypeError, "bool mask", In((3,)), In((3,), dtype="int64"), 0.0),),
    ),
]


def clamp_twin(x, min=None, max=None):
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def nan_to_num_twin(x, nan, posinf, neginf):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


LIMITS = (-0.75, 0.5)
CLAMPED = [In(shape, away=LIMITS) for shape in SHAPES]
RANGE = [
    Case(
        "clamp",
        clamp_twin,
        samples(
            *[(x, *LIMITS) for x in CLAMPED],
            *[(x, {"min": LIMITS[0]}) for x in CLAMPED],
            *[(x, {"max": LIMITS[1]}) for x in CLAMPED],
            (In((5,), away=LIMITS), 0.5, -0.75),
        ),
        ulp=0,
        bad=(bad(ValueError, "at least one of min and max", In((3,))),),
    ),
    Case(
        "clamp",
        clamp_twin,
        samples(
            # Values and limits keep apart: at a tie the derivative jumps.
            (In((17,), away=(-1, 1)), In((17,), -1.02, -0.98), In((17,), 0.98, 1.02)),
            (In((3, 4), 0.1, 0.9), {"max": In((4,), 1, 2)}),
            (In((3, 4), 0.1, 0.9, away=(0.4,)), In((1,), values=[0.4]), In((4,), 1, 2)),
        ),
        ulp=0,
        label="tensors",
    ),
    Case(
        "clamp",
        clamp_twin,
        samples((In((8,), values=SPECIAL), In((8,), values=SPECIAL[::-1]))),
        ulp=0,
        gradient=False,  # of infinities and NaN
        label="special-tensors",
    ),
    Case(
        "clamp_min",
        np.maximum,
        samples(*[(x, -0.75) for x in CLAMPED], (In((3, 4), 0.1, 0.9), In((), values=[0.05]))),
        ulp=0,
    ),
    Case(
        "clamp_max",
        np.minimum,
        samples(*[(x, 0.5) for x in CLAMPED], (In((3, 4), 0.1, 0.9), In((4,), 1, 2))),
        ulp=0,
    ),
    integers("clamp", lambda x: np.clip(x, 2, 5), operands=1).but(
        samples=samples(*[(In(s, 0, 9), 2, 5) for s in SHAPES]), twin=clamp_twin
    ),
    Case(
        "nan_to_num",
        nan_to_num_twin,
        samples((In((8,), values=SPECIAL), 0.25, 8.0, -4.0), (In((17,)), 0.25, 8.0, -4.0)),
        ulp=0,
    ),
]


CASES: list[Case] = [*ARITHMETIC, *TERNARY, *RANGE]
