"""The cases of products. Sums of k terms of size 4 are off by at most about k roundings."""

import numpy as np

from cases import Case, In, samples
from op_cases_tools import bad

SUMS = {"ulp": 2, "scale": 48}


def linear(x, w, bias=None):
    return x @ w.T if bias is None else x @ w.T + bias


def blended(product):
    def twin(x, a, b, beta=1, alpha=1):
        y = alpha * product(a, b)
        return y if beta == 0 else beta * x + y

    return twin


def pairs(*shapes):
    return samples(*((In(a), In(b)) for a, b in shapes))


CASES = [
    Case(
        "matmul",
        np.matmul,
        pairs(
            ((3, 4), (4, 5)),
            ((33, 17), (17, 9)),
            ((4,), (4,)),
            ((3, 4), (4,)),
            ((4,), (4, 5)),
            ((2, 3, 4), (4, 5)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 5)),
            ((3, 4), (2, 4, 5)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((0, 4), (4, 5)),
            ((3, 0), (0, 5)),
            ((2, 3, 0), (0, 5)),
            ((1, 1), (1, 1)),
        ),
        **SUMS,
        bad=(
            bad(
                r"a\.shape\[-1\] == b\.shape\[-2\]; got \(32, 7\) @ \(6, 5\)",
                In((32, 7)),
                In((6, 5)),
            ),
            bad("at least one dimension", In(()), In((3,))),
            bad("leading sizes that broadcast", In((2, 3, 4)), In((3, 4, 5))),
            bad(
                "of one dtype",
                In((2, 3), dtype="float32"),
                In((3, 2), dtype="float64"),
                error=TypeError,
            ),
        ),
    ),
    Case(
        "matmul",
        np.matmul,
        samples((In((3, 40), -9, 9), In((40, 5), -9, 9)), (In((4,), 0, 9), In((4,), 0, 9))),
        dtypes=("int64", "int32"),
        gradient=False,
        label="int",
    ),
    Case(
        "mm",
        np.matmul,
        pairs(((3, 4), (4, 5))),
        **SUMS,
        bad=(bad("2 dimensions", In((3,)), In((3, 4))),),
    ),
    Case(
        "bmm",
        np.matmul,
        pairs(((2, 3, 4), (2, 4, 5)), ((0, 3, 4), (0, 4, 5))),
        **SUMS,
        bad=(
            bad("3 dimensions", In((3, 4)), In((4, 5))),
            bad("batches of one size", In((2, 3, 4)), In((1, 4, 5))),
        ),
    ),
    Case(
        "mv",
        np.matmul,
        pairs(((3, 4), (4,))),
        **SUMS,
        bad=(bad("1 dimension", In((3, 4)), In((4, 1))),),
    ),
    Case("dot", np.dot, pairs(((7,), (7,)), ((0,), (0,)), ((300,), (300,))), ulp=2, scale=400),
    Case("vdot", np.vdot, pairs(((7,), (7,))), **SUMS),
    Case("outer", np.outer, pairs(((3,), (4,)), ((0,), (4,)))),
    Case("ger", np.outer, pairs(((3,), (4,)))),
    Case("inner", np.inner, pairs(((3,), (3,)), ((2, 3), (4, 5, 3)), ((), (3,))), **SUMS),
    Case(
        "addmm",
        blended(np.matmul),
        samples(
            (In((3, 5)), In((3, 4)), In((4, 5))),
            (In((5,)), In((3, 4)), In((4, 5)), {"beta": 0.5, "alpha": 2}),
            (In(()), In((3, 4)), In((4, 5)), {"beta": 0}),
        ),
        **SUMS,
        bad=(bad("broadcasts to the product", In((4,)), In((3, 4)), In((4, 5))),),
    ),
    Case("addmv", blended(np.matmul), samples((In((3,)), In((3, 4)), In((4,)))), **SUMS),
    Case(
        "addr", blended(np.outer), samples((In((3, 4)), In((3,)), In((4,)), {"alpha": 2.0})), **SUMS
    ),
    Case(
        "baddbmm", blended(np.matmul), samples((In((3, 5)), In((2, 3, 4)), In((2, 4, 5)))), **SUMS
    ),
    Case(
        "addbmm",
        blended(lambda a, b: (a @ b).sum(0)),
        samples((In((3, 5)), In((2, 3, 4)), In((2, 4, 5)))),
        **SUMS,
    ),
    Case(
        "nn.functional.linear",
        linear,
        samples(
            (In((5, 4)), In((3, 4)), In((3,))),
            (In((5, 4)), In((3, 4))),
            (In((33, 17)), In((19, 17)), In((19,))),
            (In((4,)), In((3, 4)), In((3,))),
            (In((2, 5, 4)), In((3, 4)), In((3,))),
            (In((0, 4)), In((3, 4)), In((3,))),
            (In((5, 0)), In((3, 0)), In((3,))),
            (In((5, 4)), In((4,)), In(())),
        ),
        **SUMS,
        bad=(
            bad(r"got input \(5, 3\) and weight \(2, 4\)", In((5, 3)), In((2, 4))),
            bad(r"bias of sizes .*\(3,\); got \(4,\)", In((5, 4)), In((3, 4)), In((4,))),
        ),
    ),
]
