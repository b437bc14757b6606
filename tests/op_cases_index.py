"""The cases of indexing by tensors, gather and scatter."""

import numpy as np

from cases import Case, In, samples
from op_cases_tools import INTEGERS, bad, exact, index


def add_at(x, dim, places, source, alpha=1):
    y = np.moveaxis(x.copy(), dim, 0)
    np.add.at(y, places, alpha * np.moveaxis(source, dim, 0))
    return np.moveaxis(y, 0, dim)


def copied(x, dim, places, source):
    y = np.moveaxis(x.copy(), dim, 0)
    y[places] = np.moveaxis(np.broadcast_to(source, copied_shape(x, dim, places)), dim, 0)
    return np.moveaxis(y, 0, dim)


def copied_shape(x, dim, places):
    return [places.size if d == dim % x.ndim else s for d, s in enumerate(x.shape)]


def grid(places, dim):
    """Index arrays for gather and scatter: `places` along dim, the own coordinate elsewhere."""
    own = list(np.indices(places.shape, sparse=True))
    own[dim] = places
    return tuple(own)


def gathered(x, dim, places):
    return x[grid(places, dim)]


def scattered(x, dim, places, src):
    y = x.copy()
    y[grid(places, dim)] = src if np.ndim(src) == 0 else part(src, places)
    return y


def scatter_added(x, dim, places, src):
    y = x.copy()
    np.add.at(y, grid(places, dim), part(src, places))
    return y


def part(src, places):
    return src[tuple(slice(n) for n in places.shape)]


def put(x, places, values, accumulate=False):
    y = x.copy()
    if accumulate:
        np.add.at(y, tuple(places), values)
    else:
        y[tuple(places)] = values
    return y


def one_hot(x, num_classes=-1):
    return np.eye(x.max() + 1 if num_classes == -1 else num_classes, dtype=np.int64)[x]


OUT_OF_RANGE = r"expected indices in \[0, 3\]; got 4 at position \(1,\)"
SLICES = [
    exact(
        "index_select",
        lambda x, dim, i: np.take(x, np.atleast_1d(i), dim),
        [
            (In((4, 3)), 0, index([2, 0, 2])),
            (In((4, 3)), 1, index([1], "int32")),
            (In((2, 4, 3)), 1, index([3, 3, 0, 1])),
            (In((4, 3)), -1, index([])),
            (In((4,)), 0, index(2)),
        ],
        bad=(
            bad(
                r"\[index_select\] " + OUT_OF_RANGE, In((4, 3)), 0, index([0, 4]), error=IndexError
            ),
            bad("got -1 at position", In((4, 3)), 0, index([-1]), error=IndexError),
            bad("at most 1 dimension", In((4, 3)), 0, index([[1]])),
            bad(
                "int64 or int32 index; got float32",
                In((4,)),
                0,
                index([1.0], "float32"),
                error=TypeError,
            ),
        ),
    ),
    exact(
        "index_select",
        lambda x, dim, i: np.take(x, i, dim),
        [(In((4, 3)), 0, index([2, 0, 2]))],
        dtypes=INTEGERS,
        gradient=False,
        label="int",
    ),
    Case(
        "index_add",
        add_at,
        samples(
            (In((4, 3)), 0, index([2, 0, 2]), In((3, 3))),
            (In((4, 3)), 1, index([1, 1]), In((4, 2)), {"alpha": 0.5}),
            (In((4,)), 0, index([]), In((0,))),
        ),
        ulp=2,
        scale=4,
        bad=(
            bad(OUT_OF_RANGE, In((4,)), 0, index([0, 4]), In((2,)), error=IndexError),
            bad(r"source of sizes \(2,\)", In((4,)), 0, index([0, 1]), In((3,))),
        ),
    ),
    exact(
        "index_copy",
        copied,
        [(In((4, 3)), 0, index([2, 0]), In((2, 3))), (In((4, 3)), 1, index([2, 0]), In((4, 2)))],
        bad=(bad(OUT_OF_RANGE, In((4,)), 0, index([0, 4]), In((2,)), error=IndexError),),
    ),
    exact(
        "index_fill",
        copied,
        [(In((4, 3)), 0, index([2, 0]), 1.5), (In((4, 3)), 1, index([1, 1]), In(()))],
    ),
    exact(
        "take",
        np.take,
        [(In((3, 4)), index([[0, 11], [-1, 5]])), (In((5,)), index([]))],
        bad=(bad(r"\[-12, 11\]; got 12", In((3, 4)), index([12]), error=IndexError),),
    ),
    exact(
        "masked_select",
        lambda x, mask: np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape))[
            np.broadcast_to(mask, np.broadcast_shapes(x.shape, mask.shape))
        ],
        [
            (In((3, 4)), In((3, 4), dtype="bool")),
            (In((3, 4)), In((4,), dtype="bool")),
            (In((4,)), In((3, 1), dtype="bool")),
        ],
        replays=False,
        bad=(bad("bool mask", In((3,)), index([1, 0, 1]), error=TypeError),),
    ),
    exact(
        "nonzero",
        np.argwhere,
        [(index([[0, 3], [5, 0]]),), (index([]),), (index([1.0, 0.0, np.nan], "float32"),)],
        gradient=False,
        replays=False,
    ),
    exact("argwhere", np.argwhere, [(index([[0, 3], [5, 0]]),)], gradient=False, replays=False),
]

