"""The cases of sorting. Elements are random in order, not in value, so that no two change places
under the step of a numerical derivative."""

import numpy as np

from cases import In
from op_cases_tools import bad, exact


def sort_order(x, dim=-1, descending=False, stable=False):
    if descending:  # stable from the other end
        back = np.flip(np.argsort(np.flip(x, dim), axis=dim, kind="stable"), dim)
        return x.shape[dim] - 1 - back
    return np.argsort(x, axis=dim, kind="stable")


def sort(x, dim=-1, descending=False, stable=False):
    order = sort_order(x, dim, descending)
    return np.take_along_axis(x, order, dim), order


def topk(x, k, dim=-1, largest=True, sorted=True):
    values, order = sort(x, dim, descending=largest)
    return np.take(values, range(k), dim), np.take(order, range(k), dim)


def spread(*shape):
    """Elements in random order, further apart than any step of a numerical derivative."""
    values = np.random.default_rng(0).permutation(np.prod(shape)) * 0.0625
    return In(shape, values=values.reshape(shape))


TIES = [3.0, -0.0, 0.0, 1.0, 3.0, np.nan, -np.inf, 0.0]
ROWS = [
    (spread(5),),
    (spread(3, 67),),
    (spread(4, 3), 0),
    (spread(2, 9), 1, True),
    (In((0,)),),
    (In((3, 1)),),
]
CASES = [
    exact("sort", sort, [*ROWS, (In((8,), values=TIES, grad=False),)]),
    exact("argsort", sort_order, [*ROWS, (In((8,), values=TIES, grad=False),)], gradient=False),
    exact(
        "sort",
        sort,
        [(In((200,), 0, 9),), (In((3, 20)), 0)],
        dtypes=("int64", "uint8"),
        gradient=False,
        label="int",
    ),
    exact(
        "topk",
        topk,
        [
            (spread(5), 2),
            (spread(3, 67), 5, -1, False),
            (spread(4, 3), 2, 0),
            (spread(300), 100),
            (In((3,)), 0),
        ],
        bad=(bad(r"k in \[0, 3\]", In((3,)), 4),),
    ),
]
