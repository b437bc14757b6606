"""The cases of padding; the twin looks places up, side by side."""

import numpy as np

from cases import Case, In, samples
from op_cases_forms import bad

NUMPYS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x, pad, mode="constant", value=None):
    """Positive numbers by numpy.pad; negative ones are cut off before, or after a mirror."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))
    for dim, (before, after) in zip(range(x.ndim - 1, -1, -1), pairs, strict=False):
        cut = slice(max(-before, 0), x.shape[dim] - max(-after, 0))
        rest = (slice(None),) * dim
        widths = [(0, 0)] * x.ndim
        widths[dim] = (max(before, 0), max(after, 0))
        if mode == "constant":
            x = np.pad(x[(*rest, cut)], widths, constant_values=value or 0)
        elif mode == "circular":
            x = np.pad(x[(*rest, cut)], widths, mode="wrap")
        else:
            x = np.pad(x, widths, mode=NUMPYS[mode])
            x = x[(*rest, slice(cut.start, x.shape[dim] - max(-after, 0)))]
    return x


EXACT = {"ulp": 0, "scale": 8}  # the scale is for gradients alone: values are moved, not computed
LINE, PLANE, ROOM = (2, 3, 7), (2, 2, 5, 6), (1, 2, 4, 5, 3)
CONSTANT = (
    (In((5,)), (2, 3)),
    (In((33,)), (0, 0), {"value": 2.0}),
    (In((3, 5)), (1, 0, 0, 2), {"value": -1.5}),
    (In(PLANE), (1, 2, 3, 4)),
    (In(PLANE), (-1, 2, 0, -3), "constant", 0.5),
    (In((4, 6)), (-1, -2, -3, 0)),
    (In((2, 3, 4)), (1, 1, 0, 1, 2, 0), {"value": 3}),
    (In((3, 4)), ()),
    (In(), ()),
    (In((0, 3)), (1, 1)),
    (In((3, 0)), (1, 1), {"value": 1}),
    (In((3, 4)), (-2, -2)),
)


def of_mode(mode):
    most = {"reflect": 2, "replicate": 5, "circular": 3}[mode]
    made = samples(
        (In(LINE), (most, 1), mode),
        (In((3, 4)), (0, most), mode),
        (In(LINE), (-2, 3), mode),
        (In(LINE), (2, -3), mode),
        (In(LINE), (-1, -4), mode),
        (In(PLANE), (1, 2, 3, 0), mode),
        (In(PLANE[1:]), (0, 0, 2, 1), mode, 0),
        (In(ROOM), (1, 2, 3, 0, 2, 1), mode),
        (In(ROOM[1:]), (0, 1, -2, 1, 1, -1), mode),
        (In(LINE), (0, 0), mode),
        (In((0, 2, 3)), (1, 2), mode),
    )
    return Case("nn.functional.pad", pad, made, **EXACT, label=mode)


def integers(mode):
    made = samples((In((2, 3, 5), 0, 9), (2, 1), mode), (In((3, 5), 0, 9), (-1, 2), mode))
    dtypes = ("uint8", "int32", "int64", "bool")
    return Case(
        "nn.functional.pad",
        pad,
        made,
        ulp=0,
        dtypes=dtypes,
        gradient=False,
        label=f"{mode}-integer",
    )


X, ONE = In(LINE), In((5,))
CASES = [
    Case(
        "nn.functional.pad",
        pad,
        samples(*CONSTANT),
        **EXACT,
        bad=(
            bad(ValueError, r"^\[pad\] expected pad to have two numbers .* 1 dim", ONE, (1, 1, 1)),
            bad(ValueError, "at most 1 dimensions; got 4 numbers", ONE, (1, 1, 1, 1)),
            bad(TypeError, "pad to be a tuple of ints; got 1. Use", ONE, 1),
            bad(TypeError, r"pad\[1\] to be an int; got 1.5", ONE, (1, 1.5)),
            bad(ValueError, r"takes at most 5 values .* 5; got \(-4, -2\)", ONE, (-4, -2)),
            bad(ValueError, r"takes at most 5 values .* got \(-6, 9\)", ONE, (-6, 9)),
            bad(ValueError, r"one of \('constant', 'reflect', .* got 'same'", ONE, (1, 1), "same"),
            bad(TypeError, "value to be a number; got '0'", ONE, (1, 1), {"value": "0"}),
            bad(TypeError, "value to be a number; got 1j", ONE, (1, 1), {"value": 1j}),
            bad(MemoryError, r"^\[pad\] expected at most", ONE, (2**50, 1)),
            bad(OverflowError, r"^\[pad\] expected an integer that fits", ONE, (2**64, 1)),
            bad(
                ValueError,
                r"^\[pad\] expected a value that fits int64; got inf",
                In((5,), dtype="int64"),
                (1, 1),
                {"value": float("inf")},
            ),
        ),
    ),
    of_mode("reflect").but(
        bad=(
            bad(ValueError, "at most 6 with mode='reflect' .* of 7; got 7", X, (7, 0), "reflect"),
            bad(ValueError, "no value with mode='reflect'; got 1", X, (1, 0), "reflect", 1),
            bad(ValueError, "2 to 5 dimensions with mode='reflect'; got", ONE, (1, 1), "reflect"),
            bad(ValueError, "2 or 4 numbers, two for each .* got 0 for", X, (), "reflect"),
            bad(ValueError, r"takes at most 7 values .* \(-8, 0\)", X, (-8, 0), "reflect"),
        )
    ),
    of_mode("replicate").but(
        bad=(
            bad(ValueError, "at most 0 with .* of 0; got 1", In((2, 3, 0)), (1, 1), "replicate"),
            bad(ValueError, "2 to 5 dimensions with .* got", In((1,) * 6), (1,) * 8, "replicate"),
            bad(MemoryError, r"^\[pad\] expected at most", X, (2**50, 1), "replicate"),
        )
    ),
    of_mode("circular").but(
        bad=(
            bad(ValueError, "at most 7 with mode='circular' .* got 8", X, (1, 8), "circular"),
            bad(ValueError, "at most 5 with mode='circular' .* got 6", X, (-2, 6), "circular"),
        )
    ),
    *map(integers, ("constant", *NUMPYS)),
]
