"""The cases of what layers compute: bilinear forms, looked-up rows."""

import numpy as np

from cases import Case, In, samples
from op_cases_tools import bad, exact, index

F = "nn.functional."


def bilinear(x, y, weight, bias=None):
    form = np.einsum("...i,oij,...j->...o", x, weight, y)
    return form if bias is None else form + bias


def looked_up(numbers, table, padding_idx=None):
    return np.take(table, numbers, 0)


TABLE = In((4, 3))
OUTSIDE = r"expected indices in \[0, 3\] for num_embeddings=4; got {} at position \(1,\)"

CASES = [
    Case(
        F + "bilinear",
        bilinear,
        samples(
            (In((5, 3)), In((5, 4)), In((2, 3, 4)), In((2,))),
            (In((2, 5, 3)), In((2, 5, 4)), In((2, 3, 4))),
            (In((3,)), In((4,)), In((2, 3, 4)), In((2,))),
            (In((0, 3)), In((0, 4)), In((2, 3, 4)), In((2,))),
            (In((5, 1)), In((5, 17)), In((1, 1, 17)), In((1,))),
            (In((5, 3)), In((5, 0)), In((2, 3, 0)), In((2,))),
        ),
        ulp=4,
        scale=64,
        bad=(
            bad(r"\(\*, I\) and \(\*, J\)", In((5, 3)), In((4, 4)), In((2, 3, 4))),
            bad(r"got \(5, 3\), \(5, 4\) and \(2, 4, 3\)", In((5, 3)), In((5, 4)), In((2, 4, 3))),
            bad(r"a weight \(O, I, J\)", In((5, 3)), In((5, 4)), In((3, 4))),
            bad("expected a Tensor", In((3,)), 1.0, In((2, 3, 4)), error=TypeError),
        ),
    ),
    exact(
        F + "embedding",
        looked_up,
        [
            (index([2, 0, 2]), TABLE),
            (index([[3, 3], [0, 1]], "int32"), TABLE),
            (index(1), TABLE),
            (index([]), TABLE),
            (index([0, 0]), In((1, 0))),
        ],
        bad=(
            bad(OUTSIDE.format(4), index([0, 4]), TABLE, error=IndexError),
            bad(OUTSIDE.format(-1), index([0, -1]), TABLE, error=IndexError),
            bad("int64 or int32 index; got chainrule.float32", index([1.0], "float32"), TABLE),
            bad("a weight of 2 dimensions", index([0]), In((4,))),
            bad(r"padding_idx in \[-4, 4\); got 4", index([0]), TABLE, 4, error=ValueError),
            bad("padding_idx to be an int", index([0]), TABLE, 0.5, error=TypeError),
            bad("sparse=False", index([0]), TABLE, sparse=True, error=ValueError),
            bad("max_norm to be a number", index([0]), TABLE, max_norm="1", error=TypeError),
        ),
    ),
    exact(
        F + "embedding",
        looked_up,
        [(index([2, 0, 2]), TABLE, {"padding_idx": -2})],
        gradient=False,  # by design not the derivative
        label="padding",
    ),
]
