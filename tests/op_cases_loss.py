"""The cases of the losses. Their twins are written from the definitions, not from the fused
forms."""

import math

import numpy as np

import twins
from cases import Bad, Case, In, samples

F = "nn.functional."
REDUCTIONS = ("mean", "sum", "none")


def bad(error, match, *call):
    return Bad(error, match, samples(call)[0])


def pointwise(function):
    def twin(x, t, weight=None, reduction="mean", **rest):
        loss = function(x, t, **rest)
        return twins.reduced(loss if weight is None else loss * weight, reduction)

    return twin


def pairs(first=(-2.0, 2.0), second=(-2.0, 2.0), grad=True, **rest):
    for shape in [(), (1,), (7,), (17, 3), (2, 3, 4)]:
        for reduction in REDUCTIONS:
            yield (
                In(shape, *first),
                In(shape, *second, grad=grad),
                {"reduction": reduction, **rest},
            )


def weighted(function, by_weights):
    """The twin of a loss with a weight; its mean may divide by the sum of the weights."""

    def twin(x, t, weight, reduction="mean"):
        loss = function(x, t) * weight
        if reduction != "mean" or not by_weights:
            return twins.reduced(loss, reduction)
        return loss.sum() / np.broadcast_to(weight, x.shape).sum()

    return twin


def weighted_samples(first=(-2.0, 2.0), second=(-2.0, 2.0)):
    shapes = [(5, 3), (3,)]  # the second broadcasts
    weights = [{"weight": In(s, 0.5, 2), "reduction": r} for s in shapes for r in REDUCTIONS]
    return samples(*[(In((5, 3), *first), In((5, 3), *second), w) for w in weights])


def huber(x, t, delta=1.0):
    d = np.abs(x - t)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def smooth_l1(x, t, beta=1.0):
    d = np.abs(x - t)
    return np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def bce(x, t):
    return -(t * np.log(x) + (1 - t) * np.log1p(-x))


def bce_logits(x, t, weight=None, reduction="mean", pos_weight=1):
    loss = (1 - t) * twins.softplus(x) + pos_weight * t * twins.softplus(-x)
    return twins.reduced(loss if weight is None else loss * weight, reduction)


def picked(log_p, target, weight, ignore_index):
    """-weight * log_p at the target along dim 1 (0 for a vector), and the weights that count."""
    if log_p.ndim == 1:
        log_p, target = log_p[None], np.asarray(target)[None]
    classes = np.moveaxis(log_p, 1, -1)
    keep = target != ignore_index
    safe = np.where(keep, target, 0)[..., None]
    hit = np.take_along_axis(classes, safe, axis=-1)[..., 0]
    scale = keep * (1 if weight is None else weight[safe[..., 0]])
    return np.where(keep, -hit * scale, 0), scale, classes, keep


def finish(loss, scale, shape, reduction):
    if reduction == "none":
        return loss.reshape(shape)
    return loss.sum() if reduction == "sum" else loss.sum() / scale.sum()


def nll(log_p, target, weight=None, ignore_index=-100, reduction="mean"):
    loss, scale, _, _ = picked(log_p, target, weight, ignore_index)
    return finish(loss, scale, np.shape(target), reduction)


def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    dim = 0 if x.ndim == 1 else 1
    log_p = twins.log_softmax(x, dim)
    n = x.shape[dim]
    w = np.ones(n, x.dtype) if weight is None else weight
    if target.dtype.kind == "f":
        smooth = target * (1 - label_smoothing) + label_smoothing / n
        spread = w.reshape([n if d == dim else 1 for d in range(x.ndim)])
        loss = -(smooth * spread * log_p).sum(axis=dim)
        return twins.reduced(loss, reduction)
    loss, scale, classes, keep = picked(log_p, target, weight, ignore_index)
    smooth = np.where(keep, -(classes * w).sum(axis=-1), 0)
    loss = (1 - label_smoothing) * loss + label_smoothing / n * smooth
    return finish(loss, scale, np.shape(target), reduction)


def scores(low=-4.0, high=4.0):
    """Scores and class indices of every accepted shape."""
    for shape in [(3,), (1, 1), (5, 3), (17, 10), (64, 33), (4, 3, 2), (2, 3, 2, 2)]:
        n = shape[0 if len(shape) == 1 else 1]
        rest = () if len(shape) == 1 else (shape[0], *shape[2:])
        yield In(shape, low, high), In(rest, 0, n - 1, "int64"), n


def class_calls(**domain):
    for x, target, n in scores(**domain):
        for reduction in REDUCTIONS:
            yield (x, target, {"reduction": reduction})
        if math.prod(target.shape) >= 5:  # else everything may be ignored, and the mean is NaN
            yield (x, target, In((n,), 0.5, 2, grad=False), {"ignore_index": 0})
        yield (x, target, In((n,), 0.5, 2, grad=False), {"reduction": "none", "ignore_index": 1})


def smoothed_calls():
    for x, target, n in scores():
        weight = In((n,), 0.5, 2, grad=False)
        yield (x, target, {"label_smoothing": 0.125})
        yield (x, target, {"label_smoothing": 0.25, "reduction": "none", "ignore_index": 0})
        if math.prod(target.shape) >= 5:
            yield (x, target, weight, {"label_smoothing": 0.25, "ignore_index": 1})


