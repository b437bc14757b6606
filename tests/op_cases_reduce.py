"""The cases of reductions: sums, means, extremes, moments, norms, softmax."""

import math

import numpy as np

import twins
from cases import Bad, Case, In, samples

# Rank and dims: everything, one dim, several together and apart, none of size 1 alone, negative.
SHAPED_DIMS = [
    ((), None),
    ((), 0),
    ((1,), 0),
    ((7,), None),
    ((67,), 0),
    ((3, 5), None),
    ((3, 5), 0),
    ((3, 5), -1),
    ((3, 5), [0, 1]),
    ((17, 33), 0),
    ((17, 33), 1),
    ((2, 3, 4), 1),
    ((2, 3, 4), [0, 2]),
    ((2, 3, 4), [1, 2]),
    ((2, 1, 4, 3), [0, 3]),
    ((300, 3), 0),
    ((5000,), 0),
    ((1, 9), 0),
]
EMPTY_DIMS = [((0,), None), ((0, 3), 0), ((3, 0), 1), ((2, 0, 3), [0, 1])]
# Large enough for the driver to split them inside the reduction.
LARGE_DIMS = [((70_001,), 0), ((700, 101), 0), ((3, 30_001), 1)]
INTEGERS = ("uint8", "int32", "int64")


def calls(shaped, low=-2.0, high=2.0, keepdim=True, **fields):
    for shape, dim in shaped:
        x = In(shape, low, high, **fields)
        yield (x,) if dim is None else (x, dim)
        if keepdim and dim is not None:
            yield (x, dim, {"keepdim": True})


def numpy(function, **fixed):
    """A twin from a NumPy reduction."""

    def twin(x, dim=None, keepdim=False):
        axis = twins.axes(dim) if x.ndim else None
        return function(x, axis=axis, keepdims=keepdim, **fixed)

    return twin


def distinct(shape):
    """All elements differ by at least 0.1, so that extremes are unique and stable."""
    n = math.prod(shape)
    order = np.random.default_rng(7).permutation(n)
    return In(shape, values=(order.reshape(shape) - n / 2) / 8)


def reduction(name, twin, **fields):
    made = calls(SHAPED_DIMS + EMPTY_DIMS + LARGE_DIMS)
    return Case(name, twin, samples(*made), **fields)


def exact(name, twin, *, dtypes, low=0, high=4, empty=True, label="integer"):
    shaped = SHAPED_DIMS + (EMPTY_DIMS if empty else [])
    return Case(
        name, twin, samples(*calls(shaped, low, high)), dtypes=dtypes, gradient=False, label=label
    )


def with_index(values, index):
    """The twin of max(x, dim): values and indices."""

    def twin(x, dim=None, keepdim=False):
        if dim is None:
            return values(x)
        flat = x.reshape(1) if x.ndim == 0 else x
        found = index(flat, axis=dim)
        best = values(flat, axis=dim)
        if keepdim and x.ndim:
            found, best = np.expand_dims(found, dim), np.expand_dims(best, dim)
        return best, found

    return twin


def arg(index):
    def twin(x, dim=None, keepdim=False):
        if x.ndim == 0 or dim is None:
            return index(x)
        return index(x, axis=dim, keepdims=keepdim)

    return twin


def moment(function):
    def twin(x, dim=None, correction=1, keepdim=False):
        axis = twins.axes(dim) if x.ndim else None
        n = x.size if axis is None else math.prod(np.take(x.shape, axis).ravel())
        center = x.mean(axis=axis, keepdims=True)
        squares = np.square(x - center).sum(axis=axis, keepdims=keepdim)
        var = squares / np.asarray(max(0, n - correction), dtype=x.dtype)
        return function(var, center.reshape(var.shape))

    return twin


def norm_twin(x, p=2, dim=None, keepdim=False):
    axis, size, p = twins.axes(dim), np.abs(x), 2 if p in (None, "fro") else p
    if p == 0:
        return (x != 0).sum(axis=axis, keepdims=keepdim).astype(x.dtype)
    if math.isinf(p):
        return (size.max if p > 0 else size.min)(axis=axis, keepdims=keepdim)
    p = x.dtype.type(p)
    return (size**p).sum(axis=axis, keepdims=keepdim) ** (1 / p)


def logsumexp_twin(x, dim, keepdim=False):
    axis = twins.axes(dim)
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    y = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return y if keepdim else y.squeeze(axis if x.ndim else None)


