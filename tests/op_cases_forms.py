"""Short forms for cases of elementwise operations: shapes, pairs that broadcast, special values."""

import math

import numpy as np

from cases import LENGTHS, Bad, Case, In, samples

SHAPES = [(), *((n,) for n in LENGTHS), (3, 5), (2, 1, 4), (0, 3)]
PAIRS = [((n,), (n,)) for n in LENGTHS] + [
    ((), ()),
    ((5,), ()),
    ((3, 1), (1, 4)),
    ((2, 3), (3,)),
    ((2, 3, 4), (3, 1)),
    ((0, 3), (1, 3)),
    ((17, 5), (17, 1)),
]
INTEGERS = ("uint8", "int32", "int64")
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1.5]


def unary(name, twin, *, low=-2.0, high=2.0, away=(), **fields):
    """A case of one tensor."""
    calls = [(In(shape, low, high, away=away),) for shape in SHAPES]
    return Case(name, twin, samples(*calls), **fields)


def binary(name, twin, *, first=(-2.0, 2.0), second=(-2.0, 2.0), numbers=(0.75,), **fields):
    """A case of two operands that broadcast; each of `numbers` also stands on the right."""
    calls = [(In(a, *first), In(b, *second)) for a, b in PAIRS]
    calls += [(In((7,), *first), number) for number in numbers]
    return Case(name, twin, samples(*calls), **fields)


def apart(name, twin):
    """maximum or minimum on operands that are never equal."""
    calls = [(In(a, -2, -0.1), In(b, 0.1, 2)) for a, b in PAIRS]
    calls += [(In((9,), 0.1, 2), In((9,), -2, -0.1))]
    return Case(name, twin, samples(*calls), ulp=0)


def special_pairs(name, twin, **fields):
    """Two operands that hold zeros of both signs, infinities and NaN in every combination."""
    n = len(SPECIAL)
    first, second = np.repeat(SPECIAL, n).tolist(), SPECIAL * n
    call = (In((n * n,), values=first), In((n * n,), values=second))
    return Case(name, twin, samples(call), gradient=False, label="special", **fields)


def special(name, twin, **fields):
    """Zeros of both signs, infinities and NaN."""
    call = (In((len(SPECIAL),), values=SPECIAL),)
    return Case(name, twin, samples(call), gradient=False, label="special", **fields)


def predicate(name, twin, numbers=True):
    """A comparison of two tensors, or of a tensor and a number."""
    pairs = special_pairs(name, twin).samples
    calls = [(In(a, -2, 2), In(b, -2, 2)) for a, b in PAIRS]
    calls += [(In((7,)), 0.5), (In((8,), values=SPECIAL), 1.0)] if numbers else []
    return Case(name, twin, (*pairs, *samples(*calls)), ulp=0, gradient=False)


def integers(name, twin, *, low=0, high=9, second_low=None, dtypes=INTEGERS, operands=2):
    """The same operation on integers or bools: exact, in the dtype itself."""
    calls = []
    for a, b in PAIRS:
        first, second = In(a, low, high), In(b, low if second_low is None else second_low, high)
        calls.append((first, second)[:operands])
    return Case(name, twin, samples(*calls), dtypes=dtypes, gradient=False, label="integer")


def bad(error, match, *call):
    return Bad(error, match, samples(call)[0])
