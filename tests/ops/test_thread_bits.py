"""Operations on large inputs give the same bits on one, two, three and four threads."""

import numpy as np
import pytest

import chainrule as cr
import harness
from chainrule.nn import functional as F


def array(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def classes(n, count):
    return cr.tensor(np.random.default_rng(1).integers(0, count, n))


LARGE = array(401, 1003)
TALL = array(270_000, 5)  # more than 512 blocks of 512 rows: their sums are blocks again
LONG = array(300_001)

CALLS = {
    "exp": lambda t: cr.exp(t(LARGE)),
    "add, broadcast": lambda t: t(LARGE) + t(LARGE[:, :1]),
    "mul, transposed": lambda t: t(LARGE) * t(LARGE.T.copy()).t(),
    "where": lambda t: cr.where(t(LARGE) > 0, t(LARGE), 0.0),
    "sum of everything": lambda t: t(LARGE).sum(),
    "sum of rows": lambda t: t(LARGE).sum(1),
    "sum of columns": lambda t: t(LARGE).sum(0),
    "sum of many rows": lambda t: t(TALL).sum(0),
    "sum of few long rows": lambda t: t(LONG[:300_000].reshape(3, -1)).sum(1),
    "sum of a view": lambda t: t(LARGE).t()[::2].sum(),
    "sum of dims apart": lambda t: t(LARGE[:400, :1000].reshape(20, 20, 1000)).sum((0, 2)),
    "mean": lambda t: t(LARGE).mean(0),
    "prod": lambda t: cr.prod(t(LONG) * 0.001 + 1),
    "amax": lambda t: cr.amax(t(LARGE), 0),
    "max with indices": lambda t: tuple(t(LARGE).max(1)),
    "argmin": lambda t: t(LARGE).argmin(0),
    "any": lambda t: (t(LARGE) > 3).any(1),
    "cumsum": lambda t: t(LARGE).cumsum(1),
    "var": lambda t: t(LARGE).var(0),
    "norm": lambda t: t(LONG).norm(),
    "logsumexp": lambda t: t(LARGE).logsumexp(1),
    "batch_norm": lambda t: F.batch_norm(t(LARGE), None, None, training=True),
    "layer_norm": lambda t: F.layer_norm(t(LARGE), (LARGE.shape[1],)),
    "softmax": lambda t: t(LARGE).softmax(1),
    "softmax of columns": lambda t: t(LARGE).softmax(0),
    "log_softmax": lambda t: t(LARGE).log_softmax(1),
    "cross_entropy": lambda t: F.cross_entropy(t(TALL), classes(270_000, 5)),
    "nll_loss": lambda t: F.nll_loss(t(TALL), classes(270_000, 5)),
    "smoothed": lambda t: F.cross_entropy(t(LARGE), classes(401, 1003), label_smoothing=0.1),
    "multi_margin_loss": lambda t: F.multi_margin_loss(t(TALL), classes(270_000, 5)),
    "multilabel_margin_loss": lambda t: F.multilabel_margin_loss(
        t(TALL), classes(270_000, 5).unsqueeze(1).expand(270_000, 5)
    ),
    "mse_loss": lambda t: F.mse_loss(t(LARGE), t(LARGE[::-1].copy())),
}


@pytest.fixture
def threads():
    before = cr.get_num_threads()
    yield cr.set_num_threads
    cr.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_results_and_gradients_keep_their_bits(name, dtype, threads):
    def run(count):
        threads(count)
        leaves = []

        def make(values):
            leaves.append(cr.tensor(values.astype(dtype), requires_grad=True))
            return leaves[-1]

        results = harness.outputs_of(CALLS[name](make))
        if results[0].requires_grad:
            results[0].backward(cr.ones_like(results[0]))
        return harness.bits([*results, *(x.grad for x in leaves if x.grad is not None)])

    alone = run(1)
    for count in (2, 3, 4):
        assert run(count) == alone, f"{count} threads"


@pytest.mark.parametrize("dtype", ["int64", "bool"])
@pytest.mark.parametrize("dim", [None, 0, 1])
def test_exact_reductions_are_split_right(dtype, dim, threads):
    values = (np.random.default_rng(2).integers(0, 2, (70_001, 3))).astype(dtype)
    for count in (1, 4):
        threads(count)
        x = cr.tensor(values)
        for got, want in [
            (x.sum() if dim is None else x.sum(dim), values.sum(axis=dim, dtype=np.int64)),
            (x.any() if dim is None else x.any(dim), values.any(axis=dim)),
            (x.all() if dim is None else x.all(dim), values.all(axis=dim)),
        ]:
            np.testing.assert_array_equal(got.numpy(), want)


def test_the_first_bad_target_is_named_whoever_finds_it(threads):
    scores, target = cr.zeros(70_000, 5), np.zeros(70_000, dtype=np.int64)
    target[[40_321, 69_999]] = 5
    for count in (1, 2, 4):
        threads(count)
        with pytest.raises(IndexError, match="got 5 in row 40321"):
            F.cross_entropy(scores, cr.tensor(target))
        with pytest.raises(IndexError, match="others in row 40321"):
            F.multilabel_margin_loss(scores, cr.tensor(target).unsqueeze(1).expand(70_000, 5))
