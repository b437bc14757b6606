"""The cases of losses with margins. Their twins are written from the definitions."""

import numpy as np

import twins
from cases import Case, In, samples
from op_cases_loss import MISMATCH, REDUCTIONS, F, bad, pointwise

LABELS = [1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0]  # of seven samples
SEVEN = In((7,), values=LABELS, grad=False)


def labelled(low=-2.0, high=2.0, away=(), **rest):
    """Calls of losses with a label of +1 or -1 for each number."""
    for reduction in REDUCTIONS:
        yield (In((7,), low, high, away=away), SEVEN, {"reduction": reduction, **rest})
    yield In((2, 1), low, high, away=away), In((2, 1), values=[[1.0], [-1.0]], grad=False), rest
    yield In((), low, high, away=away), In((), values=-1.0, grad=False), rest
    yield In((0, 3)), In((0, 3), grad=False), {"reduction": "sum", **rest}


def hinge(x, t, p=1, margin=1.0):
    return np.maximum(margin - t * x, 0) ** p


def hinge_embedding(x, t, margin=1.0):
    return np.where(t == 1, x, np.maximum(margin - x, 0))


def ranking(x1, x2, t, margin=0.0, reduction="mean"):
    return twins.reduced(np.maximum(margin - t * (x1 - x2), 0), reduction)


def multi_margin(x, target, p=1, margin=1.0, weight=None, reduction="mean"):
    rows, classes = np.atleast_2d(x), np.atleast_1d(target)
    own = np.take_along_axis(rows, classes[:, None], 1)
    each = np.maximum(margin - own + rows, 0) ** p
    each = np.where(np.arange(rows.shape[1]) == classes[:, None], 0, each)
    loss = each.sum(1) / rows.shape[1] * (1 if weight is None else weight[classes])
    return twins.reduced(loss if x.ndim == 2 else loss[0], reduction)


def multilabel_margin(x, target, reduction="mean"):
    rows, losses = np.atleast_2d(x), []
    for scores, line in zip(rows, np.atleast_2d(target), strict=True):
        labels = [*line[: [*line, -1].index(-1)]]
        others = [i for i in range(len(scores)) if i not in labels]
        terms = [max(0 * scores[0], 1 - (scores[j] - scores[i])) for j in labels for i in others]
        losses.append(sum(terms, 0 * scores[0]) / len(scores))
    loss = np.array(losses, dtype=x.dtype)
    return twins.reduced(loss if x.ndim == 2 else loss[0], reduction)


def multilabel_soft(x, t, weight=1, reduction="mean"):
    loss = weight * (t * twins.softplus(-x) + (1 - t) * twins.softplus(x))
    return twins.reduced(loss.sum(-1) / x.shape[-1], reduction)


def class_margins():
    for p, margin in ((1, 1.0), (2, 0.5)):
        for reduction in REDUCTIONS:
            yield (
                In((9, 4), -3, 3),
                In((9,), 0, 3, "int64"),
                {"p": p, "margin": margin, "reduction": reduction},
            )
    yield In((4,), -3, 3), In((), 0, 3, "int64"), {}
    yield In((5, 1)), In((5,), 0, 0, "int64"), {}
    yield In((5, 3)), In((5,), 0, 2, "int64"), {"weight": In((3,), 0.5, 2, grad=False), "p": 2}


LISTS = [[3, 0, -1, 1], [-1, 2, 2, 2], [0, 1, 2, 3], [2, -1, -1, -1], [1, 1, 2, -1]]


def label_lists():
    for reduction in REDUCTIONS:
        lists = In((5, 4), dtype="int64", values=LISTS)
        yield In((5, 4), -3, 3), lists, {"reduction": reduction}
        yield In((4,), -3, 3), In((4,), dtype="int64", values=LISTS[0]), {"reduction": reduction}
    yield In((0, 4)), In((0, 4), dtype="int64"), {"reduction": "none"}


