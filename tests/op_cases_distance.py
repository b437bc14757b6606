"""The cases of distances, and of losses made of them, of likelihoods and of divergences. Their twins
are written from the definitions."""

import math

import numpy as np

import twins
from cases import Case, In, samples
from op_cases_loss import MISMATCH, REDUCTIONS, F, bad, pairs, pointwise
from op_cases_margin import SEVEN


def p_norm(x, p, axis=-1, keepdims=False):
    size = np.abs(x)
    if p == math.inf:
        return size.max(axis, keepdims=keepdims)
    return (size**p).sum(axis, keepdims=keepdims) ** (x.dtype.type(1) / x.dtype.type(p))


def distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return p_norm(a - b + eps, p, keepdims=keepdim)


def similarity(a, b, dim=1, eps=1e-8):
    a, b = np.broadcast_arrays(a, b)
    lengths = [np.maximum(p_norm(v, 2, dim, True), eps) for v in (a, b)]
    return (a / lengths[0] * (b / lengths[1])).sum(dim)


def normalized(x, p=2.0, dim=1, eps=1e-12):
    return x / np.maximum(p_norm(x, p, dim, True), eps)


def cosine_embedding(a, b, t, margin=0.0, reduction="mean"):
    squares = [(v * v).sum(-1) + 1e-12 for v in (a, b)]
    cosine = (a * b).sum(-1) / np.sqrt(squares[0] * squares[1])
    loss = np.where(t == 1, 1 - cosine, np.maximum(cosine - margin, 0))
    return twins.reduced(loss, reduction)


