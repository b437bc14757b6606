"""The cases of operations that take parts of tensors, repeat them and join them."""

import numpy as np

from cases import In
from op_cases_tools import INTEGERS, bad, exact


def pieces(x, size, dim=0):
    edges = range(size, x.shape[dim], size)
    return tuple(np.split(x, list(edges), dim))


def chunked(x, chunks, dim=0):
    return pieces(x, max(1, -(-x.shape[dim] // chunks)), dim)


def narrowed(x, dim, start, length):
    return np.take(
        x,
        range(
            start % max(x.shape[dim], 1) if start < 0 else start,
            (start % x.shape[dim] if start < 0 else start) + length,
        ),
        dim,
    )


PARTS = [
    exact(
        "select",
        lambda x, dim, i: np.take(x, i, dim),
        [(In((4, 3)), 0, 1), (In((4, 3)), 1, -1), (In((4,)), 0, 3)],
        bad=(
            bad(
                r"index in \[-4, 3\] for dim 0 of \(4, 3\); got 4",
                In((4, 3)),
                0,
                4,
                error=IndexError,
            ),
            bad("0-dimensional", In(()), 0, 0, error=IndexError),
        ),
    ),
    exact(
        "narrow",
        narrowed,
        [(In((5, 3)), 0, 1, 3), (In((5, 3)), 1, -2, 2), (In((5,)), 0, 5, 0)],
        bad=(
            bad(r"length in \[0, 3\]", In((5,)), 0, 2, 4),
            bad("start in", In((5,)), 0, 6, 0, error=IndexError),
        ),
    ),
    exact(
        "diagonal",
        np.diagonal,
        [
            (In((3, 4)),),
            (In((3, 4)), 1),
            (In((3, 4)), -2),
            (In((3, 4)), 9),
            (In((2, 3, 4)), 0, -1, 0),
            (In((0, 3)), -1),
        ],
        bad=(bad("each dim once", In((3, 4)), 0, 1, 1),),
    ),
    exact(
        "unbind", lambda x, dim=0: tuple(np.moveaxis(x, dim, 0)), [(In((3, 2)),), (In((3, 2)), 1)]
    ),
    exact(
        "split",
        pieces,
        [(In((7, 2)), 3), (In((2, 6)), 2, 1), (In((5,)), 9)],
        bad=(bad("split_size > 0", In((4,)), 0),),
    ),
    exact(
        "chunk",
        chunked,
        [(In((7, 2)), 3), (In((2, 6)), 4, 1), (In((3,)), 5)],
        bad=(bad("chunks > 0", In((4,)), 0),),
    ),
    exact(
        "tril",
        np.tril,
        [
            (In((3, 4)),),
            (In((3, 4)), 1),
            (In((2, 4, 3)), -1),
            (In((3, 3)), 99),
            (In((3, 3)), -99),
            (In((0, 3)),),
        ],
        bad=(bad("at least 2 dimensions", In((3,))),),
    ),
    exact("triu", np.triu, [(In((3, 4)),), (In((3, 4)), 1), (In((2, 4, 3)), -1), (In((3, 3)), 99)]),
    exact("triu", np.triu, [(In((5, 5)), 1)], dtypes=INTEGERS, gradient=False, label="int"),
    exact(
        "diag",
        np.diag,
        [(In((3,)),), (In((3,)), 2), (In((3,)), -1), (In((3, 4)),), (In((3, 4)), -1)],
        bad=(bad("1 or 2 dimensions", In((2, 3, 4))),),
    ),
]

REPETITIONS = [
    exact(
        "flip",
        np.flip,
        [
            (In((3, 5)), (0,)),
            (In((3, 5)), (0, 1)),
            (In((3, 5)), (-1,)),
            (In((0,)), (0,)),
            (In((67,)), (0,)),
        ],
        bad=(bad("each dim once", In((3, 5)), (0, 0)),),
    ),
    exact(
        "roll",
        lambda x, shifts, dims=None: np.roll(x, shifts, dims),
        [
            (In((3, 5)), 2),
            (In((3, 5)), 1, 0),
            (In((3, 5)), (1, -2), (0, 1)),
            (In((5,)), -7, 0),
            (In((4,)), 0, 0),
            (In((0, 3)), 2, 0),
        ],
        bad=(bad("as many shifts as dims", In((3, 5)), (1, 2), (0,)),),
    ),
    exact(
        "Tensor.repeat",
        np.tile,
        [
            (In((2, 3)), (2, 2)),
            (In((3,)), (2, 1, 2)),
            (In((2, 3)), (1, 1)),
            (In((2, 3)), (0, 2)),
            (In(()), (3,)),
        ],
        bad=(bad("a repetition for each", In((2, 3)), (2,)), bad(">= 0", In((3,)), (-1,))),
    ),
    exact("tile", np.tile, [(In((2, 3)), (2,)), (In((2, 3)), (2, 1, 3)), (In((2, 3)), ())]),
]

JOINS = [
    exact(
        "cat",
        np.concatenate,
        [
            ([In((2, 3)), In((4, 3))],),
            ([In((2, 3)), In((2, 1)), In((2, 0))], 1),
            ([In((5,))], -1),
            ([In((2, 2, 3)), In((2, 1, 3))], 1),
        ],
        bad=(
            bad(
                r"equal to \(2, 3\) except in dim 0; got \(2, 4\) as tensor 1",
                [In((2, 3)), In((2, 4))],
            ),
            bad("at least one tensor", []),
            bad("0-dimensional", [In(()), In(())]),
            bad("dim in", [In((2,))], 1, error=IndexError),
        ),
    ),
    exact(
        "cat",
        lambda xs, dim=0: np.concatenate([x for x in xs if x.shape != (0,)], dim),
        [([In((2, 3)), In((0,)), In((1, 3))],)],
        label="legacy",
    ),
    exact(
        "cat",
        np.concatenate,
        [([In((2, 3)), In((4, 3))],)],
        dtypes=INTEGERS,
        gradient=False,
        label="int",
    ),
    exact("concat", np.concatenate, [([In((2, 3)), In((4, 3))],)]),
    exact("concatenate", np.concatenate, [([In((2, 3)), In((2, 2))], 1)]),
    exact(
        "stack",
        np.stack,
        [
            ([In((2, 3)), In((2, 3))],),
            ([In((2, 3)), In((2, 3)), In((2, 3))], -1),
            ([In(()), In(())],),
            ([In((0, 2)), In((0, 2))], 1),
        ],
        bad=(
            bad(r"one shape; got \(2,\) and \(3,\) as tensor 1", [In((2,)), In((3,))]),
            bad("at least one tensor", []),
        ),
    ),
    exact(
        "hstack",
        np.hstack,
        [([In((2, 3)), In((2, 1))],), ([In((2,)), In((3,))],), ([In(()), In((2,))],)],
    ),
    exact("vstack", np.vstack, [([In((2, 3)), In((1, 3))],), ([In((3,)), In((2, 3))],)]),
]

CASES = [*PARTS, *REPETITIONS, *JOINS]
