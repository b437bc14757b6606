"""The cases of comparisons and logic."""

import math

import numpy as np

from cases import Case, In, samples
from op_cases_forms import INTEGERS, bad, integers, predicate, special, special_pairs

CASES: list[Case] = [
    *[
        predicate(n, getattr(np, t))
        for n, t in [("eq", "equal"), ("ne", "not_equal"), ("lt", "less")]
    ],
    *[
        predicate(n, getattr(np, t))
        for n, t in [("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal")]
    ],
    *[
        predicate(n, getattr(np, n), numbers=False)
        for n in ("logical_and", "logical_or", "logical_xor")
    ],
    *[
        integers(n, getattr(np, t), high=3, dtypes=(*INTEGERS, "bool"))
        for n, t in [
            ("eq", "equal"),
            ("lt", "less"),
            ("ge", "greater_equal"),
            ("logical_and", "logical_and"),
        ]
    ],
    special("logical_not", np.logical_not, ulp=0),
    special("isnan", np.isnan, ulp=0),
    special("isinf", np.isinf, ulp=0),
    special("isfinite", np.isfinite, ulp=0),
    special_pairs("isclose", np.isclose, ulp=0),
    Case(
        "isclose",
        np.isclose,
        samples(
            (
                In((3,), values=[1.0, 2.0, math.nan]),
                In((3,), values=[1.25, 2.125, math.nan]),
                {"rtol": 0.1},
            ),
            (
                In((2,), values=[1.0, math.nan]),
                In((2,), values=[1.0, math.nan]),
                {"equal_nan": True},
            ),
        ),
        ulp=0,
        gradient=False,
        bad=(bad(ValueError, "rtol >= 0", In((3,)), In((3,)), {"rtol": -1.0}),),
    ),
    Case(
        "allclose",
        np.allclose,
        samples((In((5,)), In((5,))), (In((3,), 1, 1), In((3,), 1, 1))),
        ulp=0,
        gradient=False,
        replays=False,
    ),
    Case(
        "equal",
        np.array_equal,
        samples((In((5,)), In((5,))), (In((3,), 1, 1), In((3,), 1, 1)), (In((3,)), In((4,)))),
        ulp=0,
        gradient=False,
        replays=False,
    ),
    *[
        integers(f"bitwise_{n}", getattr(np, f"bitwise_{n}"), high=200, dtypes=(*INTEGERS, "bool"))
        for n in ("and", "or", "xor")
    ],
    integers("bitwise_not", np.invert, high=200, dtypes=(*INTEGERS, "bool"), operands=1).but(
        bad=(bad(TypeError, "bool, uint8, int32 or int64; got float32", In((3,), dtype="float32")),)
    ),
]