CASES: list[Case] = [
    Case(
        F + "soft_margin_loss",
        pointwise(lambda x, t: twins.softplus(-t * x)),
        samples(*labelled(-6, 6)),
        ulp=3,
        scale=8,
        bad=(MISMATCH, bad(TypeError, "floating input", In((2,), dtype="int64"), In((2,)))),
    ),
    Case(
        F + "soft_margin_loss",
        pointwise(lambda x, t: twins.softplus(-t * x)),
        samples(*labelled(-1e4, 1e4)),
        ulp=3,
        scale=8,
        label="large",
    ),
    Case(
        F + "hinge_loss",
        pointwise(hinge),
        samples(*labelled(away=(1, -1)), *labelled(away=(0.5, -0.5), p=2, margin=0.5)),
        ulp=2,
        scale=8,
        bad=(MISMATCH, bad(ValueError, "p to be 1 or 2; got 3", In((2,)), In((2,)), {"p": 3})),
    ),
    Case(
        F + "hinge_embedding_loss",
        pointwise(hinge_embedding),
        samples(*labelled(away=(1,)), *labelled(away=(0.5,), margin=0.5)),
        ulp=2,
        scale=8,
        bad=(MISMATCH,),
    ),
    Case(
        F + "margin_ranking_loss",
        ranking,
        samples(
            *[(In((7,), 0.5, 2), In((7,), -2, 0), SEVEN, {"reduction": r}) for r in REDUCTIONS],
            (In((7,), -2, 0), In((7,), 0.1, 2), SEVEN, {"margin": 5.0}),
            (In(()), In((), 3, 4), In((), values=1.0, grad=False), {"margin": 0.25}),
        ),
        ulp=2,
        scale=8,
        bad=(
            bad(
                ValueError,
                r"one shape; got \(2,\), \(2,\) and \(1,\)",
                *map(In, [(2,)] * 2 + [(1,)]),
            ),
        ),
    ),
    Case(
        F + "multi_margin_loss",
        multi_margin,
        samples(*class_margins()),
        ulp=3,
        scale=8,
        bad=(
            bad(
                IndexError,
                r"\[0, 3\); got 3 in row 1",
                In((2, 3)),
                In((2,), dtype="int64", values=[0, 3]),
            ),
            bad(
                IndexError, r"got -1 in row 0", In((2, 3)), In((2,), dtype="int64", values=[-1, 3])
            ),
            bad(ValueError, "p to be 1 or 2", In((2, 3)), In((2,), 0, 2, "int64"), {"p": 0}),
            bad(
                ValueError,
                r"\(C,\) or \(N, C\); got \(2, 3, 4\)",
                In((2, 3, 4)),
                In((2,), 0, 2, "int64"),
            ),
            bad(
                ValueError,
                "one weight per class",
                In((2, 3)),
                In((2,), 0, 2, "int64"),
                {"weight": In((2,))},
            ),
            bad(TypeError, "int64 class indices", In((2, 3)), In((2,))),
        ),
    ),
    Case(
        F + "multilabel_margin_loss",
        multilabel_margin,
        samples(*label_lists()),
        ulp=3,
        scale=8,
        bad=(
            bad(
                IndexError,
                "got others in row 1",
                In((2, 2)),
                In((2, 2), dtype="int64", values=[[0, -1], [2, -1]]),
            ),
            bad(
                IndexError,
                "got others in row 0",
                In((2,)),
                In((2,), dtype="int64", values=[-1, -2]),
            ),
            bad(TypeError, "int64 labels", In((2,)), In((2,))),
            bad(ValueError, "one shape", In((2, 3)), In((2,), dtype="int64")),
        ),
    ),
    Case(
        F + "multilabel_soft_margin_loss",
        multilabel_soft,
        samples(
            *[
                (In(s, -5, 5), In(s, 0, 1), {"reduction": r})
                for s in [(4,), (5, 3), (2, 3, 4)]
                for r in REDUCTIONS
            ],
            (In((5, 3), -5, 5), In((5, 3), 0, 1), In((3,), 0.5, 2)),
        ),
        ulp=4,
        scale=8,
        bad=(MISMATCH, bad(IndexError, "0-d", In(()), In(()))),
    ),
]