def triplet(a, p_, n, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"):
    near, far = distance(a, p_, p, eps), distance(a, n, p, eps)
    if swap:
        far = np.minimum(far, distance(p_, n, p, eps))
    return twins.reduced(np.maximum(margin + near - far, 0), reduction)


APART = In((7, 4), -2, 0), In((7, 4), 0.1, 2)  # no two coordinates are equal
TRIPLE = In((7, 3), 0, 1), In((7, 3), 1.1, 2), In((7, 3), -2, -0.1)

DISTANCES = [
    Case(
        F + "pairwise_distance",
        distance,
        samples(
            APART,
            *[(*APART, p) for p in (1.0, 3.0, 0.5)],
            (*APART, 2.0, 0.25, True),
            (In((4,), -2, 0), In((4,), 0.1, 2)),
            (In((2, 5, 4), -2, 0), In((4,), 0.1, 2)),
        ),
        ulp=4,
        scale=4,
    ),
    Case(
        F + "cosine_similarity",
        similarity,
        samples(
            APART,
            (*APART, 0),
            (In((2, 5, 4)), In((5, 4)), {"dim": -1}),
            (In((3, 4)), In((1, 4)), {"eps": 100.0}),
        ),
        ulp=4,
        scale=8,
        bad=(
            bad(ValueError, r"that broadcast; got \(2, 3\) and \(4,\)", In((2, 3)), In((4,))),
            bad(IndexError, "dim", In((3,)), In((3,))),
        ),
    ),
    Case(
        F + "normalize",
        normalized,
        samples(
            In((3, 4)),
            (In((3, 4), away=(0,)), 1.0),
            (In((2, 3, 4), away=(0,)), 3.0, -1),
            (In((5,)), {"dim": 0}),
            (In((3, 4)), {"eps": 100.0}),
        ),
        ulp=4,
        scale=4,
    ),
    Case(
        F + "cosine_embedding_loss",
        cosine_embedding,
        samples(
            *[
                (In((7, 4), 0.1, 2), In((7, 4), 0.1, 2), SEVEN, {"reduction": r, "margin": m})
                for r in REDUCTIONS
                for m in (0.0, 0.25, -0.5)
            ],
            (In((4,)), In((4,)), In((), values=1.0, grad=False)),
        ),
        ulp=4,
        scale=16,
        bad=(
            bad(
                ValueError,
                r"got \(2, 3\), \(2, 3\) and \(2, 1\)",
                *map(In, [(2, 3)] * 2 + [(2, 1)]),
            ),
            bad(ValueError, "expected input1 and input2", In(()), In(()), In(())),
        ),
    ),
    Case(
        F + "triplet_margin_loss",
        triplet,
        samples(
            *[(*TRIPLE, {"reduction": r, "margin": 9.0}) for r in REDUCTIONS],
            *[(*TRIPLE, {"p": p, "margin": 5.0, "swap": p == 3}) for p in (1.0, 3.0)],
            (In((7, 3), -2, -1), In((7, 3), 0, 1), In((7, 3), 1.1, 2), {"swap": True}),
            (In((3,), 0, 1), In((3,), 1.1, 2), In((3,), -2, -0.1), {"margin": 6.0}),
        ),
        ulp=4,
        scale=16,
        bad=(
            bad(
                ValueError,
                r"one shape; got \(2, 3\), \(3,\) and \(2, 3\)",
                *map(In, [(2, 3), (3,), (2, 3)]),
            ),
            bad(
                ValueError, "margin > 0; got 0", In((2, 3)), In((2, 3)), In((2, 3)), {"margin": 0.0}
            ),
        ),
    ),
]


def gaussian(x, t, var, full=False, eps=1e-6, reduction="mean"):
    var = np.asarray(var, dtype=x.dtype)
    if var.ndim == x.ndim - 1 and var.ndim:
        var = var[..., None]
    var = np.maximum(var, eps)
    loss = (np.log(var) + (x - t) ** 2 / var) / 2
    if full:
        loss = loss + np.log(2 * np.arccos(x.dtype.type(-1))) / 2
    return twins.reduced(loss, reduction)


def poisson(x, t, log_input=True, full=False, eps=1e-8):
    loss = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        safe = np.where(t > 1, t, 1)
        pi = np.arccos(x.dtype.type(-1))
        stirling = safe * np.log(safe) - safe + np.log(2 * pi * safe) / 2
        loss = loss + np.where(t > 1, stirling, 0)
    return loss


def divergence(x, t, log_target=False, reduction="mean"):
    if log_target:
        loss = np.exp(t) * (t - x)
    else:
        loss = np.where(t > 0, t * (np.log(np.where(t > 0, t, 1)) - x), 0)
    if reduction == "batchmean":
        return loss.sum() / (len(loss) if loss.ndim else 1)
    return twins.reduced(loss, reduction)


def divergences():
    """Without "mean", which warns."""
    for shape in [(), (7,), (5, 3)]:
        for how in ("sum", "none", "batchmean"):
            yield In(shape, -4, 0), In(shape, 0.05, 1), {"reduction": how}
            yield In(shape, -4, 0), In(shape, -4, 0), {"reduction": how, "log_target": True}
    yield In((3,), -2, 0), In((3,), values=[0.0, 0.25, 1.0], grad=False), {"reduction": "sum"}


def variances():
    for shape in [(), (5, 3), (2, 3, 4)]:
        for reduction in REDUCTIONS:
            yield In(shape), In(shape), In(shape, 0.2, 2), {"reduction": reduction, "full": True}
    for shape in [(5,), (5, 1), (1, 3), ()]:
        yield In((5, 3)), In((5, 3)), In(shape, 0.2, 2)
    yield In((5, 3)), In((5, 3)), 0.5
    yield In((5, 3)), In((5, 3)), In((5, 3), 0.2, 0.9, grad=False), {"eps": 1.0}


LIKELIHOODS = [
    Case(
        F + "half_mse_loss",
        pointwise(lambda x, t: (x - t) ** 2 / 2),
        samples(*pairs()),
        ulp=2,
        scale=8,
        bad=(MISMATCH,),
    ),
    Case(
        F + "gaussian_nll_loss",
        gaussian,
        samples(*variances()),
        ulp=4,
        scale=8,
        bad=(
            bad(ValueError, r"var >= 0; got -1", In((2,)), In((2,)), In((2,), values=[1.0, -1.0])),
            bad(ValueError, r"var >= 0; got -0.5", In((2,)), In((2,)), -0.5),
            bad(
                ValueError,
                r"var of the input's sizes \(2, 3\)",
                In((2, 3)),
                In((2, 3)),
                In((3,), 1, 2),
            ),
            bad(
                ValueError, "input and target of one shape", In((4, 1)), In((4,)), In((4, 1), 1, 2)
            ),
            bad(ValueError, "eps >= 0; got -1", In((2,)), In((2,)), 1.0, {"eps": -1.0}),
        ),
    ),
    Case(
        F + "poisson_nll_loss",
        pointwise(poisson),
        samples(
            *pairs(second=(0, 4)),
            *pairs((0.1, 4), (0, 4), log_input=False),
            *pairs((0.1, 4), (0, 0.9), log_input=False, full=True, eps=0.25),
            *pairs((-2, 2), (1.1, 6), full=True),
        ),
        ulp=4,
        scale=16,
        bad=(MISMATCH, bad(ValueError, "eps >= 0; got -1", In((2,)), In((2,)), {"eps": -1.0})),
    ),
    Case(
        F + "kl_div",
        divergence,
        samples(*divergences()),
        ulp=4,
        scale=8,
        bad=(MISMATCH,),
    ),
]

CASES: list[Case] = [*DISTANCES, *LIKELIHOODS]
