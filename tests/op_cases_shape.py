"""The cases of the operations that move, join, index and multiply (cases.py says what a case
is)."""

from __future__ import annotations

import numpy as np

from cases import In
from op_cases_index import CASES as INDEX_CASES
from op_cases_parts import CASES as PARTS_CASES
from op_cases_product import CASES as PRODUCT_CASES
from op_cases_sort import CASES as SORT_CASES
from op_cases_tools import INTEGERS, bad, exact


def expanded(x, size):
    """NumPy's broadcast_to, with -1 for a size that stays."""
    old = (1,) * (len(size) - x.ndim) + x.shape
    return np.broadcast_to(x, [o if s == -1 else s for s, o in zip(size, old)])


def squeezed(x, dim=None):
    dims = range(x.ndim) if dim is None else np.atleast_1d(dim)
    return np.squeeze(x, tuple(int(d) for d in dims if x.shape[d] == 1))


def flattened(x, start_dim=0, end_dim=-1):
    first, last = start_dim % max(x.ndim, 1), end_dim % max(x.ndim, 1)
    joined = int(np.prod(x.shape[first : last + 1], dtype=int))
    return x.reshape(*x.shape[:first], joined, *x.shape[last + 1 :])


def unflattened(x, dim, sizes):
    dim %= x.ndim
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


RESHAPES = [
    exact("clone", np.copy, [In((2, 6)), In(()), In((3, 0))]),
    exact("Tensor.contiguous", np.copy, [In((2, 6)), In(()), In((3, 0))]),
    exact(
        "reshape",
        np.reshape,
        [
            (In((2, 6)), (3, 4)),
            (In((2, 6)), (-1,)),
            (In(()), (1, 1)),
            (In((3, 0)), (0, 7)),
            (In((1, 5, 1)), (5,)),
            (In((33,)), (3, -1)),
        ],
        bad=(
            bad(r"\[reshape\] .*6 elements of \(2, 3\).*\(4, 2\)", In((2, 3)), (4, 2)),
            bad("at most one -1", In((2, 3)), (-1, -1)),
            bad("could be anything", In((0, 3)), (0, -1)),
        ),
    ),
    exact(
        "reshape", np.reshape, [(In((4, 6)), (2, 12))], dtypes=INTEGERS, gradient=False, label="int"
    ),
    exact(
        "Tensor.view",
        np.reshape,
        [(In((2, 6)), (3, 4)), (In((4,)), (2, -1, 1))],
        dense=True,
        bad=(bad("elements", In((2, 3)), (5,)),),
    ),
    exact(
        "flatten",
        flattened,
        [
            (In((2, 3, 4)),),
            (In((2, 3, 4)), 1),
            (In((2, 3, 4)), 0, 1),
            (In(()),),
            (In((2, 0, 3)), 1, 2),
        ],
        bad=(bad("start_dim <= end_dim", In((2, 3)), 1, 0),),
    ),
    exact("ravel", np.ravel, [(In((2, 3)),), (In(()),)]),
    exact(
        "unflatten",
        unflattened,
        [(In((2, 12)), 1, (3, 4)), (In((6, 2)), -2, (2, 3)), (In((6, 2)), 0, (1, 6))],
        bad=(bad("elements of", In((2, 5)), 1, (2, 3)),),
    ),
    exact(
        "squeeze",
        squeezed,
        [
            (In((1, 3, 1)),),
            (In((1, 3, 1)), 0),
            (In((1, 3, 1)), -1),
            (In((1, 3, 1)), 1),
            (In((1, 3, 1)), (0, 2)),
            (In(()),),
        ],
        bad=(bad("dim in", In((2, 3)), 2, error=IndexError),),
    ),
    exact(
        "unsqueeze",
        np.expand_dims,
        [(In((2, 3)), 0), (In((2, 3)), -1), (In((2, 3)), 1), (In(()), 0)],
        bad=(bad("dim in", In((2, 3)), 4, error=IndexError),),
    ),
    exact(
        "Tensor.expand",
        expanded,
        [(In((3, 1)), (3, 4)), (In((3, 1)), (2, -1, 5)), (In(()), (2, 2)), (In((1, 3)), (0, 3))],
        bad=(bad(r"\(3,\) broadcasts to", In((3,)), (4,)), bad("broadcasts", In((2, 3)), (3,))),
    ),
    exact("broadcast_to", expanded, [(In((1, 3)), (2, 3)), (In((3,)), (4, 1, 3))]),
    exact(
        "broadcast_tensors",
        lambda xs: tuple(np.broadcast_arrays(*xs)),
        [([In((3, 1)), In((1, 4)), In(())],)],
        bad=(bad("broadcast", [In((3,)), In((4,))]),),
    ),
    exact(
        "Tensor.reshape_as", lambda x, y: x.reshape(y.shape), [(In((2, 6)), In((3, 4), grad=False))]
    ),
    exact(
        "Tensor.view_as",
        lambda x, y: x.reshape(y.shape),
        [(In((2, 6)), In((3, 4), grad=False))],
        dense=True,
    ),
    exact(
        "Tensor.expand_as",
        lambda x, y: np.broadcast_to(x, y.shape),
        [(In((3, 1)), In((3, 4), grad=False))],
    ),
]

PERMUTATIONS = [
    exact(
        "transpose",
        np.swapaxes,
        [(In((2, 3)), 0, 1), (In((2, 3, 4)), -1, 0), (In((2, 3)), 1, 1)],
        bad=(bad("dim in", In((2, 3)), 0, 2, error=IndexError),),
    ),
    exact("swapaxes", np.swapaxes, [(In((2, 3, 4)), 0, 2)]),
    exact("swapdims", np.swapaxes, [(In((2, 3, 4)), 0, 2)]),
    exact(
        "t",
        np.transpose,
        [(In((2, 3)),), (In((3,)),), (In(()),)],
        bad=(bad("at most 2 dimensions", In((2, 3, 4))),),
    ),
    exact(
        "permute",
        np.transpose,
        [(In((2, 3, 4)), (2, 0, 1)), (In((2, 3, 4)), (-1, 0, 1)), (In(()), ())],
        bad=(
            bad("one entry for each of the 3", In((2, 3, 4)), (0, 1)),
            bad("each dim once", In((2, 3, 4)), (0, 0, 1)),
        ),
    ),
    exact(
        "movedim",
        np.moveaxis,
        [(In((2, 3, 4)), 0, 2), (In((2, 3, 4)), (0, 1), (-1, 0))],
        bad=(bad("as many destinations", In((2, 3)), (0, 1), (0,)),),
    ),
    exact("moveaxis", np.moveaxis, [(In((2, 3, 4)), 1, 0)]),
]

CASES = [*RESHAPES, *PERMUTATIONS, *PARTS_CASES, *INDEX_CASES, *SORT_CASES, *PRODUCT_CASES]
