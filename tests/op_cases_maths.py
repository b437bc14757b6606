"""The cases of elementary functions and roundings."""

import numpy as np

import twins
from cases import Case, In, samples
from op_cases_forms import binary, special, special_pairs, unary

CASES: list[Case] = [
    unary("exp", np.exp),
    unary("expm1", np.expm1, ulp=1.4),
    unary("log", np.log, low=0.1, high=5),
    unary("log1p", np.log1p, low=-0.8, high=5, ulp=1.3),
    unary("log2", np.log2, low=0.1, high=5),
    unary("log10", np.log10, low=0.1, high=5),
    unary("sqrt", np.sqrt, low=0.1, high=5, ulp=0.5),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), low=0.1, high=5, ulp=1.5),
    unary("sin", np.sin, low=-9, high=9),
    unary("cos", np.cos, low=-9, high=9),
    unary("tan", np.tan, low=-1.4, high=1.4),
    unary("atan", np.arctan, low=-5, high=5),
    binary("atan2", np.arctan2, first=(0.2, 2), second=(0.2, 2), numbers=(), ulp=1.1),
    special_pairs("atan2", np.arctan2, ulp=1.1),
    unary("tanh", np.tanh, ulp=1.4),
    unary("sigmoid", twins.sigmoid, low=-6, high=6, ulp=2),
    unary("erf", twins.erf, ulp=1.6),
    *[
        unary(n, t, low=-3, high=3, away=(-2, -1, 0, 1, 2), ulp=0, gradient=False)
        for n, t in [
            ("floor", np.floor),
            ("ceil", np.ceil),
            ("round", np.round),
            ("trunc", np.trunc),
        ]
    ],
    Case(
        "round",
        np.round,
        samples((In((9,), values=[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, -0.2, 0.2]),)),
        ulp=0,
        gradient=False,
        label="halves",
    ),
    Case(
        "round",
        lambda x, decimals: np.round(x, decimals),
        samples((In((17,)), {"decimals": 2}), (In((17,), -900, 900), {"decimals": -1})),
        ulp=2,
        gradient=False,
        label="decimals",
    ),
    unary("frac", lambda x: x - np.trunc(x), low=0.1, high=0.9, ulp=0.5),
    *[
        special(n, t)
        for n, t in [("exp", np.exp), ("log", np.log), ("sqrt", np.sqrt), ("tanh", np.tanh)]
    ],
    *[
        special(n, t)
        for n, t in [
            ("expm1", np.expm1),
            ("log1p", np.log1p),
            ("atan", np.arctan),
            ("sigmoid", twins.sigmoid),
        ]
    ],
    special("erf", twins.erf, ulp=1.6),
]