def cumsum_twin(x, dim):
    return x.copy() if x.ndim == 0 else np.cumsum(x, axis=dim, dtype=x.dtype)


def bad(error, match, *call):
    return Bad(error, match, samples(call)[0])


ONE_DIM = [(shape, dim) for shape, dim in SHAPED_DIMS if isinstance(dim, int)]
PROD_DIMS = [
    (shape, dim)
    for shape, dim in SHAPED_DIMS + EMPTY_DIMS
    if not isinstance(dim, list) and math.prod(shape) <= 67
]
MAX_CALLS = [
    (distinct(shape), *rest)
    for shape, dim in SHAPED_DIMS
    if not isinstance(dim, list)
    for rest in ([()] if dim is None else [(dim,), (dim, {"keepdim": True})])
]
AMAX_CALLS = [(distinct(s),) if d is None else (distinct(s), d) for s, d in SHAPED_DIMS]
NORMS = [2, 1, 0, math.inf, -math.inf, 3, 1.5]
NORM_CALLS = [
    (In(shape, 0.2, 2), {"dim": dim, "keepdim": keep})
    for shape, dim in SHAPED_DIMS
    for keep in (False, True)
]
DIM_ERRORS = (
    bad(IndexError, "dim", In((3, 4)), 2),
    bad(ValueError, "every dim once", In((3, 4)), [0, -2]),
)

SUMS = [
    reduction("sum", numpy(np.sum), ulp=1, scale=40).but(bad=DIM_ERRORS),
    reduction("mean", numpy(np.mean), ulp=1, scale=2).but(
        bad=(bad(TypeError, "float32 or float64; got int64", In((3,), 0, 5, "int64")), *DIM_ERRORS)
    ),
    Case("prod", numpy(np.prod), samples(*calls(PROD_DIMS, 0.8, 1.25)), ulp=20),
    Case(
        "prod",
        numpy(np.prod),
        samples(*calls([((5000,), 0), ((300, 3), 0), ((17, 33), None)], 0.98, 1.02)),
        ulp=100,
        label="long",
    ),
    Case(
        "prod",
        numpy(np.prod),
        samples(
            (In((4,), values=[2.0, 0.0, 3.0, -1.5]),),
            (In((2, 3), values=[[0, 2, 0], [1, 0, 4]]), 1),
        ),
        second=False,
        label="zeros",
    ),
    exact("sum", numpy(np.sum, dtype=np.int64), dtypes=(*INTEGERS, "bool")),
    exact("any", numpy(np.any), dtypes=("int32", "int64", "bool")),
    exact("all", numpy(np.all), dtypes=("int32", "int64", "bool")),
    Case("any", numpy(np.any), samples(*calls(SHAPED_DIMS + EMPTY_DIMS)), ulp=0, gradient=False),
    Case("all", numpy(np.all), samples(*calls(SHAPED_DIMS + EMPTY_DIMS)), ulp=0, gradient=False),
    exact(
        "count_nonzero",
        lambda x, dim=None: np.asarray(np.count_nonzero(x, axis=twins.axes(dim))),
        dtypes=("int64", "bool"),
    ).but(samples=samples(*calls(SHAPED_DIMS, 0, 2, keepdim=False))),
    Case("cumsum", cumsum_twin, samples(*calls(ONE_DIM, keepdim=False)), ulp=1, scale=40),
    Case(
        "cumsum",
        lambda x, dim: np.cumsum(x, axis=dim, dtype=np.int64),
        samples(*calls([s for s in ONE_DIM if s[0]], 0, 9, keepdim=False)),
        dtypes=(*INTEGERS, "bool"),
        gradient=False,
        label="integer",
    ),
]

EXTREMES = [
    Case("amax", numpy(np.max), samples(*AMAX_CALLS), ulp=0).but(
        bad=(bad(IndexError, "at least one element", In((0, 3)), 0), *DIM_ERRORS)
    ),
    Case("amin", numpy(np.min), samples(*AMAX_CALLS), ulp=0),
    Case("max", with_index(np.max, np.argmax), samples(*MAX_CALLS), ulp=0).but(
        bad=(bad(IndexError, "at least one element", In((0,))),)
    ),
    Case("min", with_index(np.min, np.argmin), samples(*MAX_CALLS), ulp=0),
    Case("argmax", arg(np.argmax), samples(*MAX_CALLS), ulp=0, gradient=False),
    Case("argmin", arg(np.argmin), samples(*MAX_CALLS), ulp=0, gradient=False),
    exact("max", with_index(np.max, np.argmax), dtypes=INTEGERS, empty=False).but(
        samples=samples(*calls([s for s in SHAPED_DIMS if not isinstance(s[1], list)], 0, 9))
    ),
    Case(
        "max",
        with_index(np.max, np.argmax),
        samples((In((2, 4), values=[[1, math.nan, 3, math.nan], [-math.inf, 2, 2, 1]]), 1)),
        ulp=0,
        gradient=False,
        label="special",
    ),
]