MASK = np.array([[True, False, True], [False, False, True]])
GENERAL = [
    exact(
        "Tensor.__getitem__",
        lambda x, i: x[i],
        [
            (In((4, 3)), index([[3, -1], [0, 0]])),
            (In((4, 3)), index([1], "int32")),
            (In((4, 3)), index([])),
        ],
        bad=(
            bad(r"\[index\] .*\[-4, 3\]; got 4", In((4, 3)), index([4]), error=IndexError),
            bad("mask of", In((4, 3)), index([True], "bool"), error=IndexError),
        ),
    ),
    exact(
        "Tensor.__getitem__",
        lambda x, i: x[i],
        [
            (In((2, 3)), index(MASK, "bool")),
            (In((2, 3, 4)), index(MASK, "bool")),
            (In((2, 3)), index([True, False], "bool")),
            (In(()), index(True, "bool")),
        ],
        replays=False,
        label="mask",
    ),
    Case(
        "index_put",
        put,
        samples(
            (In((4, 3)), [index([0, 2])], In((2, 3))),
            (In((4, 3)), [index([0, -1]), index([[2], [1]])], In((2, 2))),
            (In((4, 3)), [index([0, 0, 2])], In((3, 3)), True),
            (In((4, 3)), [index([1, 1]), index([2, 2])], In(()), True),
            (In((2, 3)), [index(MASK, "bool")], In(())),
            (In((4, 3)), [index([])], In((0, 3))),
        ),
        ulp=2,
        scale=4,
        bad=(
            bad("broadcast to the indexed part", In((4, 3)), [index([0, 1])], In((3, 3))),
            bad(
                "shapes that broadcast",
                In((4, 3)),
                [index([0, 1]), index([0, 1, 2])],
                In(()),
                error=IndexError,
            ),
        ),
    ),
    exact(
        "index_put",
        put,
        [
            (In((2, 3)), [index(MASK, "bool")], In((3,))),
            (In((2, 3, 2)), [index(MASK, "bool")], In((2,))),
        ],
        replays=False,
        label="mask",
    ),
]

ELEMENTS = [
    exact(
        "gather",
        gathered,
        [
            (In((4, 3)), 0, index([[0, 1, 2], [3, 3, 3]])),
            (In((4, 3)), 1, index([[0, 0], [2, 1], [1, 1]])),
            (In((2, 3, 4)), 1, index([[[0, 2, 1, 1]], [[2, 2, 2, 2]]])),
            (In((5,)), -1, index([4, 0, 4])),
        ],
        bad=(
            bad(
                r"\[0, 2\]; got 3 at position \(1, 0\)",
                In((2, 3)),
                1,
                index([[0], [3]]),
                error=IndexError,
            ),
            bad("no larger than it except in dim 1", In((2, 3)), 1, index([[0], [0], [0]])),
        ),
    ),
    exact(
        "scatter",
        scattered,
        [
            (In((4, 3)), 0, index([[0, 1, 2], [3, 3, 3]]), In((2, 3))),
            (In((3, 4)), 1, index([[3], [0]]), In((2, 2))),
            (In((3, 4)), 1, index([[3], [0], [1]]), 1.5),
            (In((4,)), 0, index([]), In((0,))),
        ],
        bad=(
            bad("no larger than it; got", In((4,)), 0, index([0, 1, 2]), In((2,))),
            bad(r"\[0, 3\]; got -1", In((4,)), 0, index([-1]), In((1,)), error=IndexError),
        ),
    ),
    Case(
        "scatter_add",
        scatter_added,
        samples(
            (In((4, 3)), 0, index([[0, 1, 2], [0, 1, 0]]), In((2, 3))),
            (In((3, 4)), 1, index([[3, 3], [0, 3]]), In((3, 3))),
            (In((5,)), 0, index([1, 1, 1, 1, 4]), In((5,))),
        ),
        ulp=2,
        scale=8,
        bad=(bad(r"\[scatter_add\]", In((4,)), 0, index([4]), In((1,)), error=IndexError),),
    ),
    exact(
        "take_along_dim",
        lambda x, i, dim=None: (
            np.take_along_axis(x, i, dim) if dim is not None else np.take(x.ravel(), i.ravel())
        ),
        [
            (In((3, 4)), index([[3, 0], [1, 1], [2, 2]]), 1),
            (In((3, 4)), index([[0, 2, 1, 1]]), 0),
            (In((1, 4)), index([[3], [0]]), 1),
            (In((3, 4)), index([11, 0])),
        ],
    ),
    exact(
        "nn.functional.one_hot",
        one_hot,
        [(index([0, 2, 1]), 3), (index([[0, 2], [1, 1]]), 4), (index([]), 4)],
        dtypes=("int64",),
        gradient=False,
        bad=(
            bad(r"\[0, 2\]; got 3", index([0, 3]), 3, error=IndexError),
            bad("num_classes >= 1", index([0]), 0),
            bad("int64 class numbers", index([0.0], "float32"), error=TypeError),
        ),
    ),
]

CASES = [*SLICES, *GENERAL, *ELEMENTS]