def distribution_calls():
    for shape in [(3,), (5, 3), (4, 3, 2)]:
        n = shape[0 if len(shape) == 1 else 1]
        x, t = In(shape, -4, 4), In(shape, 0, 1)
        for reduction in REDUCTIONS:
            yield (x, t, {"reduction": reduction})
        yield (x, t, In((n,), 0.5, 2, grad=False), {"label_smoothing": 0.25})


MISMATCH = bad(
    ValueError,
    r"expected input and target of one shape; got \(4, 1\) and \(4,\). Use target.unsqueeze\(1\)",
    In((4, 1), 0.1, 0.9),
    In((4,), 0.1, 0.9),
)
APART = {"first": (-2.0, -0.2), "second": (0.2, 2.0)}  # no zero difference
INDEX_ERRORS = (
    bad(IndexError, "got 3 in row 1", In((2, 3)), In((2,), dtype="int64", values=[0, 3])),
    bad(
        ValueError,
        r"class indices of sizes \(4,\).*squeeze\(1\)",
        In((4, 3)),
        In((4, 1), 0, 2, "int64"),
    ),
    bad(TypeError, "int64 class indices", In((4, 3)), In((4,), 0, 1)),
    bad(ValueError, "one weight per class", In((4, 3)), In((4,), 0, 2, "int64"), In((4,))),
)

CASES: list[Case] = [
    Case(
        F + "mse_loss",
        pointwise(lambda x, t: (x - t) ** 2),
        samples(*pairs()),
        ulp=2,
        scale=8,
        bad=(MISMATCH,),
    ),
    *(
        Case(
            F + name,
            weighted(loss, name != "huber_loss"),
            weighted_samples(*ends),
            ulp=2,
            scale=8,
            label="weight",
        )
        for name, loss, ends in (
            ("mse_loss", lambda x, t: (x - t) ** 2, ()),
            ("l1_loss", lambda x, t: np.abs(x - t), APART.values()),
            ("huber_loss", huber, ((1.2, 3), (-1, 0))),
        )
    ),
    Case(
        F + "l1_loss",
        pointwise(lambda x, t: np.abs(x - t)),
        samples(*pairs(**APART)),
        ulp=2,
        scale=4,
        bad=(MISMATCH,),
    ),
    Case(
        F + "smooth_l1_loss",
        pointwise(smooth_l1),
        samples(*pairs((1.2, 3), (-1, 0)), *pairs((-0.4, 0.4), (-0.4, 0.4), beta=1.0)),
        ulp=3,
        scale=8,
        bad=(MISMATCH,),
    ),
    Case(
        F + "huber_loss",
        pointwise(huber),
        samples(*pairs((1.2, 3), (-1, 0)), *pairs((-0.2, 0.2), (-0.2, 0.2), delta=0.5)),
        ulp=3,
        scale=8,
        bad=(MISMATCH,),
    ),
    Case(
        F + "binary_cross_entropy",
        pointwise(bce),
        samples(
            *pairs((0.05, 0.95), (0, 1)),
            (In((5, 3), 0.1, 0.9), In((5, 3), 0, 1), {"weight": In((3,), 0.5, 2)}),
        ),
        ulp=4,
        scale=8,
        bad=(
            MISMATCH,
            bad(
                ValueError,
                r"probabilities in \[0, 1\]; got 1.5",
                In((2,), values=[0.5, 1.5]),
                In((2,), 0, 1),
            ),
            *(
                bad(
                    ValueError,
                    rf"expected targets in \[0, 1\]; got {label:g}",
                    In((2,), 0, 1),
                    In((2,), values=[0.5, label]),
                )
                for label in (2.0, -1.0, math.nan)
            ),
        ),
    ),
    Case(
        F + "binary_cross_entropy_with_logits",
        bce_logits,
        samples(
            *pairs((-6, 6), (0, 1)),
            (
                In((5, 3), -6, 6),
                In((5, 3), 0, 1),
                {"weight": In((3,), 0.5, 2), "pos_weight": In((3,), 0.5, 2)},
            ),
            (In((3,), values=[-200.0, 0.0, 200.0]), In((3,), values=[0.0, 1.0, 1.0], grad=False)),
        ),
        ulp=4,
        scale=8,
        bad=(MISMATCH,),
    ),
    Case(F + "nll_loss", nll, samples(*class_calls()), ulp=2, scale=8, bad=INDEX_ERRORS),
    Case(
        F + "cross_entropy",
        cross_entropy,
        samples(*class_calls()),
        ulp=3,
        scale=8,
        bad=INDEX_ERRORS,
    ),
    Case(
        F + "cross_entropy",
        cross_entropy,
        samples(*smoothed_calls()),
        ulp=3,
        scale=8,
        label="smoothing",
        bad=(
            bad(
                ValueError,
                "label_smoothing in",
                In((4, 3)),
                In((4,), 0, 2, "int64"),
                {"label_smoothing": 1.5},
            ),
        ),
    ),
    Case(
        F + "cross_entropy",
        cross_entropy,
        samples(*distribution_calls()),
        ulp=3,
        scale=8,
        label="distribution",
    ),
    Case(
        F + "cross_entropy",
        cross_entropy,
        samples(
            (
                In((2, 3), values=[[math.inf, 0, 0], [0, 1, 2]], grad=False),
                In((2,), dtype="int64", values=[-100, 1]),
            )
        ),
        gradient=False,
        ulp=3,
        label="ignored-inf",
    ),
]