MOMENTS = [
    Case(
        "var",
        moment(lambda var, mean: var),
        samples(
            *[(In(s), {"dim": d, "correction": 0}) for s, d in SHAPED_DIMS],
            *[(In(s), {"dim": d}) for s, d in SHAPED_DIMS if math.prod(s) > 9],
        ),
        ulp=2,
        scale=8,
    ),
    Case(
        "std",
        moment(lambda var, mean: np.sqrt(var)),
        samples(
            (In((17,)),),
            (In((9, 5)), {"dim": 0}),
            (In((9, 5)), {"dim": 1, "correction": 0, "keepdim": True}),
        ),
        ulp=2,
        scale=8,
    ),
    Case(
        "var_mean",
        moment(lambda var, mean: (var, mean)),
        samples((In((17,)),), (In((9, 5)), {"dim": 0}), (In((9, 5)), {"dim": [0, 1]})),
        ulp=2,
        scale=8,
    ),
    Case(
        "std_mean",
        moment(lambda var, mean: (np.sqrt(var), mean)),
        samples((In((17,)),), (In((9, 5)), {"dim": 0})),
        ulp=2,
        scale=8,
    ),
    Case(
        "logsumexp",
        logsumexp_twin,
        samples(
            *calls([(s, 0 if d is None else d) for s, d in SHAPED_DIMS], -4, 4),
            (In((2, 3), values=[[-math.inf, 1, 2], [300.0, 301, -300]], grad=False), 1),
        ),
        ulp=2,
        scale=2,
    ),
    *[
        Case(
            "norm",
            norm_twin,
            samples(*[(x, {"p": p, **k}) for x, k in NORM_CALLS]),
            ulp=4,
            scale=8,
            gradient=p != 0,
            second=not math.isinf(p),
            label=f"p={p}",
        ).but(
            samples=samples(*[(x, {"p": p, **k}) for x, k in NORM_CALLS])
            if not math.isinf(p)
            else samples(*[(distinct(x.shape), {"p": p, **k}) for x, k in NORM_CALLS])
        )
        for p in NORMS
    ],
    Case(
        "norm",
        norm_twin,
        samples(
            (In((3, 5)),),
            (In((3, 5)), "fro"),
            (In((2, 3, 4)), "fro", (0, 2), True),
            (In((7,)), None),
        ),
        ulp=4,
        scale=8,
        bad=(bad(ValueError, "p to be a number or 'fro'; got 'nuc'", In((3, 4)), "nuc"),),
        label="p='fro'",
    ),
    Case(
        "linalg.vector_norm",
        lambda x, ord=2: norm_twin(x, ord),
        samples((In((17,)),), (In((3, 5)), 3)),
        ulp=4,
        scale=4,
    ),
]

SOFTMAX_CALLS = [
    (In(shape, -4, 4), dim)
    for shape, dim in [
        ((), 0), ((1,), 0), ((7,), 0), ((67,), -1), ((3, 5), 1), ((3, 5), 0), ((2, 3, 4), 1), ((0, 3), 1), ((17, 33), 1),
    ]
]  # fmt: skip
SOFTMAX = [
    Case(
        "softmax",
        lambda x, dim: np.exp(twins.log_softmax(np.atleast_1d(x), dim)).reshape(x.shape),
        samples(*SOFTMAX_CALLS),
        ulp=4,
        scale=1,
        bad=(
            bad(IndexError, "dim", In((3,)), 1),
            bad(TypeError, "float32 or float64; got int64", In((3,), 0, 3, "int64"), 0),
        ),
    ),
    Case(
        "log_softmax",
        lambda x, dim: twins.log_softmax(np.atleast_1d(x), dim).reshape(x.shape),
        samples(*SOFTMAX_CALLS),
        ulp=2,
        scale=4,
    ),
]

CASES: list[Case] = [*SUMS, *EXTREMES, *MOMENTS, *SOFTMAX]
